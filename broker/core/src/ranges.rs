//! A set of offsets, run-length: what a subscription acknowledged above its floor.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of `u64`, kept as runs. Memory grows with the number of runs, not of members.
///
/// Invariants (see [`RangeSet::validate`]): no run is empty, and between two runs at least one number is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// End (exclusive) by start.
    runs: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            runs: BTreeMap::new(),
        }
    }

    /// Adds a run, and returns how many of its members are new; O(log n) and the runs it swallows, each of which was
    /// added once.
    pub fn insert(&mut self, range: Range<u64>) -> u64 {
        let Range { mut start, mut end } = range;
        if start >= end {
            return 0;
        }
        let mut swallowed = 0;
        while let Some((&run_start, &run_end)) = self.runs.range(..=end).next_back() {
            if run_end < start {
                break;
            }
            start = start.min(run_start);
            end = end.max(run_end);
            swallowed += run_end - run_start;
            self.runs.remove(&run_start);
        }
        self.runs.insert(start, end);
        end - start - swallowed
    }

    /// Removes every member below `floor`.
    pub fn remove_below(&mut self, floor: u64) {
        while let Some(run) = self.runs.first_entry() {
            if *run.key() >= floor {
                break;
            }
            let end = run.remove();
            if end > floor {
                self.runs.insert(floor, end);
            }
        }
    }

    /// Removes the run that begins at `start`, and returns its end.
    pub(crate) fn take_run_at(&mut self, start: u64) -> Option<u64> {
        self.runs.remove(&start)
    }

    /// Whether `value` is a member.
    #[must_use]
    pub fn contains(&self, value: u64) -> bool {
        self.next_absent(value) != value
    }

    /// The lowest number from `value` on that is no member.
    #[must_use]
    pub fn next_absent(&self, value: u64) -> u64 {
        match self.runs.range(..=value).next_back() {
            Some((_, &end)) if end > value => end,
            _ => value,
        }
    }

    /// The runs, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + '_ {
        self.runs.iter().map(|(&start, &end)| start..end)
    }

    /// The lowest run.
    #[must_use]
    pub fn first(&self) -> Option<Range<u64>> {
        self.iter().next()
    }

    /// The highest run.
    #[must_use]
    pub fn last(&self) -> Option<Range<u64>> {
        self.iter().next_back()
    }

    /// How many runs there are.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Whether the set has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self) -> Result<(), String> {
        let mut previous: Option<u64> = None;
        for run in self.iter() {
            if run.is_empty() {
                return Err(format!("run {run:?} is empty"));
            }
            if previous.is_some_and(|end| end >= run.start) {
                return Err(format!("run {run:?} touches the one before it"));
            }
            previous = Some(run.end);
        }
        Ok(())
    }
}
