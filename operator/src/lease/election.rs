//! The decision: take the lease, renew it, or wait. No clock, no I/O.
//!
//! Whether another's lease has run out is judged by when *we* saw it change last, never by the times in it: clocks of
//! different machines are not compared.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::record::Record;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For how long a lease is held after a renewal.
    pub duration: Duration,
    /// A leader that could not renew for this long stops leading; shorter than `duration`, so that it has stopped before
    /// another may begin.
    pub renew_deadline: Duration,
    /// Pause between attempts to take or renew.
    pub retry: Duration,
}

impl Default for Timing {
    /// What Kubernetes' own components use.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write this: it takes or renews the lease.
    Write(Record),
    /// Another holds it.
    Wait,
}

/// What one replica knows about the lease.
#[derive(Debug)]
pub struct Election {
    identity: String,
    timing: Timing,
    seen: Option<(Record, Instant)>,
}

impl Election {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(identity: impl Into<String>, timing: Timing) -> Self {
        Self {
            identity: identity.into(),
            timing,
            seen: None,
        }
    }

    /// The lease was read or written at `now`, and is `record`. The time counts only if it changed since last seen.
    pub fn observe(&mut self, record: Record, now: Instant) {
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != record) {
            self.seen = Some((record, now));
        }
    }

    /// Who holds the lease, as far as is known.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.seen
            .as_ref()
            .and_then(|(record, _)| record.holder.as_deref())
    }

    /// Whether this replica was the holder when the lease was last seen.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.holder() == Some(&self.identity)
    }

    /// What to do at `now`; `wall` is written into the lease.
    #[must_use]
    pub fn decide(&self, now: Instant, wall: Timestamp) -> Decision {
        let Some((record, seen_at)) = &self.seen else {
            return Decision::Write(self.taken(None, wall));
        };
        if self.is_ours() {
            return Decision::Write(Record {
                renewed: Some(wall),
                duration: self.timing.duration,
                ..record.clone()
            });
        }
        let run_out = now.duration_since(*seen_at) >= record.duration;
        if record.holder.is_none() || run_out {
            return Decision::Write(self.taken(Some(record), wall));
        }
        Decision::Wait
    }

    /// The lease given back, if it is ours: free for the next at once.
    #[must_use]
    pub fn released(&self, wall: Timestamp) -> Option<Record> {
        let (record, _) = self.seen.as_ref().filter(|_| self.is_ours())?;
        let duration = Duration::from_secs(1);
        Some(Record {
            holder: None,
            duration,
            renewed: Some(wall),
            ..record.clone()
        })
    }

    fn taken(&self, from: Option<&Record>, wall: Timestamp) -> Record {
        Record {
            holder: Some(self.identity.clone()),
            duration: self.timing.duration,
            transitions: from.map_or(0, |record| record.transitions.saturating_add(1)),
            acquired: Some(wall),
            renewed: Some(wall),
            version: from.and_then(|record| record.version.clone()),
        }
    }
}
