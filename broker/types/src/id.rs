//! Numbers that name things inside a cluster.

use std::fmt;
use std::str::FromStr;

/// A topic's number, given by the catalog when the topic is created and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u64);

/// A subscription's number, given by the catalog when the subscription is created and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u64);

/// A shard: one Raft group. Shard 0 is the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

impl ShardId {
    /// The shard that holds resources, placement and brokers.
    pub const CATALOG: Self = Self(0);
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A broker's number. It belongs to the disk, not to the pod: a pod that lost its volume is a new broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub u64);

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic.
    pub topic: TopicId,
    /// Which of the topic's partitions, from 0; below [`crate::limits::MAX_PARTITIONS`].
    pub index: u32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic.0, self.index)
    }
}

/// The place of a message in its topic: partition and offset.
///
/// Its text is one decimal number, as Pub/Sub's clients know message ids:
/// `partition << 48 | offset`, so the ids of a topic with one partition are its offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Which of the topic's partitions.
    pub partition: u32,
    /// The record's offset in the partition; below 2^48.
    pub offset: u64,
}

const OFFSET_BITS: u32 = 48;

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (u64::from(self.partition) << OFFSET_BITS | self.offset).fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: u64 = text.parse()?;
        let partition = (number >> OFFSET_BITS) as u32;
        Ok(Self {
            partition,
            offset: number & ((1 << OFFSET_BITS) - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_survives_its_text() {
        for id in [(0, 0), (0, 7), (1, 0), (1023, (1 << 48) - 1)] {
            let id = MessageId {
                partition: id.0,
                offset: id.1,
            };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(
            MessageId {
                partition: 0,
                offset: 42
            }
            .to_string(),
            "42"
        );
    }
}
