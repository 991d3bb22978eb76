//! The invariants of the lease table, checked.

use std::collections::BTreeSet;

use super::LeaseTable;

impl LeaseTable {
    /// Checks the invariants.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self) -> Result<(), String> {
        self.done.validate()?;
        if self.done.first().is_some_and(|run| run.start <= self.floor) || self.next < self.floor {
            return Err(format!(
                "floor {} is behind what is done, or next {} behind it",
                self.floor, self.next
            ));
        }
        for offset in self.leases.keys().chain(self.waiting.keys()) {
            if self.is_done(*offset) || *offset >= self.next {
                return Err(format!(
                    "offset {offset} is leased or waiting, and done or fresh too"
                ));
            }
        }
        if let Some(offset) = self
            .leases
            .keys()
            .find(|offset| self.waiting.contains_key(offset))
        {
            return Err(format!("offset {offset} is leased and waiting"));
        }
        self.validate_delivered()?;
        let deadlines: BTreeSet<_> = self
            .leases
            .iter()
            .map(|(offset, entry)| (entry.deadline, *offset))
            .collect();
        if deadlines != self.deadlines {
            return Err("the deadlines are not those of the leases".to_owned());
        }
        self.holders
            .validate(self.leases.values().map(|entry| (entry.holder, entry.size)))
    }

    /// Counts: of the offsets from the floor to `next`, those that are not done are leased or waiting.
    fn validate_delivered(&self) -> Result<(), String> {
        let done: u64 = self
            .done
            .iter()
            .map(|run| run.end.min(self.next).saturating_sub(run.start))
            .sum();
        let open = self.next - self.floor - done;
        let known = (self.leases.len() + self.waiting.len()) as u64;
        if open != known {
            return Err(format!(
                "{open} offsets below {} are not done, but {known} leased or waiting",
                self.next
            ));
        }
        Ok(())
    }
}
