//! The network: words to vectors, vectors to actions.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::{File, NameType};

/// Numbers of a word's vector, and of the state that chooses an action.
const WIDTH: usize = 96;
const STATE: usize = 64;
/// Pieces of which a maxout layer takes the largest.
const PIECES: usize = 3;
const STATE_PIECES: usize = 2;
const TABLES: usize = 4;
const LAYERS: usize = 4;
/// The number that spaCy's layer norm adds to the variance.
const EPSILON: f32 = 1e-8;

/// What the network knows of a word: the hashes of its norm, its first letter, its last three and its shape.
pub(super) type Features = [u64; TABLES];

/// What can be done with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// An entity of several words begins with it.
    Begin,
    /// It is in one.
    In,
    /// It ends one.
    Last,
    /// It is one.
    Alone,
    /// It is in none.
    Out,
}

impl Action {
    pub(super) fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Begin,
            2 => Self::In,
            3 => Self::Last,
            4 => Self::Alone,
            5 => Self::Out,
            _ => return None,
        })
    }
}

struct Maxout {
    /// Rows of inputs, of which each number of the output has [`PIECES`].
    weight: Vec<f32>,
    bias: Vec<f32>,
    gain: Vec<f32>,
    shift: Vec<f32>,
}

pub(super) struct Network {
    tables: [Vec<f32>; TABLES],
    /// The first mixes the tables' rows, the others three words each.
    layers: Vec<Maxout>,
    inner_weight: Vec<f32>,
    inner_bias: Vec<f32>,
    lower_weight: Vec<f32>,
    lower_bias: Vec<f32>,
    lower_pad: Vec<f32>,
    upper_weight: Vec<f32>,
    upper_bias: Vec<f32>,
}

impl Network {
    pub(super) fn read(file: &mut File<'_>) -> Option<Self> {
        let mut arrays: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for _ in 0..file.number()? {
            let length = file.take(1)?[0];
            let name = std::str::from_utf8(file.take(length.into())?).ok()?.to_owned();
            let lengths = file.take(1)?[0];
            let mut count = 1_usize;
            for _ in 0..lengths {
                count = count.checked_mul(file.number()? as usize)?;
            }
            let bytes = file.take(count.checked_mul(4)?)?;
            let number = |part: &[u8]| f32::from_le_bytes([part[0], part[1], part[2], part[3]]);
            arrays.insert(name, bytes.chunks_exact(4).map(number).collect());
        }
        let mut take = |name: &str, length: usize| arrays.remove(name).filter(|array| array.len() == length);
        let mut table = |number: usize, rows: usize| take(&format!("table{number}"), rows * WIDTH);
        let tables = [table(0, 5000)?, table(1, 1000)?, table(2, 2500)?, table(3, 2500)?];
        let mut layers = Vec::new();
        for number in 0..=LAYERS {
            let inputs = WIDTH * if number == 0 { TABLES } else { 3 };
            layers.push(Maxout {
                weight: take(&format!("weight{number}"), WIDTH * PIECES * inputs)?,
                bias: take(&format!("bias{number}"), WIDTH * PIECES)?,
                gain: take(&format!("gain{number}"), WIDTH)?,
                shift: take(&format!("shift{number}"), WIDTH)?,
            });
        }
        let upper_bias = arrays.remove("upper_bias")?;
        let mut take = |name: &str, length: usize| arrays.remove(name).filter(|array| array.len() == length);
        Some(Self {
            tables,
            layers,
            inner_weight: take("inner_weight", STATE * WIDTH)?,
            inner_bias: take("inner_bias", STATE)?,
            lower_weight: take("lower_weight", 3 * STATE * STATE_PIECES * STATE)?,
            lower_bias: take("lower_bias", STATE * STATE_PIECES)?,
            lower_pad: take("lower_pad", 3 * STATE * STATE_PIECES)?,
            upper_weight: take("upper_weight", upper_bias.len() * STATE)?,
            upper_bias,
        })
    }

    pub(super) fn actions(&self) -> usize {
        self.upper_bias.len()
    }

    /// Entities as ranges of words.
    pub(super) fn entities(
        &self,
        words: &[Features],
        actions: &[(Action, Option<NameType>)],
    ) -> Vec<(Range<usize>, NameType)> {
        let vectors = self.vectors(words);
        // What each word gives to the state in each of its three roles.
        let role = STATE * STATE_PIECES;
        let mut parts = vec![0.0_f32; words.len() * 3 * role];
        for (vector, parts) in vectors.chunks_exact(STATE).zip(parts.chunks_exact_mut(3 * role)) {
            for (row, part) in self.lower_weight.chunks_exact(STATE).zip(parts) {
                *part = dot(row, vector);
            }
        }
        let part = |word: usize, number: usize| &parts[(word * 3 + number) * role..][..role];
        let pad = |number: usize| &self.lower_pad[number * role..][..role];
        let mut found = Vec::new();
        let mut open: Option<(usize, NameType)> = None;
        for at in 0..words.len() {
            let end = at + 1;
            // The word, the first of the open entity, and the word before.
            let roles = match open {
                Some((start, _)) => [part(at, 0), part(start, 1), part(at - 1, 2)],
                None => [part(at, 0), pad(1), pad(2)],
            };
            let mut state = [0.0_f32; STATE];
            for (number, state) in state.iter_mut().enumerate() {
                let piece = |piece: usize| {
                    let place = number * STATE_PIECES + piece;
                    roles.iter().map(|role| role[place]).sum::<f32>() + self.lower_bias[place]
                };
                *state = piece(0).max(piece(1));
            }
            let is_last = end == words.len();
            let mut best: Option<(f32, Action, Option<NameType>)> = None;
            let rows = self.upper_weight.chunks_exact(STATE).zip(&self.upper_bias);
            for ((row, bias), (action, kind)) in rows.zip(actions) {
                let is_allowed = match (action, open) {
                    (Action::Begin, None) => kind.is_some() && !is_last,
                    (Action::In, Some((_, inside))) => *kind == Some(inside) && !is_last,
                    (Action::Last, Some((_, inside))) => *kind == Some(inside),
                    (Action::Alone, None) => kind.is_some(),
                    (Action::Out, None) => true,
                    _ => false,
                };
                if is_allowed {
                    let score = dot(row, &state) + bias;
                    if best.is_none_or(|(most, ..)| score > most) {
                        best = Some((score, *action, *kind));
                    }
                }
            }
            match best {
                Some((_, Action::Begin, Some(kind))) => open = Some((at, kind)),
                Some((_, Action::Last, _)) => {
                    if let Some((start, kind)) = open.take() {
                        found.push((start..end, kind));
                    }
                }
                Some((_, Action::Alone, Some(kind))) => found.push((at..end, kind)),
                _ => {}
            }
        }
        found
    }

    /// The vectors of words in their context, [`STATE`] numbers each.
    fn vectors(&self, words: &[Features]) -> Vec<f32> {
        // A row of zeros for each layer at both ends: what the convolutions see beyond the text.
        let rows = words.len() + 2 * LAYERS;
        let mut vectors = vec![0.0_f32; rows * WIDTH];
        let mut known: HashMap<Features, usize> = HashMap::new();
        for (at, features) in words.iter().enumerate() {
            let row = at + LAYERS;
            if let Some(first) = known.get(features) {
                vectors.copy_within(first * WIDTH..(first + 1) * WIDTH, row * WIDTH);
                continue;
            }
            known.insert(*features, row);
            let mut embedded = [0.0_f32; WIDTH * TABLES];
            for (number, (table, hash)) in self.tables.iter().zip(features).enumerate() {
                let place = &mut embedded[number * WIDTH..(number + 1) * WIDTH];
                let rows = (table.len() / WIDTH) as u32;
                for key in murmur_128(*hash, 8 + number as u64) {
                    let row = (key % rows) as usize;
                    place.iter_mut().zip(&table[row * WIDTH..]).for_each(|(sum, number)| *sum += number);
                }
            }
            let mixed = self.layers[0].run(&embedded);
            vectors[row * WIDTH..(row + 1) * WIDTH].copy_from_slice(&mixed);
        }
        for layer in &self.layers[1..] {
            let before = vectors.clone();
            let mut window = [0.0_f32; WIDTH * 3];
            for row in 0..rows {
                for (place, near) in
                    [row.checked_sub(1), Some(row), (row + 1 < rows).then_some(row + 1)].into_iter().enumerate()
                {
                    let part = &mut window[place * WIDTH..(place + 1) * WIDTH];
                    match near {
                        Some(near) => part.copy_from_slice(&before[near * WIDTH..(near + 1) * WIDTH]),
                        None => part.fill(0.0),
                    }
                }
                let more = layer.run(&window);
                vectors[row * WIDTH..(row + 1) * WIDTH].iter_mut().zip(more).for_each(|(sum, number)| *sum += number);
            }
        }
        let inner = |vector: &[f32]| {
            let rows = self.inner_weight.chunks_exact(WIDTH).zip(&self.inner_bias);
            rows.map(|(row, bias)| dot(row, vector) + bias).collect::<Vec<f32>>()
        };
        vectors.chunks_exact(WIDTH).skip(LAYERS).take(words.len()).flat_map(inner).collect()
    }
}

impl Maxout {
    fn run(&self, input: &[f32]) -> [f32; WIDTH] {
        let mut output = [0.0_f32; WIDTH];
        let pieces = self.weight.chunks_exact(PIECES * input.len()).zip(self.bias.chunks_exact(PIECES));
        for (number, (rows, biases)) in output.iter_mut().zip(pieces) {
            let of_piece = rows.chunks_exact(input.len()).zip(biases).map(|(row, bias)| dot(row, input) + bias);
            *number = of_piece.fold(f32::NEG_INFINITY, f32::max);
        }
        let mean = output.iter().sum::<f32>() / WIDTH as f32;
        let variance = output.iter().map(|number| (number - mean).powi(2)).sum::<f32>() / WIDTH as f32 + EPSILON;
        let scale = variance.sqrt().recip();
        let tuned = self.gain.iter().zip(&self.shift);
        output
            .iter_mut()
            .zip(tuned)
            .for_each(|(number, (gain, shift))| *number = (*number - mean) * scale * gain + shift);
        output
    }
}

/// In eight sums, which the compiler does at once.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let (mut sums, mut rest) = ([0.0_f32; 8], 0.0);
    let (a, b) = (one.chunks_exact(8), other.chunks_exact(8));
    for (one, other) in a.remainder().iter().zip(b.remainder()) {
        rest += one * other;
    }
    for (one, other) in a.zip(b) {
        sums.iter_mut().zip(one).zip(other).for_each(|((sum, one), other)| *sum += one * other);
    }
    sums.iter().sum::<f32>() + rest
}

/// `MurmurHash3` (Appleby, public domain), x64, 128 bits, of one number of 64 bits.
fn murmur_128(number: u64, seed: u64) -> [u32; 4] {
    let final_mix = |mut bits: u64| {
        bits = (bits ^ bits >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        bits = (bits ^ bits >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        bits ^ bits >> 33
    };
    let key = number.wrapping_mul(0x87C3_7B91_1142_53D5).rotate_left(31).wrapping_mul(0x4CF5_AD43_2745_937F);
    let (mut one, mut two) = (seed ^ key ^ 8, seed ^ 8);
    one = one.wrapping_add(two);
    two = two.wrapping_add(one);
    (one, two) = (final_mix(one), final_mix(two));
    one = one.wrapping_add(two);
    two = two.wrapping_add(one);
    [one as u32, (one >> 32) as u32, two as u32, (two >> 32) as u32]
}
