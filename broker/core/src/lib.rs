//! The pure core of Postroad: what a shard's replicas agree on, and who holds which message.
//!
//! Nothing here reads a clock, draws a random number, or does I/O: time and ids come inside commands, so the same
//! code runs on every replica, in recovery, and in property tests. Read in this order:
//!
//! 1. [`command`]: what a Raft log entry asks of a shard ([`Batch`] of [`Command`]s), and its encoding;
//! 2. [`reply`]: what a command answers ([`Reply`]) and what its shard has to do about it ([`Effect`]);
//! 3. [`shard`]: [`ShardState`], the state machine: `apply(index, batch)`;
//! 4. [`catalog`]: the state of shard 0: topics, subscriptions, queues, their owners and placement;
//! 5. [`partition`], [`cursor`], [`ranges`]: the state of every other shard;
//! 6. [`checkpoint`]: the state as bytes, and back;
//! 7. [`lease`]: [`LeaseTable`], which lives in the leader's memory only: who holds which message until when; and
//!    [`OrderedLeases`], the same with the order of ordering keys kept.
//!
//! Architecture Invariant: `apply` is a function of state, index and batch; equal histories give equal digests.

pub mod catalog;
pub mod checkpoint;
pub mod command;
pub mod cursor;
pub mod error;
pub mod lease;
pub mod partition;
pub mod ranges;
pub mod reply;
pub mod shard;

pub use catalog::{Catalog, Change, Changed, Kind, Outcome, PutMode, Subscription, Topic};
pub use command::{Batch, Command, Position};
pub use cursor::Cursor;
pub use error::DecodeError;
pub use lease::{Acknowledged, Expired, Freed, Held, Lease, LeaseTable, Offer, OrderedLeases};
pub use partition::Partition;
pub use ranges::RangeSet;
pub use reply::{Applied, Effect, Reply};
pub use shard::ShardState;
