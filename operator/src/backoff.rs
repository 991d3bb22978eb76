//! How long to wait before an object is tried again: exponential, with jitter, each object on its own.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use rand::Rng;

/// The shortest and the longest wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffLimits {
    /// After the first failure.
    pub first: Duration,
    /// However many failures there were.
    pub longest: Duration,
}

impl BackoffLimits {
    /// The wait after `failures` failures in a row (at least one), before jitter.
    #[must_use]
    pub fn wait(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest)
    }

    /// The wait after `failures` failures in a row, shortened by up to a half at random, so that objects that failed
    /// together are not tried together.
    #[must_use]
    pub fn jittered(&self, failures: u32) -> Duration {
        self.wait(failures).mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// Failures in a row, object by object. An object that succeeded or is gone takes no memory.
#[derive(Debug)]
pub struct Backoffs<K> {
    limits: BackoffLimits,
    failures: HashMap<K, u32>,
}

impl<K: Eq + Hash> Backoffs<K> {
    /// No failures yet.
    #[must_use]
    pub fn new(limits: BackoffLimits) -> Self {
        Self {
            limits,
            failures: HashMap::new(),
        }
    }

    /// Counts a failure of `key` and says how long to wait.
    pub fn failed(&mut self, key: K) -> Duration {
        let failures = self.failures.entry(key).or_default();
        *failures = failures.saturating_add(1);
        self.limits.jittered(*failures)
    }

    /// Forgets `key`'s failures: it succeeded, or is gone.
    pub fn forget(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// How many objects have failed since they last succeeded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.failures.len()
    }

    /// Whether no object has failed since it last succeeded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BackoffLimits = BackoffLimits {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(5),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<_> = (1..=8).map(|n| LIMITS.wait(n).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(LIMITS.wait(u32::MAX), LIMITS.longest);
    }

    #[test]
    fn jitter_only_shortens_and_by_at_most_a_half() {
        for failures in 1..200 {
            let wait = LIMITS.jittered(failures);
            assert!(
                wait <= LIMITS.wait(failures) && wait >= LIMITS.wait(failures) / 2,
                "{wait:?}"
            );
        }
    }

    #[test]
    fn an_object_that_succeeded_is_forgotten() {
        let mut backoffs = Backoffs::new(LIMITS);
        for _ in 0..6 {
            backoffs.failed("orders");
        }
        assert!(backoffs.failed("orders") > LIMITS.first);
        assert!(
            backoffs.failed("bills") <= LIMITS.first,
            "another object's failures do not count"
        );
        backoffs.forget(&"orders");
        assert!(backoffs.failed("orders") <= LIMITS.first);
        backoffs.forget(&"orders");
        backoffs.forget(&"bills");
        assert!(backoffs.is_empty());
    }
}
