//! Fingerprints by which documents that are the same, or nearly the same, find each other without being compared word by word.
//!
//! All of them see words in lower case and nothing else: neither layout nor punctuation nor the format changes them. `exact` is equal
//! for equal texts. Simhash (Charikar 2002) is for large collections: of nearly equal texts few of its 64 bits differ, about 3 for
//! one changed word in a hundred. Minhash (Broder 1997) estimates the share of common runs of five words, with a standard error of
//! at most 1/16 from 64 values.

use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::words::words;

/// Words of a run that simhash counts.
const SIMHASH_RUN: usize = 3;
/// Words of a run that minhash counts.
const MINHASH_RUN: usize = 5;
/// Values of a minhash.
pub const MINHASH_VALUES: usize = 64;

/// The fingerprints of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of the words in lower case, joined by single spaces, in hexadecimal.
    pub exact: String,
    /// 64 bits, of which texts that are nearly the same differ in few.
    pub simhash: u64,
    /// As many values are equal as runs of five words are common.
    pub minhash: [u32; MINHASH_VALUES],
}

/// The fingerprints of a document without its running heads; none if it has no words.
pub fn fingerprint(document: &Document) -> Option<Fingerprint> {
    let texts = document.blocks.iter().filter(|block| block.flows()).map(|block| block.text.as_str());
    of_texts(texts)
}

fn of_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Fingerprint> {
    let mut exact = Sha256::new();
    let mut hashes: Vec<u64> = Vec::new();
    for text in texts {
        for word in words(text) {
            let word = text[word].to_lowercase();
            if !hashes.is_empty() {
                exact.update(b" ");
            }
            exact.update(word.as_bytes());
            hashes.push(hash(word.as_bytes()));
        }
    }
    if hashes.is_empty() {
        return None;
    }
    let mut counts = [0_i32; 64];
    for run in runs(&hashes, SIMHASH_RUN) {
        for (bit, count) in counts.iter_mut().enumerate() {
            *count += if run >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    let simhash = counts.iter().enumerate().fold(0, |bits, (bit, count)| bits | u64::from(*count > 0) << bit);
    let mut minhash = [u32::MAX; MINHASH_VALUES];
    for run in runs(&hashes, MINHASH_RUN) {
        for (seed, least) in (1_u64..).zip(&mut minhash) {
            *least = (*least).min((mixed(run ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32) as u32);
        }
    }
    let exact = exact.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Some(Fingerprint { exact, simhash, minhash })
}

/// The hashes of runs of so many words; of the whole if it has fewer.
fn runs(hashes: &[u64], length: usize) -> impl Iterator<Item = u64> + '_ {
    hashes
        .windows(length.min(hashes.len()))
        .map(|run| run.iter().fold(0_u64, |all, hash| mixed(all.rotate_left(5) ^ hash)))
}

/// FNV-1a of 64 bits, mixed: the same on every machine and in every version.
fn hash(bytes: &[u8]) -> u64 {
    mixed(
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)),
    )
}

/// The finaliser of splitmix64.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

impl Fingerprint {
    /// In how many bits the simhashes differ, 0 to 64.
    pub fn distance(&self, other: &Self) -> u32 {
        (self.simhash ^ other.simhash).count_ones()
    }

    /// The estimated share of runs of five words that both have, 0 to 1.
    pub fn similarity(&self, other: &Self) -> f64 {
        let equal = self.minhash.iter().zip(&other.minhash).filter(|(one, other)| one == other).count();
        equal as f64 / MINHASH_VALUES as f64
    }

    /// The minhash as hexadecimal, eight signs a value.
    pub fn minhash_text(&self) -> String {
        self.minhash.iter().fold(String::new(), |text, value| text + &format!("{value:08x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Fingerprint {
        of_texts([text].into_iter()).unwrap()
    }

    fn text(count: usize, seed: u64) -> Vec<String> {
        (0..count as u64).map(|at| format!("w{}", mixed(at ^ seed) % 4000)).collect()
    }

    #[test]
    fn case_and_punctuation_change_nothing() {
        assert_eq!(of("The harbour is deep."), of("the HARBOUR, is — deep"));
        assert_ne!(of("The harbour is deep.").exact, of("The harbour is deeper.").exact);
        assert_eq!(of_texts(["...", ""].into_iter()), None);
    }

    #[test]
    fn the_estimate_is_near_the_true_share_of_common_runs() {
        let one = text(2000, 1);
        for share in [0.0, 0.3, 0.7, 1.0] {
            let common = (2000.0 * share) as usize;
            let other: Vec<String> = one[..common].iter().cloned().chain(text(2000 - common, 99)).collect();
            // Runs in both, by runs in either.
            let truth = share / (2.0 - share);
            let found = of(&one.join(" ")).similarity(&of(&other.join(" ")));
            assert!((found - truth).abs() < 0.19, "{share}: {found} instead of {truth}");
        }
    }

    #[test]
    fn a_few_changed_words_change_few_bits() {
        let one = text(1000, 1);
        let mut near = one.clone();
        for at in [100, 400, 700] {
            near[at] = "changed".to_owned();
        }
        let [one, near, far] = [one, near, text(1000, 7)].map(|words| of(&words.join(" ")));
        assert!(one.distance(&near) <= 6, "{}", one.distance(&near));
        assert!(one.distance(&far) >= 16, "{}", one.distance(&far));
        assert!(one.similarity(&near) > 0.8 && one.similarity(&far) < 0.1);
    }
}
