//! Leases that keep the order of ordering keys.

use std::ops::Range;

use super::keys::Keys;
use super::{Acknowledged, Expired, Freed, Held, Lease, LeaseTable};

/// A [`LeaseTable`] that delivers the messages of each ordering key in the order of their offsets.
///
/// - A message is leased only when every lower one of its key is done or leased to the same holder.
/// - When a lease ends without an acknowledgement, the leases of all later messages of its key end, too.
/// - An acknowledgement of a lease that has ended counts only when no lower message of the key is open: else a message
///   would be left out when those before it are delivered again.
/// - A fresh message that its key holds up is *deferred*: it waits, and what is behind it is looked at. At most
///   `look_ahead` messages wait when one is deferred; beyond, fresh messages wait in the log.
///
/// Invariants (see [`OrderedLeases::validate`]): those of the table; all leased messages of a key have one holder, and are
/// lower than all of the key that wait. Memory is bounded by the leased messages and `look_ahead`, and their keys;
/// operations are O(log n), and for each lease that ends.
#[derive(Clone, Debug)]
pub struct OrderedLeases {
    table: LeaseTable,
    keys: Keys,
    look_ahead: usize,
}

/// What may be done with a message that [`OrderedLeases::peek`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It can be leased.
    Deliverable,
    /// Its key held it up, and it waits now: peek again.
    Deferred,
    /// Its key holds it up, and no more messages may wait: there is nothing for this holder now.
    Full,
}

impl OrderedLeases {
    /// On a table that has leased nothing yet; `look_ahead` bounds the messages that are passed over.
    #[must_use]
    pub fn new(table: LeaseTable, look_ahead: usize) -> Self {
        debug_assert!(table.leased() == 0 && table.waiting() == 0);
        Self {
            table,
            keys: Keys::default(),
            look_ahead,
        }
    }

    /// The offset to offer to `holder` next, below `end_offset` (the partition's end): the lowest that waits and may go to
    /// it, else the lowest fresh one.
    #[must_use]
    pub fn peek(&self, holder: u64, end_offset: u64) -> Option<u64> {
        let fresh = || Some(self.table.next_fresh()).filter(|offset| *offset < end_offset);
        self.keys.first_for(holder).or_else(fresh)
    }

    /// Whether `holder` may be given the message that [`OrderedLeases::peek`] found; defers it when not. `key` is the
    /// message's; an empty one is none.
    pub fn offer(&mut self, offset: u64, key: &[u8], holder: u64) -> Offer {
        if self.may_lease(offset, key, holder) {
            Offer::Deliverable
        } else if self.table.waiting() < self.look_ahead && self.table.defer(offset) {
            self.keys.defer(offset, key);
            Offer::Deferred
        } else {
            Offer::Full
        }
    }

    /// Gives a message of `size` bytes and `key` (empty = none) to `holder` until `deadline`. None when the offset is not
    /// deliverable to it.
    pub fn lease(&mut self, offset: u64, key: &[u8], holder: u64, size: u32, deadline: u64) -> Option<Lease> {
        if !self.may_lease(offset, key, holder) {
            return None;
        }
        let was_waiting = self.table.is_waiting(offset);
        let lease = self.table.lease(offset, holder, size, deadline)?;
        if was_waiting {
            self.keys.lease_waiting(offset, holder);
        } else {
            self.keys.lease_fresh(offset, key, holder);
        }
        Some(lease)
    }

    /// Takes note that a message was processed; as [`LeaseTable::acknowledge`], unless the lease has ended and a lower
    /// message of the key is open: then nothing changes (`is_new` is false), and the message is delivered again.
    pub fn acknowledge(&mut self, offset: u64, generation: u32) -> Acknowledged {
        if !self.counts(offset, generation) {
            return Acknowledged {
                freed: None,
                is_new: false,
                is_current: false,
            };
        }
        let acknowledged = self.table.acknowledge(offset, generation);
        self.keys.finish(offset);
        acknowledged
    }

    /// As [`LeaseTable::extend`].
    pub fn extend(&mut self, offset: u64, generation: u32, deadline: u64) -> bool {
        self.table.extend(offset, generation, deadline)
    }

    /// Ends a lease early, and those of later messages of its key: they wait to be delivered again. Empty when
    /// `generation` is not the current lease's.
    pub fn nack(&mut self, offset: u64, generation: u32) -> Vec<Freed> {
        if !self.table.is_current(offset, generation) {
            return Vec::new();
        }
        let first = self.give_back(offset).into_iter();
        first
            .chain(self.give_back_behind(offset))
            .map(|expired| expired.freed)
            .collect()
    }

    /// Ends the leases whose deadline is at or before `now`, by deadline, and then those of later messages of their keys.
    pub fn expire(&mut self, now: u64) -> Vec<Expired> {
        let mut expired = self.table.expire(now);
        for due in &expired {
            self.keys.give_back(due.offset);
        }
        for due in 0..expired.len() {
            let behind = self.give_back_behind(expired[due].offset);
            expired.extend(behind);
        }
        expired
    }

    /// As [`LeaseTable::skip_range`].
    pub fn skip_range(&mut self, range: Range<u64>) -> Vec<Freed> {
        self.keys.finish_range(range.clone());
        self.table.skip_range(range)
    }

    /// Whether the message waits: it was leased before, or passed over.
    #[must_use]
    pub fn is_waiting(&self, offset: u64) -> bool {
        self.table.is_waiting(offset)
    }

    /// As [`LeaseTable::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.table.next_deadline()
    }

    /// Whether the offset is acknowledged or holds no record.
    #[must_use]
    pub fn is_done(&self, offset: u64) -> bool {
        self.table.is_done(offset)
    }

    /// As [`LeaseTable::floor`].
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.table.floor()
    }

    /// As [`LeaseTable::leased`].
    #[must_use]
    pub fn leased(&self) -> usize {
        self.table.leased()
    }

    /// How many messages wait: for redelivery, or behind others of their key.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.table.waiting()
    }

    /// As [`LeaseTable::held_by`].
    #[must_use]
    pub fn held_by(&self, holder: u64) -> Held {
        self.table.held_by(holder)
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self) -> Result<(), String> {
        self.table.validate()?;
        let leased = self.table.leases.iter();
        let leased = leased.map(|(offset, entry)| (*offset, entry.holder)).collect();
        let waiting = self.table.waiting.keys().copied().collect();
        self.keys.validate(&leased, &waiting)
    }

    fn may_lease(&self, offset: u64, key: &[u8], holder: u64) -> bool {
        if self.table.is_waiting(offset) {
            self.keys.is_listed_for(offset, holder)
        } else {
            offset == self.table.next_fresh() && (key.is_empty() || self.keys.admits(key, holder))
        }
    }

    /// Whether an acknowledgement counts. Of a message that this table never saw (it was leased before a restart) the key is
    /// not known: it counts when nothing at all is open before it.
    fn counts(&self, offset: u64, generation: u32) -> bool {
        let seen = offset < self.table.next;
        self.table.is_current(offset, generation)
            || self.table.is_done(offset)
            || offset == self.table.floor
            || (seen && self.keys.is_first(offset))
    }

    fn give_back(&mut self, offset: u64) -> Option<Expired> {
        let freed = self.table.give_back(offset)?;
        self.keys.give_back(offset);
        Some(Expired { offset, freed })
    }

    fn give_back_behind(&mut self, offset: u64) -> Vec<Expired> {
        let behind = self.keys.leased_behind(offset).into_iter();
        behind.filter_map(|offset| self.give_back(offset)).collect()
    }
}
