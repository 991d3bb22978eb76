//! What a command answers, and what its shard has to do about it.

use std::fmt;

use bytes::Bytes;
use postroad_types::{Error, PartitionId, SubscriptionId};

use crate::catalog::Changed;

/// The outcome of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What the proposer is told.
    pub reply: Result<Reply, Error>,
    /// What every replica has to do, in order; empty for most acknowledgements and every refusal.
    pub effects: Vec<Effect>,
}

/// What a command answers when it was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The catalog belongs to this cluster.
    Bootstrapped {
        /// The cluster's id.
        cluster_id: String,
        /// How many shards the cluster has, the catalog among them.
        shards: u32,
    },
    /// What became of a catalog change.
    Changed(Changed),
    /// The partition or cursor is there, now or before.
    Opened,
    /// The partition or cursor is not there, now or before.
    Closed,
    /// The records have their place.
    Appended {
        /// The offset of the first; the others follow without a gap.
        base_offset: u64,
    },
    /// The ranges are acknowledged.
    Acked,
}

/// What a replica has to do outside its state after a command.
#[derive(Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep a batch: in the partition's tail, later in its segments.
    Appended {
        /// The partition.
        partition: PartitionId,
        /// The offset of the first record.
        base_offset: u64,
        /// How many offsets the batch covers.
        count: u32,
        /// The record batch as it was proposed, without the base offset.
        batch: Bytes,
    },
    /// Forget the records below an offset.
    Trimmed {
        /// The partition.
        partition: PartitionId,
        /// The first offset that is kept.
        start_offset: u64,
    },
    /// Make room for a new partition.
    Opened {
        /// The partition.
        partition: PartitionId,
    },
    /// Delete a partition's records.
    Closed {
        /// The partition.
        partition: PartitionId,
    },
    /// A subscription reads a partition from now on.
    CursorOpened {
        /// The subscription.
        subscription: SubscriptionId,
        /// The partition.
        partition: PartitionId,
    },
    /// A subscription reads a partition no more.
    CursorClosed {
        /// The subscription.
        subscription: SubscriptionId,
        /// The partition.
        partition: PartitionId,
    },
    /// Tell who watches the catalog.
    CatalogChanged {
        /// The catalog's new revision.
        revision: u64,
    },
}

/// Leaves the payload out: effects are logged.
impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Appended {
                partition,
                base_offset,
                count,
                batch,
            } => {
                let bytes = batch.len();
                write!(
                    f,
                    "Appended {{ {partition}, base_offset: {base_offset}, count: {count}, bytes: {bytes} }}"
                )
            }
            Self::Trimmed {
                partition,
                start_offset,
            } => {
                write!(f, "Trimmed {{ {partition}, start_offset: {start_offset} }}")
            }
            Self::Opened { partition } => write!(f, "Opened {{ {partition} }}"),
            Self::Closed { partition } => write!(f, "Closed {{ {partition} }}"),
            Self::CursorOpened {
                subscription,
                partition,
            } => {
                write!(
                    f,
                    "CursorOpened {{ subscription: {}, {partition} }}",
                    subscription.0
                )
            }
            Self::CursorClosed {
                subscription,
                partition,
            } => {
                write!(
                    f,
                    "CursorClosed {{ subscription: {}, {partition} }}",
                    subscription.0
                )
            }
            Self::CatalogChanged { revision } => write!(f, "CatalogChanged {{ revision: {revision} }}"),
        }
    }
}
