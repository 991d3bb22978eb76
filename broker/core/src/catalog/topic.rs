//! A topic, and where its partitions live.

use postroad_types::{Owner, PartitionId, ShardId, Timestamp, TopicId, TopicName, TopicSpec};

/// A topic as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its number. A topic that is deleted and created again has a new one.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// What it was asked to be.
    pub spec: TopicSpec,
    /// Who may change it.
    pub owner: Owner,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is a queue: a topic of one partition with the subscription of its name.
    pub queue: bool,
    /// The catalog's revision at the last change.
    pub revision: u64,
    /// The shard of each partition, by the partition's index; as long as `spec.partitions` says.
    pub placement: Vec<ShardId>,
}

impl Topic {
    /// The topic's partitions, each with the shard it lives on, by index.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (PartitionId, ShardId)> + '_ {
        let topic = self.id;
        let indexed = self.placement.iter().enumerate();
        indexed.map(move |(index, shard)| {
            (
                PartitionId {
                    topic,
                    index: index as u32,
                },
                *shard,
            )
        })
    }

    /// The shard of one partition; none when the topic has no partition of that index.
    #[must_use]
    pub fn shard_of(&self, index: u32) -> Option<ShardId> {
        self.placement.get(index as usize).copied()
    }
}
