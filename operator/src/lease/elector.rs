//! Takes the lease, holds it, gives it back.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::election::{Decision, Election, Timing};
use super::lock::{Lock, LockError};
use crate::clock::SharedClock;

/// One replica in the election.
pub struct Elector<L> {
    lock: L,
    clock: SharedClock,
    timing: Timing,
    election: Election,
}

impl<L: Lock> Elector<L> {
    /// A replica called `identity`, which must differ from replica to replica.
    pub fn new(lock: L, clock: SharedClock, identity: &str, timing: Timing) -> Self {
        Self {
            lock,
            clock,
            timing,
            election: Election::new(identity, timing),
        }
    }

    /// Returns when this replica is the leader.
    pub async fn acquire(&mut self) {
        let mut told = None;
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {
                    let holder = self.election.holder().map(str::to_owned);
                    if told != holder {
                        tracing::info!(
                            holder = holder.as_deref().unwrap_or("nobody"),
                            "waiting for the lease"
                        );
                        told = holder;
                    }
                }
                Err(error) => tracing::warn!(%error, "the lease can't be taken; trying again"),
            }
            sleep(self.pause()).await;
        }
    }

    /// Renews the lease until it is lost; returns then. Call it after [`Elector::acquire`].
    pub async fn hold(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(self.timing.retry).await;
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            match timeout(left, self.attempt()).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => {
                    tracing::warn!(holder = self.election.holder(), "another replica holds the lease");
                    return;
                }
                Ok(Err(error)) => tracing::warn!(%error, "the lease can't be renewed; trying again"),
                Err(_) => {}
            }
            if renewed.elapsed() >= self.timing.renew_deadline {
                tracing::warn!(
                    seconds = renewed.elapsed().as_secs(),
                    "the lease was not renewed in time"
                );
                return;
            }
        }
    }

    /// Gives the lease back, if it is ours, so that the next leader need not wait for it to run out.
    ///
    /// # Errors
    /// Of the lock; the lease runs out by itself then.
    pub async fn release(&mut self) -> Result<(), LockError> {
        let Some(record) = self.election.released(self.clock.now()) else {
            return Ok(());
        };
        let written = self.lock.write(&record).await?;
        self.election.observe(written, Instant::now());
        Ok(())
    }

    /// One attempt to take or renew; whether the lease is ours now.
    async fn attempt(&mut self) -> Result<bool, LockError> {
        if let Some(record) = self.lock.read().await? {
            self.election.observe(record, Instant::now());
        }
        let Decision::Write(record) = self.election.decide(Instant::now(), self.clock.now()) else {
            return Ok(false);
        };
        match self.lock.write(&record).await {
            Ok(written) => {
                self.election.observe(written, Instant::now());
                Ok(true)
            }
            // Whoever was first, the next attempt reads it.
            Err(LockError::Conflict) if !self.election.is_ours() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Replicas do not try in step.
    fn pause(&self) -> Duration {
        self.timing
            .retry
            .mul_f64(rand::Rng::random_range(&mut rand::rng(), 1.0..1.2))
    }
}
