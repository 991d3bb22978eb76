//! How requests go wrong.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this code and not carried out.
    Refused(u16),
    /// It is carried out, and the answer is lost.
    Lost,
    /// It takes this long.
    Slow(Duration),
}

/// Decides by chance, the same way for the same seed.
#[derive(Debug)]
pub struct Faults {
    rng: StdRng,
    percent: u32,
}

impl Faults {
    pub fn none() -> Self {
        Self {
            rng: StdRng::seed_from_u64(0),
            percent: 0,
        }
    }

    /// About `percent` of the requests go wrong.
    pub fn storm(seed: u64, percent: u32) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            percent,
        }
    }

    pub fn next(&mut self) -> Option<Fault> {
        if self.rng.random_range(0..100) >= self.percent {
            return None;
        }
        Some(match self.rng.random_range(0..7) {
            0 => Fault::Refused(409),
            1 => Fault::Refused(429),
            2 => Fault::Refused(500),
            3 => Fault::Refused(503),
            4 | 5 => Fault::Lost,
            _ => Fault::Slow(Duration::from_millis(self.rng.random_range(1..60))),
        })
    }
}
