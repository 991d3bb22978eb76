//! Leader election by a Lease of `coordination.k8s.io`, as Kubernetes' own components do it. Read in this order:
//!
//! 1. [`record`]: what stands in the lease;
//! 2. [`election`]: the decision, pure: take it, renew it, or wait;
//! 3. [`lock`]: where the lease is kept (the API server; in tests, memory);
//! 4. [`elector`]: the loop.
//!
//! A lease does not fence: a leader that was paused may wake up after another took over and finish a write it had begun.
//! Every write of this operator can therefore be made twice, and the one that must not (a cluster's identity) is made on
//! condition of the resource version it was decided upon.

pub mod election;
pub mod elector;
pub mod lock;
pub mod record;

pub use election::Timing;
pub use elector::Elector;
pub use lock::{KubeLock, Lock, LockError};
