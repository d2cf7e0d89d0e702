//! Texts to the numbers that an embedding network reads, and what it gives to one vector: the vocabulary of XLM-R (a unigram model,
//! Kudo 2018) with the embeddings of its pieces in 4 bits, in one file that is read where it is mapped.
//!
//! The file is made by `scripts/weights.d/multilingual_e5.py`, whose head has its layout.

use contract::Failure;

/// Tokens of one run of the network, the first and the last mark included.
pub const MOST_TOKENS: usize = 512;
/// What e5 was trained to have in front of a text that is searched for.
const PASSAGE: &str = "passage: ";
/// And in front of a question.
const QUERY: &str = "query: ";
/// What stands for a space.
const SPACE: char = '\u{2581}';

/// What a text is to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A part of a document.
    Passage,
    /// What is looked for, or compared with others of its kind.
    Query,
}

/// The pieces of words that a network knows, and their embeddings.
pub struct Vocabulary<'a> {
    pieces: usize,
    first: u32,
    last: u32,
    unknown: u32,
    width: usize,
    longest: usize,
    unknown_score: f32,
    offsets: &'a [u8],
    scores: &'a [u8],
    places: &'a [u8],
    rows: &'a [u8],
    table: &'a [u8],
    text: &'a [u8],
    /// Characters that are read as others, ascending.
    normalisation: Vec<(u32, &'a [u8])>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let part = &bytes[at * 4..at * 4 + 4];
    u32::from_le_bytes([part[0], part[1], part[2], part[3]])
}

impl<'a> Vocabulary<'a> {
    /// Reads a mapped file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        Self::parse(bytes).ok_or_else(|| {
            Failure::internal("the weights text-vocabulary are not in the form that is expected; remove the file and run scripts/weights text-vocabulary")
        })
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"E5V1")?;
        let mut take = |length: usize| -> Option<&'a [u8]> {
            let (part, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(part)
        };
        let head = take(28)?;
        let [pieces, first, last, unknown, places, width, entries] = [0, 1, 2, 3, 4, 5, 6].map(|at| word(head, at));
        let (pieces, width) = (pieces as usize, width as usize);
        if pieces == 0
            || !width.is_multiple_of(32)
            || (places as usize) < MOST_TOKENS
            || [first, last, unknown].iter().any(|piece| *piece as usize >= pieces)
        {
            return None;
        }
        let offsets = take((pieces + 1).checked_mul(4)?)?;
        let scores = take(pieces.checked_mul(4)?)?;
        let places = take((places as usize).checked_mul(width)?.checked_mul(4)?)?;
        let rows = take(pieces.checked_mul(width / 32)?.checked_mul(18)?)?;
        let slots = word(take(4)?, 0) as usize;
        let table = take(slots.checked_mul(4)?)?;
        let text = take(word(offsets, pieces) as usize)?;
        let mut normalisation = Vec::with_capacity(entries.min(1 << 20) as usize);
        for _ in 0..entries {
            let head = take(5)?;
            normalisation.push((word(head, 0), take(usize::from(head[4]) * 4)?));
        }
        let is_ascending = (0..pieces).all(|piece| word(offsets, piece) <= word(offsets, piece + 1));
        if !slots.is_power_of_two()
            || slots <= pieces
            || !is_ascending
            || !normalisation.is_sorted_by_key(|entry| entry.0)
        {
            return None;
        }
        let longest = (0..pieces).map(|piece| (word(offsets, piece + 1) - word(offsets, piece)) as usize).max()?;
        let least = (0..pieces).map(|piece| f32::from_bits(word(scores, piece))).fold(f32::INFINITY, f32::min);
        let unknown_score = least - 10.0;
        Some(Self {
            pieces,
            first,
            last,
            unknown,
            width,
            longest,
            unknown_score,
            offsets,
            scores,
            places,
            rows,
            table,
            text,
            normalisation,
        })
    }

    /// How many numbers an embedding has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The pieces of a text, without marks at its ends.
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        let normalised = self.normalised(text);
        let bytes = normalised.as_bytes();
        let places: Vec<usize> = normalised.char_indices().map(|(at, _)| at).chain([bytes.len()]).collect();
        let count = places.len() - 1;
        let mut best = vec![(f32::NEG_INFINITY, 0_u32, 0_usize); count + 1];
        best[0].0 = 0.0;
        for start in 0..count {
            let so_far = best[start].0;
            let from = places[start];
            let mut hash = HASH_START;
            let mut at = from;
            for end in start + 1..=count {
                let to = places[end];
                if to - from > self.longest {
                    break;
                }
                hash = bytes[at..to].iter().fold(hash, |hash, byte| hashed(hash, *byte));
                at = to;
                if let Some(piece) = self.find(hash, &bytes[from..to]).filter(|piece| *piece != self.unknown) {
                    let score = so_far + f32::from_bits(word(self.scores, piece as usize));
                    if score > best[end].0 {
                        best[end] = (score, piece, start);
                    }
                }
            }
            let score = so_far + self.unknown_score;
            if score > best[start + 1].0 {
                best[start + 1] = (score, self.unknown, start);
            }
        }
        let mut pieces = Vec::new();
        let mut at = count;
        while at > 0 {
            let (_, piece, from) = best[at];
            // Signs in a row that are not known are one.
            if piece != self.unknown || pieces.last() != Some(&self.unknown) {
                pieces.push(piece);
            }
            at = from;
        }
        pieces.reverse();
        pieces
    }

    /// The runs of the network that a text takes: pieces with the marks at both ends, of at most [`MOST_TOKENS`].
    pub fn runs(&self, text: &str, role: Role) -> Vec<Vec<u32>> {
        let prefix = match role {
            Role::Passage => PASSAGE,
            Role::Query => QUERY,
        };
        let pieces = self.pieces(&format!("{prefix}{text}"));
        let marked = |part: &[u32]| [&[self.first], part, &[self.last]].concat();
        if pieces.is_empty() {
            return vec![marked(&[])];
        }
        pieces.chunks(MOST_TOKENS - 2).map(marked).collect()
    }

    /// What the network reads: a row for each piece, with its place's numbers added.
    pub fn embed(&self, pieces: &[u32], into: &mut Vec<f32>) {
        for (place, piece) in pieces.iter().enumerate() {
            let row = (*piece as usize).min(self.pieces - 1) * self.width / 32 * 18;
            for block in 0..self.width / 32 {
                let bytes = &self.rows[row + block * 18..row + block * 18 + 18];
                let scale = half(u16::from_le_bytes([bytes[0], bytes[1]]));
                let numbers = bytes[2..].iter().map(|byte| byte & 15).chain(bytes[2..].iter().map(|byte| byte >> 4));
                let at = place * self.width + block * 32;
                into.extend(
                    numbers
                        .zip(at..)
                        .map(|(number, at)| (f32::from(number) - 8.0) * scale + f32::from_bits(word(self.places, at))),
                );
            }
        }
    }

    fn find(&self, hash: u64, bytes: &[u8]) -> Option<u32> {
        let slots = self.table.len() / 4;
        let mut slot = hash as usize & (slots - 1);
        loop {
            let piece = (word(self.table, slot) as usize).checked_sub(1).filter(|piece| *piece < self.pieces)?;
            let (from, to) = (word(self.offsets, piece) as usize, word(self.offsets, piece + 1) as usize);
            if self.text.get(from..to) == Some(bytes) {
                return Some(piece as u32);
            }
            slot = (slot + 1) & (slots - 1);
        }
    }

    /// Characters as the vocabulary has them, spaces as its sign for them, one at the beginning.
    fn normalised(&self, text: &str) -> String {
        let mut normalised = String::with_capacity(text.len() + 16);
        let mut last = None;
        let mut push = |char: char| {
            let char = if char == ' ' { SPACE } else { char };
            if char != SPACE || last != Some(SPACE) {
                if last.is_none() && char != SPACE {
                    normalised.push(SPACE);
                }
                normalised.push(char);
            }
            last = Some(char);
        };
        for char in text.chars() {
            match self.normalisation.binary_search_by_key(&u32::from(char), |entry| entry.0) {
                Ok(at) => {
                    let others = self.normalisation[at].1;
                    (0..others.len() / 4).filter_map(|at| char::from_u32(word(others, at))).for_each(&mut push);
                }
                Err(_) => push(char),
            }
        }
        while normalised.len() > SPACE.len_utf8() && normalised.ends_with(SPACE) {
            normalised.pop();
        }
        normalised
    }
}

const HASH_START: u64 = 0xCBF2_9CE4_8422_2325;

/// FNV-1a.
fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
}

/// A number of 16 bits (IEEE 754).
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(bits >> 15), u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        0 => (if sign == 1 { -1.0 } else { 1.0 }) * fraction as f32 * 2.0_f32.powi(-24),
        31 => f32::from_bits(sign << 31 | 0xFF << 23 | fraction << 13),
        _ => f32::from_bits(sign << 31 | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The mean of a run's rows; `None` of nothing.
pub fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    let count = rows.len() / width;
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, number)| *mean += number);
    }
    for number in &mut mean {
        *number /= count.max(1) as f32;
    }
    mean
}

/// The vector at length 1.
pub fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(1e-12);
    for number in &mut vector {
        *number /= length;
    }
    vector
}

/// The cosine of two vectors of length 1.
pub fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary of a few pieces, laid out as the converter does.
    fn file() -> Vec<u8> {
        let pieces: [(&str, f32); 9] = [
            ("<s>", 0.0),
            ("</s>", 0.0),
            ("<unk>", 0.0),
            ("\u{2581}", -4.0),
            ("\u{2581}har", -3.0),
            ("bour", -3.0),
            ("\u{2581}harbour", -5.0),
            ("s", -2.0),
            ("a", -6.0),
        ];
        let mut bytes = b"E5V1".to_vec();
        let number = |bytes: &mut Vec<u8>, number: u32| bytes.extend(number.to_le_bytes());
        for value in [pieces.len() as u32, 0, 1, 2, 512, 32, 1] {
            number(&mut bytes, value);
        }
        let mut offset = 0;
        for (text, _) in pieces {
            number(&mut bytes, offset);
            offset += text.len() as u32;
        }
        number(&mut bytes, offset);
        for (_, score) in pieces {
            bytes.extend(score.to_le_bytes());
        }
        bytes.extend((0..512 * 32).flat_map(|at| (at as f32 / 32.0).floor().to_le_bytes()));
        for piece in 0..pieces.len() as u8 {
            bytes.extend(0x3C00_u16.to_le_bytes());
            bytes.extend([piece << 4 | 8; 16]);
        }
        let mut table = [0_u32; 32];
        for (at, (text, _)) in pieces.iter().enumerate() {
            let mut slot = text.bytes().fold(HASH_START, hashed) as usize & 31;
            while table[slot] != 0 {
                slot = (slot + 1) & 31;
            }
            table[slot] = at as u32 + 1;
        }
        number(&mut bytes, 32);
        for value in table {
            number(&mut bytes, value);
        }
        for (text, _) in pieces {
            bytes.extend(text.bytes());
        }
        number(&mut bytes, u32::from('A'));
        bytes.push(1);
        number(&mut bytes, u32::from('a'));
        bytes
    }

    #[test]
    fn texts_are_the_likeliest_pieces() {
        let file = file();
        let vocabulary = Vocabulary::read(&file).unwrap();
        assert_eq!(vocabulary.pieces("harbours"), [6, 7]);
        assert_eq!(vocabulary.pieces("  harbour   A "), [6, 3, 8]);
        assert_eq!(vocabulary.pieces("xyz a"), [3, 2, 3, 8]);
        assert_eq!(vocabulary.pieces(""), [0_u32; 0]);
    }

    #[test]
    fn rows_are_a_scale_by_numbers_of_four_bits_and_the_place() {
        let file = file();
        let vocabulary = Vocabulary::read(&file).unwrap();
        let mut rows = Vec::new();
        vocabulary.embed(&[5, 7], &mut rows);
        let expected: Vec<i32> = [vec![0; 16], vec![-3; 16], vec![1; 16], vec![0; 16]].concat();
        assert_eq!(rows.iter().map(|number| *number as i32).collect::<Vec<_>>(), expected);
        assert!((mean(&rows, 32)[0] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn long_texts_are_several_runs() {
        let file = file();
        let vocabulary = Vocabulary::read(&file).unwrap();
        let runs = vocabulary.runs(&"harbour ".repeat(900), Role::Passage);
        assert!(runs.len() == 2 && runs[0].len() == MOST_TOKENS);
        assert!(runs.iter().all(|run| run[0] == 0 && *run.last().unwrap() == 1));
    }

    #[test]
    fn cut_files_are_refused() {
        let file = file();
        for length in [0, 3, 20, 100, file.len() - 1] {
            assert!(Vocabulary::read(&file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn halves_are_as_the_standard_has_them() {
        for (bits, value) in
            [(0x3C00, 1.0_f32), (0xC000, -2.0), (0x3555, 1365.0 / 4096.0), (0x0001, 2.0_f32.powi(-24)), (0, 0.0)]
        {
            assert_eq!(half(bits).to_bits(), value.to_bits());
        }
    }
}
