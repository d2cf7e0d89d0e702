//! Huffman tables for JPEG (ITU-T T.81, annex K.2) from those of a part of a picture: they fit the whole nearly as well, if
//! only every symbol has a code.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A table as a DHT segment has it (B.2.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// How many codes there are of each length, from 1 to 16; the first entry is not used.
    pub(crate) counts: [u8; 17],
    /// The symbols, by length of their codes.
    pub(crate) symbols: [u8; 256],
}

/// Lengths before they are held to 16: fewer than 40, because weights stay below 2²³ and grow like Fibonacci's numbers.
const LENGTHS: usize = 64;

/// Sizes of differences of DC coefficients of eight-bit samples.
pub(crate) fn dc_symbols() -> impl Iterator<Item = u8> {
    0..=11
}

/// Runs of zeros and sizes of AC coefficients of eight-bit samples; the end of a block and sixteen zeros.
pub(crate) fn ac_symbols() -> impl Iterator<Item = u8> {
    let sized = (0..16).flat_map(|run| (1..=10).map(move |size| run << 4 | size));
    [0x00, 0xF0].into_iter().chain(sized)
}

impl Table {
    /// The table with a code for each of these symbols: those that have one keep about its length, the others get long ones.
    pub(crate) fn completed(&self, symbols: impl Iterator<Item = u8>) -> Self {
        // The last stands for the code of ones alone, which JPEG does not use.
        let mut weights = [0_u32; 257];
        weights[256] = 1;
        for symbol in symbols {
            weights[usize::from(symbol)] = 1;
        }
        let mut next = 0;
        for (length, &count) in self.counts.iter().enumerate().skip(1) {
            for &symbol in &self.symbols[next..next + usize::from(count)] {
                weights[usize::from(symbol)] = 1 << (22 - length);
            }
            next += usize::from(count);
        }
        Self::of_weights(&weights)
    }

    /// The best table whose codes have at most 16 bits, nearly: figures K.1 to K.4.
    fn of_weights(weights: &[u32; 257]) -> Self {
        let lengths = code_lengths(weights);
        let mut counts = [0_usize; LENGTHS];
        for &length in lengths.iter().filter(|&&length| length > 0) {
            counts[length] += 1;
        }
        for length in (17..LENGTHS).rev() {
            while counts[length] > 0 {
                let shorter = (1..length - 1).rev().find(|&shorter| counts[shorter] > 0).expect("a shorter code");
                // Two of this length become one that is a bit shorter, and one code of another length two.
                counts[length] -= 2;
                counts[length - 1] += 1;
                counts[shorter + 1] += 2;
                counts[shorter] -= 1;
            }
        }
        let longest = (1..=16).rev().find(|&length| counts[length] > 0).expect("a code");
        counts[longest] -= 1;

        let mut by_length: Vec<u8> = (0..=255).filter(|&symbol| lengths[usize::from(symbol)] > 0).collect();
        by_length.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        let mut symbols = [0; 256];
        symbols[..by_length.len()].copy_from_slice(&by_length);
        Self { counts: std::array::from_fn(|length| if length == 0 { 0 } else { counts[length] as u8 }), symbols }
    }
}

/// Lengths of Huffman's codes; 0 for what has no weight.
fn code_lengths(weights: &[u32; 257]) -> [usize; 257] {
    let mut lengths = [0; 257];
    let weighted = weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
    // Of equal weights the last symbols are joined first, so that the longest code is that of the last.
    let mut trees: BinaryHeap<(Reverse<u32>, Vec<usize>)> =
        weighted.map(|(symbol, &weight)| (Reverse(weight), vec![symbol])).collect();
    while let Some((Reverse(weight), mut leaves)) = trees.pop() {
        let Some((Reverse(other), others)) = trees.pop() else { break };
        leaves.extend(others);
        for &leaf in &leaves {
            lengths[leaf] += 1;
        }
        trees.push((Reverse(weight + other), leaves));
    }
    lengths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lengths_of(table: &Table) -> Vec<(u8, usize)> {
        let lengths = (1..=16).flat_map(|length| std::iter::repeat_n(length, usize::from(table.counts[length])));
        table.symbols.iter().copied().zip(lengths).collect()
    }

    /// Share of all codes that are taken, in 65,536ths.
    fn taken(table: &Table) -> usize {
        lengths_of(table).iter().map(|(_, length)| 1 << (16 - length)).sum()
    }

    proptest! {
        #[test]
        fn every_symbol_gets_one_code_of_at_most_16_bits(weights in proptest::collection::vec(0..2_000_000_u32, 162)) {
            let symbols: Vec<u8> = ac_symbols().collect();
            let mut all = [0; 257];
            all[256] = 1;
            for (symbol, weight) in symbols.iter().zip(&weights) {
                // Most are small, as in pictures.
                all[usize::from(*symbol)] = weight >> (weight % 20);
            }
            let seen = Table::of_weights(&all);
            let completed = seen.completed(ac_symbols());
            let mut coded: Vec<u8> = lengths_of(&completed).iter().map(|(symbol, _)| *symbol).collect();
            coded.sort_unstable();
            let mut expected = symbols;
            expected.sort_unstable();
            prop_assert_eq!(coded, expected);
            // The code of ones alone stays free.
            prop_assert!(taken(&completed) < 1 << 16 && taken(&seen) < 1 << 16);
            // What had a code loses little: one bit where the others need room.
            for (symbol, length) in lengths_of(&seen) {
                let (_, now) = lengths_of(&completed).into_iter().find(|(each, _)| *each == symbol).unwrap();
                prop_assert!(now <= length + 1 || length > 8, "{symbol:#x}: {length} bits, then {now}");
            }
        }
    }

    #[test]
    fn one_symbol_is_enough_to_begin_with() {
        let mut weights = [0; 257];
        (weights[3], weights[256]) = (7, 1);
        let completed = Table::of_weights(&weights).completed(dc_symbols());
        let lengths = lengths_of(&completed);
        assert_eq!((lengths.len(), lengths[0]), (12, (3, 1)));
    }
}
