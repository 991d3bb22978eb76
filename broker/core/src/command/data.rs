//! The commands of a data shard.

use std::fmt;

use bytes::Bytes;
use postroad_types::{PartitionId, SubscriptionId, TopicId};

/// Where a new cursor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Position {
    /// At the partition's end: only what is published from now on.
    Latest = 0,
    /// At the partition's start: everything that is still there.
    Earliest = 1,
}

/// Makes a partition.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct OpenPartition {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
}

/// Deletes a partition.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ClosePartition {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
}

/// Makes a cursor.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct OpenCursor {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
    /// The subscription's number.
    #[prost(uint64, tag = "3")]
    pub subscription: u64,
    /// Where it begins: a [`Position`].
    #[prost(enumeration = "Position", tag = "4")]
    pub at: i32,
}

/// Deletes a cursor.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct CloseCursor {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
    /// The subscription's number.
    #[prost(uint64, tag = "3")]
    pub subscription: u64,
}

/// Appends a record batch.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[prost(skip_debug)]
pub struct Append {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
    /// The record batch (docs/formats/records.md); its base offset is given when it is applied.
    #[prost(bytes = "bytes", tag = "3")]
    pub batch: Bytes,
    /// How many offsets the batch covers; at least 1.
    #[prost(uint32, tag = "4")]
    pub count: u32,
}

/// Leaves the payload out: commands are logged.
impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append")
            .field("topic", &self.topic)
            .field("index", &self.index)
            .field("bytes", &self.batch.len())
            .field("count", &self.count)
            .finish()
    }
}

/// Acknowledges records.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Ack {
    /// The topic's number.
    #[prost(uint64, tag = "1")]
    pub topic: u64,
    /// The partition's index in the topic.
    #[prost(uint32, tag = "2")]
    pub index: u32,
    /// The subscription's number.
    #[prost(uint64, tag = "3")]
    pub subscription: u64,
    /// What is acknowledged.
    #[prost(message, repeated, tag = "4")]
    pub ranges: Vec<OffsetRange>,
}

/// Offsets from `start`, `length` of them.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct OffsetRange {
    /// The first offset.
    #[prost(uint64, tag = "1")]
    pub start: u64,
    /// How many.
    #[prost(uint64, tag = "2")]
    pub length: u64,
}

macro_rules! addressed {
    (partition: $($command:ident),*) => {$(
        impl $command {
            /// The partition that is meant.
            #[must_use]
            pub fn partition(&self) -> PartitionId {
                PartitionId { topic: TopicId(self.topic), index: self.index }
            }
        }
    )*};
    (subscription: $($command:ident),*) => {$(
        impl $command {
            /// The subscription that is meant.
            #[must_use]
            pub fn subscription_id(&self) -> SubscriptionId {
                SubscriptionId(self.subscription)
            }
        }
    )*};
}

addressed!(partition: OpenPartition, ClosePartition, OpenCursor, CloseCursor, Append, Ack);
addressed!(subscription: OpenCursor, CloseCursor, Ack);
