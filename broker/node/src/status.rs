//! Where the node and its resources stand, for probes, describe and metrics.

use std::sync::Arc;

use postroad_types::{PartitionId, Result, SubscriptionName, TopicName};

use crate::node::Node;

/// Where the node stands.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The broker's id, from its disk.
    pub broker_id: String,
    /// The cluster it belongs to; none before the bootstrap.
    pub cluster_id: Option<String>,
    /// Whether it serves clients.
    pub ready: bool,
    /// Why not, when not.
    pub reason: Option<String>,
    /// Its shards.
    pub shards: Vec<ShardStatus>,
}

/// Where one shard stands.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// Which shard; 0 is the catalog.
    pub id: u32,
    /// leader, follower, candidate, learner or stopped.
    pub role: String,
    /// The current term.
    pub term: u64,
    /// Index of the newest entry.
    pub last_index: u64,
    /// Index of the newest entry that was applied.
    pub applied_index: u64,
    /// Index of the newest entry that is in a checkpoint.
    pub checkpoint_index: u64,
}

/// Live numbers of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionStats {
    /// Messages that are not acknowledged.
    pub backlog_messages: u64,
    /// Messages in consumers' hands.
    pub leased_messages: u64,
    /// Age of the oldest message that is not acknowledged, in seconds; 0 when there is none.
    pub oldest_unacked_seconds: u64,
}

/// Live numbers of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicStats {
    /// Messages published since the topic was created.
    pub published_messages: u64,
    /// Messages that are kept since a subscription has not acknowledged them.
    pub retained_messages: u64,
}

impl Node {
    /// Where the node stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut shards = Vec::new();
        for shard in self.inner.shards() {
            let status = shard.status();
            shards.push(ShardStatus {
                id: shard.id().0,
                role: status.role.to_owned(),
                term: status.term,
                last_index: status.last_index,
                applied_index: status.applied_index,
                checkpoint_index: status.checkpoint_index,
            });
        }
        let reason = self.inner.not_ready();
        Status {
            broker_id: self.inner.broker.to_string(),
            cluster_id: self.inner.cluster_id(),
            ready: reason.is_none(),
            reason,
            shards,
        }
    }

    /// Live numbers of a topic.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while the node is not ready.
    pub fn topic_stats(&self, name: &TopicName) -> Result<TopicStats> {
        let topic = self.topic(name)?;
        let mut stats = TopicStats::default();
        for (id, shard) in topic.partitions() {
            let Some(shard) = self.inner.shard(shard) else {
                continue;
            };
            shard.with_state(|state| {
                if let Some(partition) = state.partition(&id) {
                    stats.published_messages += partition.end_offset();
                    stats.retained_messages += partition.end_offset() - partition.start_offset();
                }
            });
        }
        Ok(stats)
    }

    /// Live numbers of a subscription.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while the node is not ready.
    pub fn subscription_stats(&self, name: &SubscriptionName) -> Result<SubscriptionStats> {
        let subscription = self.subscription(name)?;
        let mut stats = SubscriptionStats::default();
        let Some(topic) = subscription.topic_id.and_then(|id| self.inner.topic_by_id(id)) else {
            return Ok(stats);
        };
        let now = self.inner.clock.now();
        for (id, shard) in topic.partitions() {
            let Some(shard) = self.inner.shard(shard) else {
                continue;
            };
            let cursor = shard.with_state(|state| {
                let partition = state.partition(&id)?;
                let cursor = partition.cursor(subscription.id)?;
                Some((cursor.floor(), cursor.backlog(partition.end_offset())))
            });
            let Some((floor, backlog)) = cursor else { continue };
            stats.backlog_messages += backlog;
            if backlog > 0 {
                let age = self
                    .oldest(&shard, id, floor)
                    .map_or(0, |time| now.since(time).as_secs());
                stats.oldest_unacked_seconds = stats.oldest_unacked_seconds.max(age);
            }
        }
        if let Some(hub) = self.inner.hubs.existing(subscription.id) {
            stats.leased_messages = hub.leased();
        }
        Ok(stats)
    }

    fn oldest(
        &self,
        shard: &Arc<postroad_shard::Shard>,
        id: PartitionId,
        floor: u64,
    ) -> Option<postroad_types::Timestamp> {
        self.inner.oldest.published_at(&*shard.partition(id)?, floor)
    }
}
