//! What was used lately, within a bound, however long a file is.

use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets what has not been used for a while: entries are young until the young ones weigh the bound, then they
/// are all old, and those that were old before are forgotten. Using an old entry makes it young again.
pub(super) struct Recent<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
    bound: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// At most twice the bound is held.
    pub(super) fn new(bound: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, bound }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        self.insert(key, value.clone(), weight);
        Some(value)
    }

    /// Holds an entry of that weight.
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.weight.saturating_add(weight) > self.bound {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, (value, weight));
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut recent = Recent::new(10);
        recent.insert("kept", 0, 1);
        for number in 0..1000 {
            assert_eq!(recent.get(&"kept"), Some(0), "{number}");
            recent.insert(if number % 2 == 0 { "even" } else { "odd" }, number, 4);
        }
        recent.insert("large", 1, 100);
        recent.insert("larger", 2, 1000);
        assert_eq!((recent.get(&"odd"), recent.get(&"large")), (None, Some(1)));
        recent.clear();
        assert_eq!(recent.get(&"larger"), None);
    }

    #[test]
    fn no_more_than_twice_the_bound_is_held() {
        let mut recent = Recent::new(100);
        for number in 0..10_000 {
            recent.insert(number, (), 7);
            assert!((recent.young.len() + recent.old.len()) * 7 <= 200);
        }
    }
}
