//! The view that callers have of one shard's log: every record that was submitted counts, written or not. Entries
//! that are written are known by their place, those that are not yet are kept in memory.

use super::EntryFrame;
use super::file::Location;
use super::frame::Record;
use super::state::ShardState;
use std::collections::VecDeque;

/// Entries of one file that the view does not need any more.
pub(super) type Freed = (u64 /* sequence */, u64 /* how many */);

/// One shard. Entry `base + i` is at `written[i]`, those after it are `pending`.
#[derive(Default)]
pub(super) struct ShardIndex {
    pub state: ShardState,
    base: u64,
    written: VecDeque<Location>,
    pending: VecDeque<Pending>,
    terms: Terms,
}

struct Pending {
    operation: u64,
    entry: EntryFrame,
}

/// Where an entry is to be found.
#[derive(Clone)]
pub(super) enum Place {
    Memory(EntryFrame),
    File(u64 /* index */, Location),
}

impl ShardIndex {
    /// The shard after recovery: `written` holds its entries from `base` on, each with its term.
    pub(super) fn recovered(state: ShardState, base: u64, written: VecDeque<Location>, terms: Terms) -> Self {
        ShardIndex {
            state,
            base,
            written,
            pending: VecDeque::new(),
            terms,
        }
    }

    /// Applies a record that was just submitted with `operation`. Returns the written entries it frees, by file.
    /// Entries must have been checked to follow.
    pub(super) fn submit(&mut self, operation: u64, record: &Record) -> Vec<Freed> {
        // The caller has checked that entries follow; other records cannot fail.
        let _ = self.state.apply(record);
        match record {
            Record::Entry(entry) => {
                if self.written.is_empty() && self.pending.is_empty() {
                    self.base = entry.index;
                }
                self.terms.append(entry.index, entry.term);
                self.pending.push_back(Pending {
                    operation,
                    entry: entry.clone(),
                });
                Vec::new()
            }
            Record::HardState(_) => Vec::new(),
            Record::Truncate(index) => self.truncate_from(*index),
            Record::Purge { index, .. } => self.purge_through(*index),
        }
    }

    fn truncate_from(&mut self, index: u64) -> Vec<Freed> {
        self.terms.truncate_from(index);
        while self
            .pending
            .back()
            .is_some_and(|pending| pending.entry.index >= index)
        {
            self.pending.pop_back();
        }
        let keep = index.saturating_sub(self.base).min(self.written.len() as u64) as usize;
        counted(self.written.drain(keep..))
    }

    fn purge_through(&mut self, index: u64) -> Vec<Freed> {
        let drop = (index.saturating_add(1))
            .saturating_sub(self.base)
            .min(self.written.len() as u64) as usize;
        let freed = counted(self.written.drain(..drop));
        self.base += drop as u64;
        while self
            .pending
            .front()
            .is_some_and(|pending| pending.entry.index <= index)
        {
            self.pending.pop_front();
            self.base += 1;
        }
        self.terms.purge_through(index);
        freed
    }

    /// Notes where an entry of `operation` was written. `false` when the view does not need it any more.
    pub(super) fn place(&mut self, operation: u64, index: u64, location: Location) -> bool {
        let first = self
            .pending
            .front()
            .map(|pending| (pending.operation, pending.entry.index));
        if first != Some((operation, index)) {
            return false;
        }
        self.pending.pop_front();
        self.written.push_back(location);
        true
    }

    /// Index of the first entry, if there is one.
    pub(super) fn first(&self) -> Option<u64> {
        (!self.written.is_empty() || !self.pending.is_empty()).then_some(self.base)
    }

    /// Index and term of the last entry, if there is one.
    pub(super) fn last(&self) -> Option<(u64, u64)> {
        let first = self.first()?;
        let last = first + (self.written.len() + self.pending.len()) as u64 - 1;
        Some((last, self.terms.last()?))
    }

    /// Where the entry of an index is.
    pub(super) fn find(&self, index: u64) -> Option<Place> {
        let at = usize::try_from(index.checked_sub(self.base)?).ok()?;
        match self.written.get(at) {
            Some(location) => Some(Place::File(index, *location)),
            None => self
                .pending
                .get(at - self.written.len())
                .map(|pending| Place::Memory(pending.entry.clone())),
        }
    }

    /// The file of the oldest written entry.
    pub(super) fn oldest_file(&self) -> Option<u64> {
        self.written.front().map(|location| location.sequence)
    }

    /// How many entries are in each file; for recovery.
    pub(super) fn by_file(&self) -> Vec<Freed> {
        counted(self.written.iter().copied())
    }
}

/// Counts neighbours in the same file together.
fn counted(locations: impl Iterator<Item = Location>) -> Vec<Freed> {
    let mut freed: Vec<Freed> = Vec::new();
    for location in locations {
        match freed.last_mut() {
            Some((sequence, count)) if *sequence == location.sequence => *count += 1,
            _ => freed.push((location.sequence, 1)),
        }
    }
    freed
}

/// The terms of consecutive entries, as runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms(VecDeque<(u64 /* first index */, u64 /* term */)>);

impl Terms {
    /// Notes the term of the next entry.
    pub(super) fn append(&mut self, index: u64, term: u64) {
        if self.last() != Some(term) {
            self.0.push_back((index, term));
        }
    }

    /// Forgets the entries from `index` on.
    pub(super) fn truncate_from(&mut self, index: u64) {
        while self.0.back().is_some_and(|(first, _)| *first >= index) {
            self.0.pop_back();
        }
    }

    /// Forgets runs that end at or before `index`. The run that holds it may stay, longer than the log.
    pub(super) fn purge_through(&mut self, index: u64) {
        while self
            .0
            .get(1)
            .is_some_and(|(first, _)| *first <= index.saturating_add(1))
        {
            self.0.pop_front();
        }
    }

    fn last(&self) -> Option<u64> {
        self.0.back().map(|(_, term)| *term)
    }
}
