//! Reads PDF's object syntax (ISO 32000-2, 7.2 and 7.3), forgivingly: what cannot be understood is skipped, never fatal.

use lopdf::{Dictionary, Object, StringFormat};

/// Arrays and dictionaries nested deeper than this are read as null. Real files stay below 20.
const MAX_DEPTH: usize = 64;

/// A reader over bytes, with a position.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    data: &'a [u8],
    pub(crate) position: usize,
    /// Whether `12 0 R` is a reference: so in files, not so in content streams.
    references: bool,
}

/// What stands at a position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    Object(Object),
    Keyword(&'a [u8]),
    ArrayEnd,
    DictionaryEnd,
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0 | 0x0C)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

impl<'a> Lexer<'a> {
    /// Over the bytes of a file or object stream.
    pub(crate) fn of_file(data: &'a [u8], position: usize) -> Self {
        Self { data, position: position.min(data.len()), references: true }
    }

    /// Over the bytes of a content stream or a character map.
    pub(crate) fn of_content(data: &'a [u8]) -> Self {
        Self { data, position: 0, references: false }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.position).copied()
    }

    pub(crate) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) {
                self.position += 1;
            } else if byte == b'%' {
                let end = memchr::memchr2(b'\n', b'\r', self.rest()).unwrap_or(self.rest().len());
                self.position += end;
            } else {
                break;
            }
        }
    }

    /// The next token, or none at the end.
    pub(crate) fn token(&mut self) -> Option<Token<'a>> {
        self.token_at_depth(0)
    }

    /// The next object; none if there is something else.
    pub(crate) fn object(&mut self) -> Option<Object> {
        match self.token()? {
            Token::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The next token if it is an integer; otherwise the position stays.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let start = self.position;
        self.skip_space();
        if self.peek().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
            && let Object::Integer(value) = self.number()
        {
            return Some(value);
        }
        self.position = start;
        None
    }

    /// Whether the keyword stands next; then it is passed.
    pub(crate) fn keyword(&mut self, word: &[u8]) -> bool {
        let start = self.position;
        self.skip_space();
        if self.rest().starts_with(word) {
            self.position += word.len();
            return true;
        }
        self.position = start;
        false
    }

    fn token_at_depth(&mut self, depth: usize) -> Option<Token<'a>> {
        loop {
            self.skip_space();
            let byte = self.peek()?;
            return Some(match byte {
                b'/' => Token::Object(Object::Name(self.name())),
                b'(' => Token::Object(self.literal_string()),
                b'<' if self.data.get(self.position + 1) == Some(&b'<') => {
                    self.position += 2;
                    Token::Object(self.dictionary(depth))
                }
                b'<' => Token::Object(self.hexadecimal_string()),
                b'[' => {
                    self.position += 1;
                    Token::Object(self.array(depth))
                }
                b']' => {
                    self.position += 1;
                    Token::ArrayEnd
                }
                b'>' => {
                    self.position += 1;
                    if self.peek() != Some(b'>') {
                        continue;
                    }
                    self.position += 1;
                    Token::DictionaryEnd
                }
                b'{' | b'}' | b')' => {
                    self.position += 1;
                    continue;
                }
                b'0'..=b'9' | b'+' | b'-' | b'.' => Token::Object(self.number_or_reference()),
                _ => self.word(),
            });
        }
    }

    fn word(&mut self) -> Token<'a> {
        let start = self.position;
        while self.peek().is_some_and(is_regular) {
            self.position += 1;
        }
        match &self.data[start..self.position] {
            b"true" => Token::Object(Object::Boolean(true)),
            b"false" => Token::Object(Object::Boolean(false)),
            b"null" => Token::Object(Object::Null),
            word => Token::Keyword(word),
        }
    }

    fn number_or_reference(&mut self) -> Object {
        let number = self.number();
        let Object::Integer(id) = number else { return number };
        if !self.references || !(0..=i64::from(u32::MAX)).contains(&id) {
            return number;
        }
        let after = self.position;
        let reference = (|| {
            self.skip_space();
            if !self.peek()?.is_ascii_digit() {
                return None;
            }
            let Object::Integer(generation) = self.number() else { return None };
            let generation = u16::try_from(generation).ok()?;
            self.skip_space();
            if self.peek()? != b'R' || self.data.get(self.position + 1).copied().is_some_and(is_regular) {
                return None;
            }
            self.position += 1;
            Some(Object::Reference((id as u32, generation)))
        })();
        reference.unwrap_or_else(|| {
            self.position = after;
            number
        })
    }

    /// A number, also such as `--5`, `1.2.3`, `4-7` and `.` that some producers write.
    fn number(&mut self) -> Object {
        let start = self.position;
        let mut negative = false;
        while let Some(sign @ (b'+' | b'-')) = self.peek() {
            negative |= sign == b'-';
            self.position += 1;
        }
        let mut value = 0.0_f64;
        let mut integer = Some(0_i64);
        let mut scale = 0.0_f64;
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => {
                    let digit = byte - b'0';
                    if scale > 0.0 {
                        value += f64::from(digit) * scale;
                        scale /= 10.0;
                    } else {
                        value = value * 10.0 + f64::from(digit);
                        integer = integer
                            .and_then(|integer| integer.checked_mul(10))
                            .and_then(|integer| integer.checked_add(i64::from(digit)));
                    }
                }
                b'.' if scale == 0.0 => {
                    scale = 0.1;
                    integer = None;
                }
                // A sign within a number ends it for other readers; what follows is dropped.
                b'-' => {
                    while self.peek().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')) {
                        self.position += 1;
                    }
                    break;
                }
                _ => break,
            }
            self.position += 1;
        }
        if self.position == start {
            self.position += 1;
        }
        match integer {
            Some(integer) if scale == 0.0 => Object::Integer(if negative { -integer } else { integer }),
            _ => Object::Real((if negative { -value } else { value }) as f32),
        }
    }

    fn name(&mut self) -> Vec<u8> {
        self.position += 1;
        let start = self.position;
        while self.peek().is_some_and(is_regular) {
            self.position += 1;
        }
        let raw = &self.data[start..self.position];
        if !raw.contains(&b'#') {
            return raw.to_vec();
        }
        let mut name = Vec::with_capacity(raw.len());
        let mut bytes = raw.iter().copied().enumerate();
        while let Some((at, byte)) = bytes.next() {
            let pair = (raw.get(at + 1).copied().and_then(hex_digit), raw.get(at + 2).copied().and_then(hex_digit));
            if let (b'#', (Some(high), Some(low))) = (byte, pair) {
                name.push(high << 4 | low);
                bytes.nth(1);
            } else {
                name.push(byte);
            }
        }
        name
    }

    fn literal_string(&mut self) -> Object {
        self.position += 1;
        let mut string = Vec::new();
        let mut depth = 1_usize;
        while let Some(byte) = self.peek() {
            self.position += 1;
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut string);
                    continue;
                }
                b'\r' => {
                    if self.peek() == Some(b'\n') {
                        self.position += 1;
                    }
                    string.push(b'\n');
                    continue;
                }
                _ => {}
            }
            string.push(byte);
        }
        Object::String(string, StringFormat::Literal)
    }

    fn escape(&mut self, string: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.position += 1;
        match byte {
            b'n' => string.push(b'\n'),
            b'r' => string.push(b'\r'),
            b't' => string.push(b'\t'),
            b'b' => string.push(8),
            b'f' => string.push(12),
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.position += 1;
                }
            }
            b'\n' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.peek() {
                        Some(digit @ b'0'..=b'7') => {
                            code = code * 8 + u32::from(digit - b'0');
                            self.position += 1;
                        }
                        _ => break,
                    }
                }
                string.push(code as u8);
            }
            other => string.push(other),
        }
    }

    fn hexadecimal_string(&mut self) -> Object {
        self.position += 1;
        let mut string = Vec::new();
        let mut pending = None;
        while let Some(byte) = self.peek() {
            self.position += 1;
            if byte == b'>' {
                break;
            }
            let Some(digit) = hex_digit(byte) else { continue };
            match pending.take() {
                None => pending = Some(digit),
                Some(high) => string.push(high << 4 | digit),
            }
        }
        if let Some(high) = pending {
            string.push(high << 4);
        }
        Object::String(string, StringFormat::Hexadecimal)
    }

    fn array(&mut self, depth: usize) -> Object {
        if depth >= MAX_DEPTH {
            return Object::Null;
        }
        let mut items = Vec::new();
        loop {
            let before = self.position;
            match self.token_at_depth(depth + 1) {
                None | Some(Token::ArrayEnd) => break,
                Some(Token::Object(item)) => items.push(item),
                // A missing bracket: what ends the object around it ends the array.
                Some(Token::DictionaryEnd) => {
                    self.position = before;
                    break;
                }
                Some(Token::Keyword(word)) => {
                    if matches!(word, b"endobj" | b"endstream" | b"stream") {
                        self.position = before;
                        break;
                    }
                }
            }
        }
        Object::Array(items)
    }

    fn dictionary(&mut self, depth: usize) -> Object {
        if depth >= MAX_DEPTH {
            return Object::Null;
        }
        let mut dictionary = Dictionary::new();
        loop {
            let before = self.position;
            match self.token_at_depth(depth + 1) {
                None | Some(Token::DictionaryEnd) => break,
                Some(Token::Object(Object::Name(key))) => {
                    let before = self.position;
                    match self.token_at_depth(depth + 1) {
                        Some(Token::Object(value)) => dictionary.set(key, value),
                        Some(Token::DictionaryEnd) | None => break,
                        Some(Token::Keyword(b"endobj" | b"endstream" | b"stream")) => {
                            self.position = before;
                            break;
                        }
                        Some(Token::Keyword(_) | Token::ArrayEnd) => {}
                    }
                }
                Some(Token::Keyword(b"endobj" | b"endstream" | b"stream" | b"ID")) => {
                    self.position = before;
                    break;
                }
                Some(_) => {}
            }
        }
        Object::Dictionary(dictionary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Object {
        Lexer::of_file(text.as_bytes(), 0).object().unwrap()
    }

    #[test]
    fn objects_are_read_as_the_standard_writes_them() {
        let object = read("<< /Type /Page#20X /Kids [1 0 R (a\\(b\\051\\n) <414>] /R 1.5 /N -3 /B true /Z null >>");
        let dictionary = object.as_dict().unwrap();
        assert_eq!(dictionary.get(b"Type").unwrap(), &Object::Name(b"Page X".to_vec()));
        let kids = dictionary.get(b"Kids").unwrap().as_array().unwrap();
        assert_eq!(kids[0], Object::Reference((1, 0)));
        assert_eq!(kids[1].as_str().unwrap(), b"a(b)\n");
        assert_eq!(kids[2].as_str().unwrap(), b"A@");
        assert_eq!(dictionary.get(b"R").unwrap(), &Object::Real(1.5));
        assert_eq!(dictionary.get(b"N").unwrap(), &Object::Integer(-3));
    }

    #[test]
    fn odd_numbers_are_numbers() {
        for (text, expected) in
            [("--5", -5.0), ("1.2.3", 1.2), ("4-7", 4.0), (".5", 0.5), ("+3.", 3.0), ("-.002", -0.002)]
        {
            let number = read(text).as_float().unwrap();
            assert!((number - expected).abs() < 1e-6, "{text} is {number}");
        }
        assert!(read("99999999999999999999").as_float().unwrap() > 9e19);
    }

    #[test]
    fn deep_nesting_ends_in_null_and_not_in_the_stack() {
        for open in ["[", "<</A "] {
            let text = open.repeat(200_000);
            let mut lexer = Lexer::of_file(text.as_bytes(), 0);
            while lexer.token().is_some() {}
        }
    }

    #[test]
    fn a_missing_bracket_does_not_swallow_the_rest() {
        let object = read("<< /A [1 2 /B 3 >> endobj");
        assert_eq!(object.as_dict().unwrap().get(b"A").unwrap().as_array().unwrap().len(), 4);
    }
}
