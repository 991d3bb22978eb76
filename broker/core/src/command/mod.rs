//! What a Raft log entry asks of a shard. The encoding is documented in docs/formats/commands.md.

mod catalog;
mod data;

use bytes::Bytes;
use postroad_types::{Owner, PartitionId, SubscriptionId};
use prost::Message as _;

pub use catalog::{
    Bootstrap, CatalogChange, DeleteQueue, DeleteSubscription, DeleteTopic, Name, PutQueue, PutSubscription,
    PutTopic, Release, Requested, UpdateSubscription, UpdateTopic,
};
pub use data::{Ack, Append, CloseCursor, ClosePartition, OffsetRange, OpenCursor, OpenPartition, Position};

use crate::catalog::Change;
use crate::error::DecodeError;

/// One Raft log entry: commands that are applied in order, each with its own outcome.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Batch {
    /// The proposing leader's clock: milliseconds since the Unix epoch.
    #[prost(sint64, tag = "1")]
    pub time: i64,
    /// The commands.
    #[prost(message, repeated, tag = "2")]
    pub commands: Vec<Command>,
}

impl Batch {
    /// A batch of `commands`, proposed at `time` (milliseconds since the Unix epoch).
    #[must_use]
    pub fn new(time: i64, commands: Vec<Command>) -> Self {
        Self { time, commands }
    }

    /// The bytes for the log.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// Reads a log entry's payload. Record batches are slices of `bytes`, never copies.
    ///
    /// # Errors
    /// [`DecodeError::Protobuf`] for bytes that are no batch, [`DecodeError::UnknownCommand`] for a command of a
    /// newer version: a replica that skipped it would no longer agree with the others.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let batch = Self::decode(bytes)?;
        batch.check_known()?;
        Ok(batch)
    }

    /// Checks that this version knows every command, for a batch that was decoded as part of another message.
    ///
    /// # Errors
    /// [`DecodeError::UnknownCommand`], as [`Batch::from_bytes`].
    pub fn check_known(&self) -> Result<(), DecodeError> {
        match self.commands.iter().position(|command| !command.is_known()) {
            Some(position) => Err(DecodeError::UnknownCommand { position }),
            None => Ok(()),
        }
    }
}

/// One command.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Command {
    /// What it asks for; none when a newer version wrote a command that this one doesn't know.
    #[prost(oneof = "Operation", tags = "1, 2, 16, 17, 18, 19, 20, 21")]
    pub operation: Option<Operation>,
}

/// What a command asks for. Below 16: the catalog's; from 16: a data shard's.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Operation {
    /// Makes the catalog the catalog of a cluster.
    #[prost(message, tag = "1")]
    Bootstrap(Bootstrap),
    /// Changes resources.
    #[prost(message, tag = "2")]
    Change(CatalogChange),
    /// Makes a partition.
    #[prost(message, tag = "16")]
    OpenPartition(OpenPartition),
    /// Deletes a partition with its cursors.
    #[prost(message, tag = "17")]
    ClosePartition(ClosePartition),
    /// Makes a subscription's cursor on a partition.
    #[prost(message, tag = "18")]
    OpenCursor(OpenCursor),
    /// Deletes a cursor.
    #[prost(message, tag = "19")]
    CloseCursor(CloseCursor),
    /// Appends a record batch.
    #[prost(message, tag = "20")]
    Append(Append),
    /// Acknowledges records.
    #[prost(message, tag = "21")]
    Ack(Ack),
}

impl Command {
    /// Makes the catalog the catalog of the cluster `cluster_id` with `shards` shards, the catalog among them
    /// (2 to [`crate::catalog::MAX_SHARDS`]; they never change).
    #[must_use]
    pub fn bootstrap(cluster_id: impl Into<String>, shards: u32) -> Self {
        Operation::Bootstrap(Bootstrap {
            cluster_id: cluster_id.into(),
            shards,
        })
        .into()
    }

    /// Changes the catalog on behalf of `owner`.
    #[must_use]
    pub fn change(owner: Owner, change: Change) -> Self {
        Operation::Change(CatalogChange::new(owner, change)).into()
    }

    /// Makes an empty partition; nothing when it is there.
    #[must_use]
    pub fn open_partition(partition: PartitionId) -> Self {
        Operation::OpenPartition(OpenPartition {
            topic: partition.topic.0,
            index: partition.index,
        })
        .into()
    }

    /// Deletes a partition with its cursors; nothing when it is not there.
    #[must_use]
    pub fn close_partition(partition: PartitionId) -> Self {
        Operation::ClosePartition(ClosePartition {
            topic: partition.topic.0,
            index: partition.index,
        })
        .into()
    }

    /// Makes a cursor; nothing when it is there.
    #[must_use]
    pub fn open_cursor(subscription: SubscriptionId, partition: PartitionId, at: Position) -> Self {
        let (topic, index) = (partition.topic.0, partition.index);
        Operation::OpenCursor(OpenCursor {
            subscription: subscription.0,
            topic,
            index,
            at: at.into(),
        })
        .into()
    }

    /// Deletes a cursor; nothing when it is not there.
    #[must_use]
    pub fn close_cursor(subscription: SubscriptionId, partition: PartitionId) -> Self {
        let (topic, index) = (partition.topic.0, partition.index);
        Operation::CloseCursor(CloseCursor {
            subscription: subscription.0,
            topic,
            index,
        })
        .into()
    }

    /// Appends a record batch that covers `count` offsets (at least 1). The batch is taken as it is: who proposes
    /// it has checked it.
    #[must_use]
    pub fn append(partition: PartitionId, batch: Bytes, count: u32) -> Self {
        let (topic, index) = (partition.topic.0, partition.index);
        Operation::Append(Append {
            topic,
            index,
            batch,
            count,
        })
        .into()
    }

    /// Acknowledges `ranges` of offsets, each a start and a length. All or none of them count.
    #[must_use]
    pub fn ack(
        subscription: SubscriptionId,
        partition: PartitionId,
        ranges: impl IntoIterator<Item = (u64, u64)>,
    ) -> Self {
        let ranges = ranges
            .into_iter()
            .map(|(start, length)| OffsetRange { start, length })
            .collect();
        let (topic, index) = (partition.topic.0, partition.index);
        Operation::Ack(Ack {
            subscription: subscription.0,
            topic,
            index,
            ranges,
        })
        .into()
    }
}

impl Command {
    fn is_known(&self) -> bool {
        match &self.operation {
            None => false,
            Some(Operation::Change(change)) => change.requested.is_some(),
            Some(_) => true,
        }
    }
}

impl From<Operation> for Command {
    fn from(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
        }
    }
}
