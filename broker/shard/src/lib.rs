//! Shards: Raft groups over one journal that drive the pure core. Read in this order:
//!
//! 1. [`raft_types`]: what openraft is told about entries, replies and brokers;
//! 2. [`entry`]: how an entry is stored in the journal (docs/formats/entries.md);
//! 3. [`log_store`]: openraft's log on the journal;
//! 4. [`partition`]: a partition's tail in memory over its segment files;
//! 5. [`machine`]: committed entries applied to the core, effects carried out;
//! 6. [`checkpoint`]: shard state and segments made durable, so that the journal can be recycled;
//! 7. [`transport`]: how replicas of a shard talk;
//! 8. [`proposer`]: many proposals into one entry;
//! 9. [`shard`]: all of it as one handle.
//!
//! Architecture Invariant: a reply leaves this crate only after its entry is committed, and an entry is committed
//! only after the journals of a majority of its voters have it on stable storage.

pub mod checkpoint;
pub mod entry;
pub mod log_store;
pub mod machine;
pub mod partition;
pub mod proposer;
pub mod raft_types;
pub mod shard;
pub mod transport;

pub use machine::EffectObserver;
pub use partition::{FetchedBatch, PartitionLog};
pub use raft_types::{Commands, Replies, TypeConfig};
pub use shard::{Shard, ShardError, ShardOptions, ShardStatus};
pub use transport::{Loopback, NoPeers, Transport, TransportError};
