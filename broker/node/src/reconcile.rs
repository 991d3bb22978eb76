//! What the catalog says, made true in the shards: partitions for topics, cursors for subscriptions, and nothing else.
//! It follows every change, and at the start it finishes what a crash interrupted.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::try_join_all;
use postroad_core::{Changed, Command, Outcome, Position, Subscription, Topic};
use postroad_shard::Shard;
use postroad_types::{Error, PartitionId, Result, SubscriptionId, TopicId};

use crate::node::Node;

/// Proposals on their way at a time while all is reconciled.
const CHUNK: usize = 1_000;

impl Node {
    /// Makes one change true.
    ///
    /// # Errors
    /// `Unavailable` when a shard stops; the change is finished at the next start.
    pub(crate) async fn reconcile_change(&self, changed: &Changed) -> Result<()> {
        match changed.outcome {
            Outcome::Absent | Outcome::Outdated => Ok(()),
            Outcome::Deleted => self.forget(changed).await,
            Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::Released => {
                if let Some(topic) = &changed.topic {
                    self.ensure_topic(topic).await?;
                }
                if let Some(subscription) = &changed.subscription {
                    self.ensure_subscription(subscription).await?;
                }
                Ok(())
            }
        }
    }

    async fn forget(&self, changed: &Changed) -> Result<()> {
        if let Some(subscription) = &changed.subscription {
            if let Some(topic) = subscription.topic_id.and_then(|id| self.inner.topic_by_id(id)) {
                self.close_cursors(&topic, subscription.id).await?;
            }
            self.inner.hubs.close(subscription.id);
            self.inner.metrics.forget_subscription(&subscription.name);
        }
        if let Some(topic) = &changed.topic {
            self.inner.topics.close(topic.id);
            self.inner.metrics.forget_topic(&topic.name);
            for (id, shard) in topic.partitions() {
                self.shard_of(shard)?
                    .propose(Command::close_partition(id))
                    .await?;
            }
            self.inner.hubs.close_topic(topic.id);
        }
        Ok(())
    }

    async fn close_cursors(&self, topic: &Topic, subscription: SubscriptionId) -> Result<()> {
        for (id, shard) in topic.partitions() {
            self.shard_of(shard)?
                .propose(Command::close_cursor(subscription, id))
                .await?;
        }
        Ok(())
    }

    /// Partitions first, then the cursors on them, then publishers may come: so no subscription misses a message.
    async fn ensure_topic(&self, topic: &Topic) -> Result<()> {
        let mut opened = false;
        for (id, shard) in topic.partitions() {
            let shard = self.shard_of(shard)?;
            if !shard.with_state(|state| state.partition(&id).is_some()) {
                shard.propose(Command::open_partition(id)).await?;
                opened = true;
            }
        }
        if opened {
            let subscriptions: Vec<Arc<Subscription>> = self
                .inner
                .catalog(|catalog| catalog.topic_subscriptions(topic.id, None).cloned().collect())?;
            for subscription in subscriptions {
                self.ensure_subscription(&subscription).await?;
            }
            self.inner.hubs.close_topic(topic.id);
        }
        self.topic_is_open(topic);
        Ok(())
    }

    async fn ensure_subscription(&self, subscription: &Subscription) -> Result<()> {
        let Some(topic) = subscription.topic_id.and_then(|id| self.inner.topic_by_id(id)) else {
            return Ok(());
        };
        for (id, shard) in topic.partitions() {
            let shard = self.shard_of(shard)?;
            let there = |state: &postroad_core::ShardState| {
                state
                    .partition(&id)
                    .and_then(|partition| partition.cursor(subscription.id))
                    .is_some()
            };
            if !shard.with_state(there) {
                shard
                    .propose(Command::open_cursor(subscription.id, id, Position::Latest))
                    .await?;
            }
        }
        Ok(())
    }

    fn shard_of(&self, id: postroad_types::ShardId) -> Result<Arc<Shard>> {
        self.inner
            .shard(id)
            .ok_or_else(|| Error::internal(format!("the catalog names shard {id}, which is not there")))
    }

    /// Makes the whole catalog true.
    ///
    /// # Errors
    /// `Unavailable` when a shard stops.
    pub(crate) async fn reconcile_all(&self) -> Result<()> {
        let (topics, subscriptions) = self.inner.catalog(|catalog| {
            let topics: Vec<Arc<Topic>> = catalog.topics(None, None).cloned().collect();
            let subscriptions: Vec<Arc<Subscription>> = catalog.subscriptions(None, None).cloned().collect();
            (topics, subscriptions)
        })?;
        for chunk in topics.chunks(CHUNK) {
            try_join_all(chunk.iter().map(|topic| self.ensure_topic(topic))).await?;
        }
        for chunk in subscriptions.chunks(CHUNK) {
            try_join_all(
                chunk
                    .iter()
                    .map(|subscription| self.ensure_subscription(subscription)),
            )
            .await?;
        }
        let topics: BTreeSet<TopicId> = topics.iter().map(|topic| topic.id).collect();
        let subscriptions: BTreeSet<SubscriptionId> = subscriptions.iter().map(|found| found.id).collect();
        for shard in self.inner.shards() {
            self.remove_leftovers(shard, &topics, &subscriptions).await?;
        }
        Ok(())
    }

    async fn remove_leftovers(
        &self,
        shard: &Shard,
        topics: &BTreeSet<TopicId>,
        subscriptions: &BTreeSet<SubscriptionId>,
    ) -> Result<()> {
        let (partitions, cursors) = shard.with_state(|state| {
            let mut partitions: Vec<PartitionId> = Vec::new();
            let mut cursors: Vec<(SubscriptionId, PartitionId)> = Vec::new();
            for (id, partition) in state.partitions() {
                if !topics.contains(&id.topic) {
                    partitions.push(id);
                    continue;
                }
                let gone = partition
                    .cursors()
                    .filter(|(subscription, _)| !subscriptions.contains(subscription));
                cursors.extend(gone.map(|(subscription, _)| (subscription, id)));
            }
            (partitions, cursors)
        });
        for id in partitions {
            tracing::info!(partition = %id, "a partition without a topic is removed");
            shard.propose(Command::close_partition(id)).await?;
        }
        for (subscription, id) in cursors {
            tracing::info!(partition = %id, subscription = subscription.0, "a cursor without a subscription is removed");
            shard.propose(Command::close_cursor(subscription, id)).await?;
        }
        Ok(())
    }
}
