//! What openraft is told about entries, replies and brokers.

use std::fmt;
use std::sync::Arc;

use openraft::EmptyNode;
use postroad_core::{Batch, Reply};
use postroad_types::Result;

openraft::declare_raft_types!(
    /// The types of a shard's Raft group.
    pub TypeConfig:
        D = Commands,
        R = Replies,
        NodeId = u64,
        Node = EmptyNode,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = CheckpointHandle,
        AsyncRuntime = openraft::TokioRuntime,
);

/// The identity of an entry.
pub type LogId = openraft::LogId<u64>;
/// A Raft vote.
pub type Vote = openraft::Vote<u64>;
/// A log entry.
pub type Entry = openraft::Entry<TypeConfig>;
/// The voters and learners of a shard.
pub type Membership = openraft::Membership<u64, EmptyNode>;
/// The voters and learners of a shard, and the entry that made them so.
pub type StoredMembership = openraft::StoredMembership<u64, EmptyNode>;
/// A failure of the log or the state machine, which stops the shard's Raft.
pub type StorageError = openraft::StorageError<u64>;
/// A shard's Raft.
pub type Raft = openraft::Raft<TypeConfig>;

/// The commands of one entry; cheap to clone.
#[derive(Clone)]
pub struct Commands(pub Arc<Batch>);

/// Payloads never reach a log, so only the number of commands is shown.
impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commands({})", self.0.commands.len())
    }
}

/// The replies to the commands of one entry, in their order; none for an entry without commands.
#[derive(Clone, Default)]
pub struct Replies(pub Vec<Result<Reply>>);

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replies({})", self.0.len())
    }
}

/// Stands for the checkpoint on this broker's disk. Checkpoints do not travel between brokers yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointHandle;
