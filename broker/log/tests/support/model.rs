//! A journal as simple as can be: what it should hold, without files.

use bytes::Bytes;
use postroad_log::{EntryFrame, Journal};
use std::collections::BTreeMap;

/// One change to one shard.
#[derive(Clone, Debug)]
pub enum Change {
    Append(EntryFrame),
    HardState(Bytes),
    Truncate(u64),
    Purge(u64, Bytes),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    pub hard_state: Option<Bytes>,
    pub marker: Option<Bytes>,
    pub entries: BTreeMap<u64, (u64, Bytes)>,
}

/// All shards. What only the model needs is beside what is compared.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub shards: BTreeMap<u32, Shard>,
    purged: BTreeMap<u32, u64>,
}

impl Model {
    pub fn apply(&mut self, shard: u32, change: &Change) {
        let state = self.shards.entry(shard).or_default();
        match change {
            Change::Append(entry) => {
                state
                    .entries
                    .insert(entry.index, (entry.term, entry.payload.clone()));
            }
            Change::HardState(bytes) => state.hard_state = Some(bytes.clone()),
            Change::Truncate(index) => state.entries.retain(|at, _| at < index),
            Change::Purge(index, marker) => {
                let purged = self.purged.entry(shard).or_insert(*index);
                if *purged <= *index {
                    *purged = *index;
                    state.marker = Some(marker.clone());
                    state.entries.retain(|at, _| at > index);
                }
            }
        }
    }

    /// The index that the next entry of a shard must have; `start` when any is right.
    pub fn next_index(&self, shard: u32, start: u64) -> u64 {
        let last = self
            .shards
            .get(&shard)
            .and_then(|state| state.entries.keys().next_back())
            .map(|last| last + 1);
        last.or_else(|| self.purged.get(&shard).map(|purged| purged + 1))
            .unwrap_or(start)
    }

    /// What the journal should show, without shards of which there is nothing.
    pub fn visible(&self) -> BTreeMap<u32, Shard> {
        let shards = self
            .shards
            .iter()
            .filter(|(_, state)| **state != Shard::default());
        shards.map(|(shard, state)| (*shard, state.clone())).collect()
    }
}

/// What a journal shows, checked for agreement with itself.
pub fn observe(journal: &Journal) -> Result<BTreeMap<u32, Shard>, String> {
    let mut shards = BTreeMap::new();
    for shard in journal.shards() {
        let recovered = journal.recovered(shard);
        let entries = journal
            .read(shard, 0..u64::MAX, usize::MAX)
            .map_err(|error| error.to_string())?;
        let first = entries.first().map(|entry| entry.index);
        let last = entries.last().map(|entry| (entry.index, entry.term));
        if (first, last) != (recovered.first_index, recovered.last) {
            return Err(format!(
                "shard {shard} says {recovered:?} but has entries from {first:?} to {last:?}"
            ));
        }
        let entries = entries
            .into_iter()
            .map(|entry| (entry.index, (entry.term, entry.payload)))
            .collect();
        let state = Shard {
            hard_state: recovered.hard_state,
            marker: recovered.purge_marker,
            entries,
        };
        if state != Shard::default() {
            shards.insert(shard, state);
        }
    }
    Ok(shards)
}
