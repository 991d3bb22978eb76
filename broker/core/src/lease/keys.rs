//! What waits behind whom: the ordering keys of the messages that are leased or wait.

mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// The ordering keys of the messages that are leased or wait, and which waiting messages may be given to whom.
///
/// Messages without a key are known only while they wait. Memory is bounded by the leased and waiting messages and their
/// keys, which are copies: a key keeps no record batch alive. Operations are O(log n).
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    keys: BTreeMap<Arc<[u8]>, KeyState>,
    /// The key of each message that is leased or waits, and has one.
    of: BTreeMap<u64, Arc<[u8]>>,
    /// Waiting messages that anyone may be given: those without a key, and the first of each key that nobody holds.
    free: BTreeSet<u64>,
    /// By holder, the first waiting message of each key that it holds.
    held: BTreeMap<u64, BTreeSet<u64>>,
}

/// The messages of one key. All that are leased are lower than all that wait, and one holder has them.
#[derive(Clone, Debug, Default)]
struct KeyState {
    /// Who has the leased ones; means nothing while there is none.
    holder: u64,
    leased: BTreeSet<u64>,
    waiting: BTreeSet<u64>,
}

impl KeyState {
    fn holder(&self) -> Option<u64> {
        (!self.leased.is_empty()).then_some(self.holder)
    }

    fn is_first(&self, offset: u64) -> bool {
        let lowest = self.leased.first().or_else(|| self.waiting.first());
        lowest == Some(&offset)
    }
}

impl Keys {
    /// The lowest waiting message that `holder` may be given.
    pub(super) fn first_for(&self, holder: u64) -> Option<u64> {
        let free = self.free.first();
        let held = self.held.get(&holder).and_then(BTreeSet::first);
        free.into_iter().chain(held).min().copied()
    }

    /// Whether `holder` may be given this waiting message now.
    pub(super) fn is_listed_for(&self, offset: u64, holder: u64) -> bool {
        self.free.contains(&offset)
            || self
                .held
                .get(&holder)
                .is_some_and(|heads| heads.contains(&offset))
    }

    /// Whether `holder` may be given a message of `key` that is behind all known ones.
    pub(super) fn admits(&self, key: &[u8], holder: u64) -> bool {
        self.keys.get(key).is_none_or(|state| {
            state.waiting.is_empty() && state.holder().is_none_or(|current| current == holder)
        })
    }

    /// Whether no lower message of its key is leased or waits. Messages without a key are always first.
    pub(super) fn is_first(&self, offset: u64) -> bool {
        let state = self.of.get(&offset).and_then(|key| self.keys.get(key));
        state.is_none_or(|state| state.is_first(offset))
    }

    /// The leased messages of the same key behind `offset`.
    pub(super) fn leased_behind(&self, offset: u64) -> Vec<u64> {
        let state = self.of.get(&offset).and_then(|key| self.keys.get(key));
        let behind = state.map(|state| state.leased.range(offset.saturating_add(1)..));
        behind.into_iter().flatten().copied().collect()
    }

    /// A message that was never leased waits behind others of its key.
    pub(super) fn defer(&mut self, offset: u64, key: &[u8]) {
        let key = self.remember(offset, key);
        self.change(&key, |state| _ = state.waiting.insert(offset));
    }

    /// A message that was never leased before is leased. An empty key is none.
    pub(super) fn lease_fresh(&mut self, offset: u64, key: &[u8], holder: u64) {
        if !key.is_empty() {
            let key = self.remember(offset, key);
            self.change(&key, |state| {
                state.leased.insert(offset);
                state.holder = holder;
            });
        }
    }

    /// A waiting message is leased.
    pub(super) fn lease_waiting(&mut self, offset: u64, holder: u64) {
        match self.of.get(&offset).cloned() {
            None => _ = self.free.remove(&offset),
            Some(key) => self.change(&key, |state| {
                state.waiting.remove(&offset);
                state.leased.insert(offset);
                state.holder = holder;
            }),
        }
    }

    /// A leased message waits again.
    pub(super) fn give_back(&mut self, offset: u64) {
        match self.of.get(&offset).cloned() {
            None => _ = self.free.insert(offset),
            Some(key) => self.change(&key, |state| {
                state.leased.remove(&offset);
                state.waiting.insert(offset);
            }),
        }
    }

    /// A message is done.
    pub(super) fn finish(&mut self, offset: u64) {
        match self.of.remove(&offset) {
            None => _ = self.free.remove(&offset),
            Some(key) => self.change(&key, |state| {
                state.leased.remove(&offset);
                state.waiting.remove(&offset);
            }),
        }
    }

    /// All messages of a range are done.
    pub(super) fn finish_range(&mut self, range: Range<u64>) {
        let keyed = self.of.range(range.clone()).map(|(offset, _)| *offset);
        let known: Vec<u64> = keyed.chain(self.free.range(range).copied()).collect();
        known.into_iter().for_each(|offset| self.finish(offset));
    }

    fn remember(&mut self, offset: u64, key: &[u8]) -> Arc<[u8]> {
        let known = self.keys.get_key_value(key).map(|(key, _)| Arc::clone(key));
        let key = known.unwrap_or_else(|| Arc::from(key));
        self.of.insert(offset, Arc::clone(&key));
        key
    }

    /// Changes a key's state, and then who may be given its first waiting message.
    fn change(&mut self, key: &Arc<[u8]>, change: impl FnOnce(&mut KeyState)) {
        let state = self.keys.entry(Arc::clone(key)).or_default();
        let listed = |state: &KeyState| state.waiting.first().map(|first| (state.holder(), *first));
        let before = listed(state);
        change(state);
        let after = listed(state);
        if state.leased.is_empty() && state.waiting.is_empty() {
            self.keys.remove(key);
        }
        if before != after {
            before
                .into_iter()
                .for_each(|(holder, offset)| self.unlist(holder, offset));
            after
                .into_iter()
                .for_each(|(holder, offset)| self.list(holder, offset));
        }
    }

    fn list(&mut self, holder: Option<u64>, offset: u64) {
        match holder {
            None => _ = self.free.insert(offset),
            Some(holder) => _ = self.held.entry(holder).or_default().insert(offset),
        }
    }

    fn unlist(&mut self, holder: Option<u64>, offset: u64) {
        match holder {
            None => _ = self.free.remove(&offset),
            Some(holder) => {
                if let Some(heads) = self.held.get_mut(&holder) {
                    heads.remove(&offset);
                    if heads.is_empty() {
                        self.held.remove(&holder);
                    }
                }
            }
        }
    }
}
