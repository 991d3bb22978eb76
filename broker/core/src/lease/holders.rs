//! How much each holder has: what flow control asks.

use std::collections::BTreeMap;

/// What one holder has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Leased messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What every holder has. A holder of nothing is not in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Holders(BTreeMap<u64, Held>);

impl Holders {
    pub(super) fn get(&self, holder: u64) -> Held {
        self.0.get(&holder).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, holder: u64, size: u32) {
        let held = self.0.entry(holder).or_default();
        held.messages += 1;
        held.bytes += u64::from(size);
    }

    pub(super) fn remove(&mut self, holder: u64, size: u32) {
        if let Some(held) = self.0.get_mut(&holder) {
            held.messages -= 1;
            held.bytes -= u64::from(size);
            if held.messages == 0 {
                self.0.remove(&holder);
            }
        }
    }

    /// Checks that these are the counts of `leases` (holder and size of each).
    pub(super) fn validate(&self, leases: impl Iterator<Item = (u64, u32)>) -> Result<(), String> {
        let mut counted = Self::default();
        leases.for_each(|(holder, size)| counted.add(holder, size));
        if counted.0 != self.0 {
            return Err(format!("holders have {:?}, not {:?}", counted.0, self.0));
        }
        Ok(())
    }
}
