//! One partition: where its records begin and end, and the cursors over them. The records themselves are the shard's.

use std::collections::{BTreeMap, BTreeSet};

use postroad_types::{Error, PartitionId, Result, SubscriptionId};

use crate::command::{OffsetRange, Position};
use crate::cursor::Cursor;

/// Offsets stay below this: a message id has 48 bits for them ([`postroad_types::MessageId`]).
pub const MAX_OFFSET: u64 = 1 << 48;

/// A partition's bounds and cursors.
///
/// Invariants (see [`Partition::validate`]): `start ≤ end ≤ MAX_OFFSET`; every cursor's floor lies in `start..=end`;
/// `start` is the lowest floor, or `end` when there is no cursor: what every subscription acknowledged is gone, and what
/// none reads is never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    start_offset: u64,
    end_offset: u64,
    cursors: BTreeMap<SubscriptionId, Cursor>,
    /// The floors of `cursors`, lowest first.
    floors: BTreeSet<(u64, SubscriptionId)>,
}

impl Partition {
    /// A partition as a checkpoint tells it; not yet validated.
    pub(crate) fn restore(start: u64, end: u64, cursors: BTreeMap<SubscriptionId, Cursor>) -> Self {
        let floors = cursors.iter().map(|(id, cursor)| (cursor.floor(), *id)).collect();
        Self {
            start_offset: start,
            end_offset: end,
            cursors,
            floors,
        }
    }

    /// The lowest offset that is still kept; equal to the end when nothing is.
    #[must_use]
    pub fn start_offset(&self) -> u64 {
        self.start_offset
    }

    /// The offset of the next record.
    #[must_use]
    pub fn end_offset(&self) -> u64 {
        self.end_offset
    }

    /// The cursors, by subscription.
    pub fn cursors(&self) -> impl ExactSizeIterator<Item = (SubscriptionId, &Cursor)> + '_ {
        self.cursors.iter().map(|(id, cursor)| (*id, cursor))
    }

    /// A subscription's cursor.
    #[must_use]
    pub fn cursor(&self, subscription: SubscriptionId) -> Option<&Cursor> {
        self.cursors.get(&subscription)
    }

    /// Takes `count` offsets, and returns the first.
    pub(crate) fn append(&mut self, id: PartitionId, count: u32) -> Result<u64> {
        if count == 0 {
            return Err(Error::invalid(format!(
                "a batch for partition {id} covers no offset; it needs at least one"
            )));
        }
        let base_offset = self.end_offset;
        let end = base_offset + u64::from(count);
        if end > MAX_OFFSET {
            return Err(Error::exhausted(format!(
                "partition {id} is full: its offsets would pass {MAX_OFFSET}"
            )));
        }
        self.end_offset = end;
        Ok(base_offset)
    }

    /// Makes a cursor; false when it is there.
    pub(crate) fn open_cursor(&mut self, subscription: SubscriptionId, at: Position) -> bool {
        if self.cursors.contains_key(&subscription) {
            return false;
        }
        let floor = match at {
            Position::Earliest => self.start_offset,
            Position::Latest => self.end_offset,
        };
        self.cursors.insert(subscription, Cursor::new(floor));
        self.floors.insert((floor, subscription));
        true
    }

    /// Deletes a cursor; false when it is not there.
    pub(crate) fn close_cursor(&mut self, subscription: SubscriptionId) -> bool {
        match self.cursors.remove(&subscription) {
            Some(cursor) => self.floors.remove(&(cursor.floor(), subscription)),
            None => false,
        }
    }

    /// Acknowledges all of `ranges`, or none when one of them is beyond the end or there is no such cursor.
    pub(crate) fn acknowledge(
        &mut self,
        id: PartitionId,
        subscription: SubscriptionId,
        ranges: &[OffsetRange],
    ) -> Result<()> {
        let Some(cursor) = self.cursors.get_mut(&subscription) else {
            return Err(Error::not_found(format!(
                "cursor of subscription {} on partition {id}",
                subscription.0
            )));
        };
        let end_offset = self.end_offset;
        let beyond = |range: &&OffsetRange| {
            range
                .start
                .checked_add(range.length)
                .is_none_or(|end| end > end_offset)
        };
        if let Some(OffsetRange { start, length }) = ranges.iter().find(beyond) {
            return Err(Error::invalid(format!(
                "can't acknowledge {length} offsets from {start} of partition {id}: it ends at {end_offset}"
            )));
        }
        let floor = cursor.floor();
        for range in ranges {
            cursor.acknowledge(range.start..range.start + range.length);
        }
        if cursor.floor() != floor {
            self.floors.remove(&(floor, subscription));
            self.floors.insert((cursor.floor(), subscription));
        }
        Ok(())
    }

    /// Lets go of what no cursor needs; the new start when it moved.
    pub(crate) fn trim(&mut self) -> Option<u64> {
        let needed = self.lowest_needed();
        (needed > self.start_offset).then(|| {
            self.start_offset = needed;
            needed
        })
    }

    fn lowest_needed(&self) -> u64 {
        self.floors.first().map_or(self.end_offset, |(floor, _)| *floor)
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self) -> Result<(), String> {
        let (start, end) = (self.start_offset, self.end_offset);
        if start > end || end > MAX_OFFSET {
            return Err(format!("it begins at {start} and ends at {end}"));
        }
        for (id, cursor) in self.cursors() {
            cursor
                .validate(start, end)
                .map_err(|reason| format!("cursor of subscription {}: {reason}", id.0))?;
        }
        let floors: BTreeSet<_> = self.cursors().map(|(id, cursor)| (cursor.floor(), id)).collect();
        if floors != self.floors {
            return Err("the index of floors is not that of the cursors".to_owned());
        }
        if start != self.lowest_needed() {
            return Err(format!(
                "it begins at {start}, but its cursors need {} on",
                self.lowest_needed()
            ));
        }
        Ok(())
    }
}
