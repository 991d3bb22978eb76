//! The invariants of the ordering keys, checked.

use std::collections::{BTreeMap, BTreeSet};

use super::Keys;

impl Keys {
    /// Checks the invariants against what the lease table says: the holder of each leased message, and what waits.
    ///
    /// # Errors
    /// Says which one is broken.
    pub(in crate::lease) fn validate(
        &self,
        leased: &BTreeMap<u64, u64>,
        waiting: &BTreeSet<u64>,
    ) -> Result<(), String> {
        let mut members = 0;
        let mut free: BTreeSet<u64> = waiting
            .iter()
            .filter(|offset| !self.of.contains_key(offset))
            .copied()
            .collect();
        let mut held: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (key, state) in &self.keys {
            let all = || state.leased.iter().chain(&state.waiting);
            members += all().count();
            if all().count() == 0 {
                return Err(format!("key {key:?} has no message"));
            }
            if let Some(offset) = all().find(|offset| self.of.get(offset) != Some(key)) {
                return Err(format!("offset {offset} has two keys"));
            }
            if let (Some(last), Some(first)) = (state.leased.last(), state.waiting.first())
                && last > first
            {
                return Err(format!("offset {last} is leased while {first} of its key waits"));
            }
            let others = |offset: &&u64| leased.get(offset) != Some(&state.holder);
            if let Some(offset) = state.leased.iter().find(others) {
                return Err(format!("offset {offset} is not leased to the holder of its key"));
            }
            if let Some(offset) = state.waiting.iter().find(|offset| !waiting.contains(offset)) {
                return Err(format!("offset {offset} does not wait"));
            }
            match (state.holder(), state.waiting.first()) {
                (None, Some(first)) => _ = free.insert(*first),
                (Some(holder), Some(first)) => _ = held.entry(holder).or_default().insert(*first),
                (_, None) => {}
            }
        }
        if members != self.of.len() {
            return Err(format!(
                "{members} messages of keys, but {} with a key",
                self.of.len()
            ));
        }
        if (&free, &held) != (&self.free, &self.held) {
            return Err("who may be given what is not what follows from the keys".to_owned());
        }
        Ok(())
    }
}
