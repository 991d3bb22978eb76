//! What the journal knows of each shard besides its entries, and the rules by which records change it. The same rules
//! serve the view that callers see, the writer, and recovery.

use super::frame::Record;
use bytes::{Buf, BufMut, Bytes};
use std::collections::BTreeMap;

/// Which entries a shard's log has: those from `first` up to, not including, `next`.
///
/// Invariant: after a purge there is a range, and it begins at or after the purged index + 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogBounds {
    purged: Option<u64>,
    range: Option<(u64, u64)>,
}

impl LogBounds {
    /// First and next index; `None` when any index may come first.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        self.range
    }

    /// Counts an entry in; the error is the index that is expected instead.
    pub(super) fn append(&mut self, index: u64) -> Result<(), u64> {
        let (first, next) = self.range.unwrap_or((index, index));
        if index != next || index == u64::MAX {
            return Err(next);
        }
        self.range = Some((first, next + 1));
        Ok(())
    }

    /// Removes the entries from `index` on.
    pub(super) fn truncate_from(&mut self, index: u64) {
        let Some((first, next)) = self.range else { return };
        if index >= next {
            return;
        }
        self.range = if index <= first && self.purged.is_none() {
            None
        } else {
            Some((first, index.max(first)))
        };
    }

    /// Removes the entries up to and including `index`; `false` when an earlier purge went further.
    pub(super) fn purge_through(&mut self, index: u64) -> bool {
        if self.purged.is_some_and(|purged| purged > index) {
            return false;
        }
        self.purged = Some(index);
        let after = index.saturating_add(1);
        let (first, next) = self.range.unwrap_or((after, after));
        self.range = Some((first.max(after), next.max(after)));
        true
    }
}

/// One shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShardState {
    pub hard_state: Option<Bytes>,
    pub marker: Option<Bytes>,
    pub bounds: LogBounds,
}

impl ShardState {
    /// Applies a record; the error, of an entry only, is the index that is expected instead.
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), u64> {
        match record {
            Record::Entry(entry) => self.bounds.append(entry.index)?,
            Record::HardState(state) => self.hard_state = Some(state.clone()),
            Record::Truncate(index) => self.bounds.truncate_from(*index),
            Record::Purge { index, marker } => {
                if self.bounds.purge_through(*index) {
                    self.marker = Some(marker.clone());
                }
            }
        }
        Ok(())
    }
}

/// All shards: what a State frame carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct States(pub BTreeMap<u32, ShardState>);

const HARD_STATE: u8 = 1;
const PURGED: u8 = 2;
const LOG: u8 = 4;
/// Size of the part of a shard's entry that has a fixed size, before the hard state.
const FIXED: usize = 32;

impl States {
    /// Applies a shard's record, see [`ShardState::apply`].
    pub(super) fn apply(&mut self, shard: u32, record: &Record) -> Result<(), u64> {
        self.0.entry(shard).or_default().apply(record)
    }

    /// The payload of a State frame.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.0.len() * 128);
        bytes.put_u32_le(self.0.len() as u32);
        for (shard, state) in &self.0 {
            let LogBounds { purged, range } = state.bounds;
            let flag = |set: bool, flag: u8| if set { flag } else { 0 };
            let (first, next) = range.unwrap_or_default();
            bytes.put_u32_le(*shard);
            bytes.put_u8(
                flag(state.hard_state.is_some(), HARD_STATE)
                    | flag(purged.is_some(), PURGED)
                    | flag(range.is_some(), LOG),
            );
            bytes.put_bytes(0, 3);
            bytes.put_u64_le(purged.unwrap_or_default());
            bytes.put_u64_le(first);
            bytes.put_u64_le(next);
            for opaque in [&state.hard_state, &state.marker] {
                let opaque = opaque.as_deref().unwrap_or_default();
                bytes.put_u32_le(opaque.len() as u32);
                bytes.put_slice(opaque);
            }
        }
        bytes
    }

    /// Reads what `encode` wrote; `None` when it is anything else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<States> {
        let count = bytes.try_get_u32_le().ok()?;
        let mut shards = BTreeMap::new();
        for _ in 0..count {
            if bytes.len() < FIXED {
                return None;
            }
            let shard = bytes.get_u32_le();
            let flags = bytes.get_u8();
            bytes.advance(3);
            let (purged, first, next) = (bytes.get_u64_le(), bytes.get_u64_le(), bytes.get_u64_le());
            let hard_state = take(&mut bytes)?;
            let marker = take(&mut bytes)?;
            let bounds = LogBounds {
                purged: (flags & PURGED != 0).then_some(purged),
                range: (flags & LOG != 0).then_some((first, next)),
            };
            if bounds.range.is_some_and(|(first, next)| first > next) {
                return None;
            }
            let state = ShardState {
                hard_state: (flags & HARD_STATE != 0).then_some(hard_state),
                marker: (flags & PURGED != 0).then_some(marker),
                bounds,
            };
            shards.insert(shard, state);
        }
        bytes.is_empty().then_some(States(shards))
    }
}

fn take(bytes: &mut &[u8]) -> Option<Bytes> {
    let len = bytes.try_get_u32_le().ok()? as usize;
    let taken = Bytes::copy_from_slice(bytes.get(..len)?);
    bytes.advance(len);
    Some(taken)
}
