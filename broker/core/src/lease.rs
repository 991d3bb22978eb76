//! Who holds which message until when.

mod holders;
mod keys;
mod ordered;
mod outcome;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub use holders::Held;
use holders::Holders;
pub use ordered::{Offer, OrderedLeases};
pub use outcome::{Acknowledged, Expired, Freed, Lease};

use crate::ranges::RangeSet;

/// Who holds which of a partition's messages for one subscription, until when, and what waits to be delivered again.
///
/// It lives in the leader's memory only: after a change of leader a new table starts from the cursor, and what was
/// leased is delivered again (at-least-once). Times are milliseconds of the leader's monotonic clock. Offsets below
/// the partition's end are the caller's to give: an acknowledgement beyond the end is refused by the log, not here.
///
/// An offset is in exactly one of four states:
/// - *done*: below the floor, or in `done`: acknowledged, or known to hold no record. It stays so for ever;
/// - *leased*: in `leases`, with its deadline in `deadlines`;
/// - *waiting*: in `waiting`: its lease ended without an acknowledgement, or [`OrderedLeases`] passed over it;
/// - *fresh*: none of these, and at `next` or above: never leased by this table.
///
/// Invariants (see [`LeaseTable::validate`]): these states exclude each other; everything below `next` that is not
/// done is leased or waiting; `deadlines` and `holders` say the same as `leases`; no run of `done` touches the floor.
/// Memory is bounded by the leased and waiting messages and the holes between done ones; operations are O(log n).
#[derive(Clone, Debug)]
pub struct LeaseTable {
    floor: u64,
    next: u64,
    done: RangeSet,
    leases: BTreeMap<u64, Entry>,
    deadlines: BTreeSet<(u64, u64)>,
    /// Attempts so far, by offset.
    waiting: BTreeMap<u64, u32>,
    holders: Holders,
    generation: u32,
}

/// What is kept of a lease: 32 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    deadline: u64,
    holder: u64,
    size: u32,
    generation: u32,
    attempt: u32,
}

impl LeaseTable {
    /// A table for a cursor: nothing is leased, and what the cursor acknowledged is done.
    #[must_use]
    pub fn new(floor: u64, acked: &RangeSet) -> Self {
        let mut table = Self {
            floor,
            next: floor,
            done: acked.clone(),
            leases: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting: BTreeMap::new(),
            holders: Holders::default(),
            generation: 0,
        };
        table.settle();
        table
    }

    /// Counts generations from `first` on. A leader that takes the Raft term for the high bits makes it unlikely that
    /// an earlier leader's generation is taken for one of its own.
    #[must_use]
    pub fn starting_at_generation(mut self, first: u32) -> Self {
        self.generation = first.wrapping_sub(1);
        self
    }

    /// The offset to deliver next, below `end_offset` (the partition's end): the lowest that waits for redelivery, else
    /// the lowest fresh one.
    #[must_use]
    pub fn peek(&self, end_offset: u64) -> Option<u64> {
        match self.waiting.first_key_value() {
            Some((offset, _)) => Some(*offset),
            None => Some(self.next_fresh()).filter(|offset| *offset < end_offset),
        }
    }

    /// Gives a message of `size` bytes to `holder` until `deadline`. None when the offset is not deliverable: it is done
    /// or leased, or a lower offset is fresh.
    pub fn lease(&mut self, offset: u64, holder: u64, size: u32, deadline: u64) -> Option<Lease> {
        let attempts = match self.waiting.remove(&offset) {
            Some(attempts) => attempts,
            None if offset == self.next_fresh() => {
                self.next = offset.checked_add(1)?;
                0
            }
            None => return None,
        };
        self.generation = self.generation.wrapping_add(1);
        let lease = Lease {
            generation: self.generation,
            attempt: attempts.saturating_add(1),
        };
        let Lease { generation, attempt } = lease;
        self.leases.insert(
            offset,
            Entry {
                deadline,
                holder,
                size,
                generation,
                attempt,
            },
        );
        self.deadlines.insert((deadline, offset));
        self.holders.add(holder, size);
        Some(lease)
    }

    /// Takes note that a message was processed; it is never delivered again.
    ///
    /// The caller proposes the acknowledgement to the log when `is_new`. Should the log refuse it, this table is wrong,
    /// and has to be made anew from the cursor.
    pub fn acknowledge(&mut self, offset: u64, generation: u32) -> Acknowledged {
        if self.is_done(offset) {
            return Acknowledged {
                freed: None,
                is_new: false,
                is_current: false,
            };
        }
        let is_current = self.is_current(offset, generation);
        let freed = self.end_lease(offset);
        self.waiting.remove(&offset);
        self.done.insert(offset..offset.saturating_add(1));
        self.settle();
        Acknowledged {
            freed,
            is_new: true,
            is_current,
        }
    }

    /// Moves the deadline of a lease, forth or back; false when `generation` is not the current lease's.
    pub fn extend(&mut self, offset: u64, generation: u32, deadline: u64) -> bool {
        let Some(entry) = self
            .leases
            .get_mut(&offset)
            .filter(|entry| entry.generation == generation)
        else {
            return false;
        };
        self.deadlines.remove(&(entry.deadline, offset));
        entry.deadline = deadline;
        self.deadlines.insert((deadline, offset));
        true
    }

    /// Ends a lease early: the message waits to be delivered again. None when `generation` is not the current lease's.
    pub fn nack(&mut self, offset: u64, generation: u32) -> Option<Freed> {
        if !self.is_current(offset, generation) {
            return None;
        }
        self.give_back(offset)
    }

    /// Ends the leases whose deadline is at or before `now`, by deadline; the messages wait to be delivered again.
    pub fn expire(&mut self, now: u64) -> Vec<Expired> {
        let mut expired = Vec::new();
        while let Some((deadline, offset)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            match self.give_back(offset) {
                Some(freed) => expired.push(Expired { offset, freed }),
                // Can't be, by the invariant; dropping the deadline keeps the loop finite.
                None => _ = self.deadlines.pop_first(),
            }
        }
        expired
    }

    /// When the next lease runs out.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes note that an offset holds no record: it is passed over.
    pub fn skip(&mut self, offset: u64) -> Vec<Freed> {
        self.skip_range(offset..offset.saturating_add(1))
    }

    /// Takes note that offsets hold no record, or records that are no longer there. What was leased of them is freed.
    pub fn skip_range(&mut self, range: Range<u64>) -> Vec<Freed> {
        self.finish(range)
    }

    /// Follows the cursor: everything below `floor` is done. What was leased of it is freed.
    pub fn trim(&mut self, floor: u64) -> Vec<Freed> {
        self.finish(self.floor..floor)
    }

    /// Whether the offset is acknowledged or holds no record.
    #[must_use]
    pub fn is_done(&self, offset: u64) -> bool {
        offset < self.floor || self.done.contains(offset)
    }

    /// The lowest offset that is not done.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// How many messages are leased.
    #[must_use]
    pub fn leased(&self) -> usize {
        self.leases.len()
    }

    /// How many messages wait to be delivered again.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many runs of done offsets lie above the floor; each costs memory, here and in the cursor.
    #[must_use]
    pub fn holes(&self) -> usize {
        self.done.runs()
    }

    /// What a holder has.
    #[must_use]
    pub fn held_by(&self, holder: u64) -> Held {
        self.holders.get(holder)
    }

    fn is_waiting(&self, offset: u64) -> bool {
        self.waiting.contains_key(&offset)
    }

    /// Fresh → waiting, without an attempt; false when it is not the next fresh one.
    fn defer(&mut self, offset: u64) -> bool {
        let Some(next) = offset.checked_add(1).filter(|_| offset == self.next_fresh()) else {
            return false;
        };
        self.next = next;
        self.waiting.insert(offset, 0);
        true
    }

    fn next_fresh(&self) -> u64 {
        self.done.next_absent(self.next)
    }

    fn is_current(&self, offset: u64, generation: u32) -> bool {
        self.leases
            .get(&offset)
            .is_some_and(|entry| entry.generation == generation)
    }

    /// Leased → waiting.
    fn give_back(&mut self, offset: u64) -> Option<Freed> {
        let attempt = self.leases.get(&offset)?.attempt;
        let freed = self.end_lease(offset)?;
        self.waiting.insert(offset, attempt);
        Some(freed)
    }

    /// Leased → none of the states; the caller names the next.
    fn end_lease(&mut self, offset: u64) -> Option<Freed> {
        let Entry {
            deadline,
            holder,
            size,
            ..
        } = self.leases.remove(&offset)?;
        self.deadlines.remove(&(deadline, offset));
        self.holders.remove(holder, size);
        Some(Freed { holder, size })
    }

    /// Any state → done.
    fn finish(&mut self, range: Range<u64>) -> Vec<Freed> {
        let range = range.start.max(self.floor)..range.end;
        if range.is_empty() {
            return Vec::new();
        }
        let mut freed = Vec::new();
        while let Some(offset) = self.leases.range(range.clone()).next().map(|(offset, _)| *offset) {
            freed.extend(self.end_lease(offset));
        }
        while let Some(offset) = self
            .waiting
            .range(range.clone())
            .next()
            .map(|(offset, _)| *offset)
        {
            self.waiting.remove(&offset);
        }
        self.done.insert(range);
        self.settle();
        freed
    }

    /// Raises the floor over the done run that touches it.
    fn settle(&mut self) {
        self.done.remove_below(self.floor);
        if let Some(end) = self.done.take_run_at(self.floor) {
            self.floor = end;
        }
        self.next = self.next.max(self.floor);
    }
}
