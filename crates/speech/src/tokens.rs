//! Whisper's tokens: byte-level BPE, with special tokens for languages, tasks and times.

use std::collections::HashMap;

use contract::Failure;
use serde::Deserialize;

use crate::language;

/// The vocabulary.
pub struct Tokens {
    /// The bytes of each token of text, by its number.
    bytes: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, u32>,
    /// Languages by the number of their token.
    languages: Vec<(u32, String)>,
    /// The end of the answer; every token of text has a smaller number.
    pub end: u32,
    /// The beginning of the answer.
    pub start: u32,
    /// Write what is said in its own language.
    pub transcribe: u32,
    /// Write what is said in English.
    pub translate: u32,
    /// What follows was said before the window.
    pub previous: u32,
    /// There is no speech in the window.
    pub no_speech: u32,
    /// Write no times.
    pub no_times: u32,
    /// The time 0.00 s; each following token is 20 ms later.
    pub first_time: u32,
    /// The time 30.00 s.
    pub last_time: u32,
    /// Tokens that are never sampled: marks of speakers and noises, and the special tokens that are no times.
    suppressed: Vec<u32>,
}

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
}

impl Tokens {
    /// Reads a `tokenizer.json` of Hugging Face's tokenizers.
    pub fn read(json: &[u8]) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::internal(format!("the tokens' file is not one of whisper: {what}"));
        let file: File = serde_json::from_slice(json).map_err(|error| wrong(&error.to_string()))?;
        let byte_of = byte_of_character();
        let mut bytes = vec![Vec::new(); file.model.vocab.len()];
        for (text, number) in &file.model.vocab {
            let decoded: Option<Vec<u8>> = text.chars().map(|character| byte_of.get(&character).copied()).collect();
            let decoded = decoded.ok_or_else(|| wrong(&format!("{text:?} is not a byte-level token")))?;
            let place = bytes.get_mut(*number as usize).ok_or_else(|| wrong("its numbers have gaps"))?;
            *place = decoded;
        }
        let special: HashMap<&str, u32> =
            file.added_tokens.iter().map(|added| (added.content.as_str(), added.id)).collect();
        let find = |name: &str| special.get(name).copied().ok_or_else(|| wrong(&format!("it has no {name}")));
        let languages = language::CODES.iter().filter_map(|(code, _)| {
            special.get(format!("<|{code}|>").as_str()).map(|number| (*number, (*code).to_owned()))
        });
        let mut tokens = Self {
            numbers: bytes.iter().cloned().zip(0..).collect(),
            languages: languages.collect(),
            end: find("<|endoftext|>")?,
            start: find("<|startoftranscript|>")?,
            transcribe: find("<|transcribe|>")?,
            translate: find("<|translate|>")?,
            previous: find("<|startofprev|>")?,
            no_speech: find("<|nospeech|>").or_else(|_| find("<|nocaptions|>"))?,
            no_times: find("<|notimestamps|>")?,
            first_time: find("<|0.00|>")?,
            last_time: find("<|30.00|>")?,
            suppressed: Vec::new(),
            bytes,
        };
        if tokens.bytes.len() as u32 > tokens.end || tokens.languages.is_empty() {
            return Err(wrong("it has no languages, or words after its special tokens"));
        }
        tokens.suppressed = tokens.suppressed(find("<|startoflm|>")?);
        Ok(tokens)
    }

    /// How many tokens there are, the times included.
    pub fn count(&self) -> usize {
        self.last_time as usize + 1
    }

    /// The bytes of a token of text; none for a special token.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// The text of tokens; special ones are left out, and bytes that are not UTF-8 are U+FFFD.
    pub fn text(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether a token is a time.
    pub fn is_time(&self, token: u32) -> bool {
        token >= self.first_time
    }

    /// The token of a language by its code, if the vocabulary has it.
    pub fn language(&self, code: &str) -> Option<u32> {
        self.languages.iter().find(|(_, other)| other == code).map(|(number, _)| *number)
    }

    /// All languages with their tokens.
    pub fn languages(&self) -> &[(u32, String)] {
        &self.languages
    }

    /// Tokens that are never sampled, in ascending order.
    pub fn never(&self) -> &[u32] {
        &self.suppressed
    }

    /// The token of a space, which is not sampled first.
    pub fn space(&self) -> Option<u32> {
        self.numbers.get(b" ".as_slice()).copied()
    }

    /// The tokens of a text, as its author's tokeniser makes them: words of the regular expression of GPT-2, in each of which
    /// the pair that makes the token of the smallest number is joined first.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        pieces(text).into_iter().flat_map(|piece| self.join(piece.as_bytes())).collect()
    }

    fn join(&self, piece: &[u8]) -> Vec<u32> {
        let mut parts: Vec<std::ops::Range<usize>> = (0..piece.len()).map(|at| at..at + 1).collect();
        let number = |range: &std::ops::Range<usize>| self.numbers.get(&piece[range.clone()]).copied();
        loop {
            let pairs = parts.windows(2).enumerate();
            let joined = pairs.filter_map(|(at, pair)| Some((number(&(pair[0].start..pair[1].end))?, at)));
            let Some((_, at)) = joined.min() else { break };
            parts[at] = parts[at].start..parts[at + 1].end;
            parts.remove(at + 1);
        }
        parts.iter().filter_map(number).collect()
    }

    /// `Tokenizer.non_speech_tokens` and `DecodingTask._get_suppress_tokens` of openai/whisper.
    fn suppressed(&self, start_of_lm: u32) -> Vec<u32> {
        const MARKS: &str = "\"#()*+/:;<=>@[\\]^_`{|}~「」『』";
        const GROUPS: &str = "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪";
        const NOTES: &str = "♩♪♫♬♭♮♯";
        let mut result: Vec<u32> = [" -", " '"].iter().filter_map(|text| self.encode(text).first().copied()).collect();
        let single = MARKS.chars().map(String::from).chain(GROUPS.split(' ').map(str::to_owned));
        let notes = NOTES.chars().map(|note| (note.to_string(), true));
        for (mark, is_note) in single.map(|mark| (mark, false)).chain(notes) {
            for text in [mark.clone(), format!(" {mark}")] {
                let tokens = self.encode(&text);
                // Notes have two tokens, of which the first is that of all such signs.
                if tokens.len() == 1 || is_note {
                    result.extend(tokens.first());
                }
            }
        }
        result.extend([self.transcribe, self.translate, self.start, self.previous, self.no_speech, start_of_lm]);
        result.sort_unstable();
        result.dedup();
        result
    }
}

/// The bytes of GPT-2's printable alphabet: those that are printable in Latin-1 stand for themselves, the others follow from
/// U+0100 on (`bytes_to_unicode` of openai/gpt-2).
fn byte_of_character() -> HashMap<char, u8> {
    let mut next = 0x100;
    let character = |byte: u8| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => {
            next += 1;
            char::from_u32(next - 1).expect("below U+0200")
        }
    };
    (0..=u8::MAX).map(character).zip(0..=u8::MAX).collect()
}

/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
fn pieces(text: &str) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Letter,
        Digit,
        Space,
        Other,
    }
    let class = |character: char| match character {
        _ if character.is_whitespace() => Class::Space,
        _ if character.is_alphabetic() => Class::Letter,
        _ if character.is_numeric() => Class::Digit,
        _ => Class::Other,
    };
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let suffix = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].iter().find(|suffix| rest.starts_with(**suffix));
        let length = if let Some(suffix) = suffix {
            suffix.len()
        } else {
            let run = |from: &str| {
                let wanted = from.chars().next().map(class);
                from.find(|character| Some(class(character)) != wanted).unwrap_or(from.len())
            };
            let after = &rest[first.len_utf8()..];
            match class(first) {
                Class::Space
                    if first == ' ' && after.chars().next().is_some_and(|next| class(next) != Class::Space) =>
                {
                    1 + run(after)
                }
                Class::Space => {
                    let spaces = run(rest);
                    let last = rest[..spaces].chars().next_back().map_or(1, char::len_utf8);
                    // The last space before a word is the word's.
                    if spaces < rest.len() && spaces > last { spaces - last } else { spaces }
                }
                Class::Letter | Class::Digit | Class::Other => run(rest),
            }
        };
        result.push(&rest[..length]);
        rest = &rest[length..];
    }
    result
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A small vocabulary: all bytes, a few words, the special tokens.
    pub(crate) fn small() -> Tokens {
        let letters: HashMap<u8, char> = byte_of_character().into_iter().map(|(letter, byte)| (byte, letter)).collect();
        let mut vocabulary: Vec<String> = (0..=u8::MAX).map(|byte| letters[&byte].to_string()).collect();
        for text in [
            "Ġt", "Ġth", "he", "Ġthe", "Ġa", "at", "Ġc", "Ġs", "Ġn", "Ġcat", "Ġsat", "Ġno", "ing", "Ġ-", "Ġ'", "((",
            "Ġ(", "âĻ", "ĠâĻ",
        ] {
            vocabulary.push(text.to_owned());
        }
        let mut special = vec!["<|endoftext|>".to_owned(), "<|startoftranscript|>".to_owned()];
        special.extend(["en", "zh", "de", "fr", "ru"].map(|code| format!("<|{code}|>")));
        for name in ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"] {
            special.push(format!("<|{name}|>"));
        }
        special.extend((0..=1500).map(|step| format!("<|{:.2}|>", f64::from(step) * 0.02)));
        let vocab: HashMap<&String, usize> = vocabulary.iter().zip(0..).collect();
        let added = special.iter().zip(vocabulary.len()..);
        let added: Vec<_> = added.map(|(content, id)| json!({ "id": id, "content": content })).collect();
        let file = json!({ "added_tokens": added, "model": { "vocab": vocab } });
        Tokens::read(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn text_becomes_tokens_and_tokens_become_the_text() {
        let tokens = small();
        let encoded = tokens.encode(" the cat: naïve — 你好");
        assert_eq!(tokens.text(&encoded), " the cat: naïve — 你好");
        assert_eq!(tokens.text(&encoded[..1]), " the");
        // A part of a character is a mark, and no failure.
        let half = tokens.encode("你");
        assert_eq!(tokens.text(&half[..half.len() - 1]), "\u{FFFD}");
        assert_eq!(tokens.text(&[tokens.start, tokens.first_time]), "");
    }

    #[test]
    fn words_are_cut_as_the_tokeniser_of_gpt_2_cuts_them() {
        for (text, expected) in [
            ("Hello world", vec!["Hello", " world"]),
            (" it's  here", vec![" it", "'s", " ", " here"]),
            ("a1 b,c", vec!["a", "1", " b", ",", "c"]),
            ("end  ", vec!["end", "  "]),
            ("x\n\ny", vec!["x", "\n", "\n", "y"]),
        ] {
            assert_eq!(pieces(text), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_of_noises_and_special_tokens_are_never_sampled_and_times_are() {
        let tokens = small();
        let never = tokens.never();
        for text in ["(", "[", "♪", "-"] {
            let encoded = if text == "-" { tokens.encode(" -") } else { tokens.encode(text) };
            assert!(never.contains(&encoded[0]), "{text}");
        }
        assert!(never.contains(&tokens.start) && never.contains(&tokens.no_speech) && !never.contains(&tokens.end));
        assert!(!never.contains(&tokens.first_time) && !never.contains(&tokens.encode("a")[0]));
        assert_eq!((tokens.language("fr"), tokens.language("xx")), (Some(tokens.start + 4), None));
    }

    #[test]
    fn a_file_of_another_model_is_refused_with_what_it_lacks() {
        let message = |text: &str| Tokens::read(text.as_bytes()).map(|_| ()).unwrap_err().to_string();
        assert!(message("{}").contains("not one of whisper"));
        assert!(message(r#"{"added_tokens": [], "model": {"vocab": {"a": 0}}}"#).contains("<|endoftext|>"));
        assert!(message(r#"{"added_tokens": [], "model": {"vocab": {"a": 7}}}"#).contains("gaps"));
    }
}
