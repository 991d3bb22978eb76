//! How far a subscription has come in one partition.

use std::ops::Range;

use crate::ranges::RangeSet;

/// A subscription's durable place in a partition: everything below the floor is acknowledged, and the ranges above it.
///
/// Invariants (see [`Cursor::validate`]): every acknowledged range lies above the floor (the offset at the floor is not
/// acknowledged) and ends at or below the partition's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    floor: u64,
    acked: RangeSet,
    /// How many offsets `acked` holds.
    acked_above: u64,
}

impl Cursor {
    /// A cursor at `floor` that has acknowledged nothing from there on.
    #[must_use]
    pub(crate) fn new(floor: u64) -> Self {
        Self {
            floor,
            acked: RangeSet::new(),
            acked_above: 0,
        }
    }

    /// A cursor as a checkpoint tells it.
    pub(crate) fn restore(floor: u64, acked: RangeSet) -> Self {
        let acked_above = acked.iter().map(|run| run.end - run.start).sum();
        Self {
            floor,
            acked,
            acked_above,
        }
    }

    /// The lowest offset that is not acknowledged.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// What is acknowledged above the floor.
    #[must_use]
    pub fn acked(&self) -> &RangeSet {
        &self.acked
    }

    /// Whether the offset is acknowledged.
    #[must_use]
    pub fn is_acked(&self, offset: u64) -> bool {
        offset < self.floor || self.acked.contains(offset)
    }

    /// How many offsets below `end_offset`, the partition's end, are not acknowledged.
    #[must_use]
    pub fn backlog(&self, end_offset: u64) -> u64 {
        end_offset
            .saturating_sub(self.floor)
            .saturating_sub(self.acked_above)
    }

    /// Acknowledges a range; what is acknowledged already stays so.
    pub(crate) fn acknowledge(&mut self, range: Range<u64>) {
        let range = range.start.max(self.floor)..range.end;
        if range.is_empty() {
            return;
        }
        self.acked_above += self.acked.insert(range);
        if let Some(end) = self.acked.take_run_at(self.floor) {
            self.acked_above -= end - self.floor;
            self.floor = end;
        }
    }

    /// Checks the invariants against the partition's bounds.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self, start_offset: u64, end_offset: u64) -> Result<(), String> {
        self.acked.validate()?;
        let floor = self.floor;
        if floor < start_offset || floor > end_offset {
            return Err(format!(
                "floor {floor} lies outside the partition ({start_offset} to {end_offset})"
            ));
        }
        if let Some(first) = self.acked.first().filter(|run| run.start <= floor) {
            return Err(format!("acknowledged range {first:?} is not above floor {floor}"));
        }
        if let Some(last) = self.acked.last().filter(|run| run.end > end_offset) {
            return Err(format!(
                "acknowledged range {last:?} goes beyond the partition's end {end_offset}"
            ));
        }
        let counted: u64 = self.acked.iter().map(|run| run.end - run.start).sum();
        if counted != self.acked_above {
            return Err(format!(
                "{counted} offsets are acknowledged above the floor, not {}",
                self.acked_above
            ));
        }
        Ok(())
    }
}
