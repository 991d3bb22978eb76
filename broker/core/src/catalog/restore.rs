//! The catalog from a checkpoint, and its invariants.

use std::sync::Arc;

use postroad_types::{SubscriptionName, TopicName};

use super::placement::Placement;
use super::{Catalog, Cluster, MAX_SHARDS, Subscription, Topic};

/// Counters of a sound catalog are far below: they grow by one a change.
const MAX_COUNTER: u64 = 1 << 62;

impl Catalog {
    /// A catalog without resources, as a checkpoint tells it.
    pub(crate) fn restore(cluster: Option<Cluster>, next_id: u64, revision: u64) -> Self {
        let shards = cluster.as_ref().map_or(0, |cluster| cluster.shards);
        // A damaged number must not cost memory before `validate` refuses it.
        let placement = Placement::new(shards.min(MAX_SHARDS));
        Self {
            cluster,
            next_id,
            revision,
            placement,
            ..Self::default()
        }
    }

    /// Puts a checkpoint's topic in.
    pub(crate) fn restore_topic(&mut self, topic: Topic) -> Result<(), String> {
        let (name, id) = (topic.name.clone(), topic.id);
        for shard in &topic.placement {
            if !self.placement.add(*shard) {
                return Err(format!(
                    "a partition of {name} is on shard {shard}, which can't hold any"
                ));
            }
        }
        let topic = Arc::new(topic);
        let by_name = self.topics.insert(name.clone(), topic.clone());
        let by_id = self.topics_by_id.insert(id, topic);
        if by_name.is_some() || by_id.is_some() {
            return Err(format!("{name} or its number {} is there twice", id.0));
        }
        Ok(())
    }

    /// Puts a checkpoint's subscription in.
    pub(crate) fn restore_subscription(&mut self, subscription: Subscription) -> Result<(), String> {
        let (name, id) = (subscription.name.clone(), subscription.id);
        if let Some(topic) = subscription.topic_id {
            self.attached.entry(topic).or_default().insert(name.clone());
        }
        let subscription = Arc::new(subscription);
        let by_name = self.subscriptions.insert(name.clone(), subscription.clone());
        let by_id = self.subscriptions_by_id.insert(id, subscription);
        if by_name.is_some() || by_id.is_some() {
            return Err(format!("{name} or its number {} is there twice", id.0));
        }
        Ok(())
    }

    /// The number that the next topic or subscription gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Checks the invariants.
    ///
    /// # Errors
    /// Says which one is broken.
    pub fn validate(&self) -> Result<(), String> {
        self.validate_cluster()?;
        self.topics
            .values()
            .try_for_each(|topic| self.validate_topic(topic))?;
        self.subscriptions
            .values()
            .try_for_each(|subscription| self.validate_subscription(subscription))?;
        self.validate_indexes()
    }

    fn validate_cluster(&self) -> Result<(), String> {
        if self.next_id == 0 || self.next_id.max(self.revision) > MAX_COUNTER {
            return Err(format!(
                "next number {} or revision {} can't be",
                self.next_id, self.revision
            ));
        }
        match &self.cluster {
            None if self.topics.is_empty() && self.subscriptions.is_empty() => Ok(()),
            None => Err("there are resources, but no cluster".to_owned()),
            Some(cluster) if (2..=MAX_SHARDS).contains(&cluster.shards) => Ok(()),
            Some(cluster) => Err(format!("the cluster has {} shards", cluster.shards)),
        }
    }

    fn validate_topic(&self, topic: &Topic) -> Result<(), String> {
        let name = &topic.name;
        if topic.id.0 >= self.next_id || topic.revision > self.revision {
            return Err(format!("{name} is newer than the catalog"));
        }
        if topic.placement.len() != topic.spec.partitions as usize {
            return Err(format!(
                "{name} has {} partitions, but {}",
                topic.placement.len(),
                topic.spec.partitions
            ));
        }
        let subscription = self.subscriptions.get(&SubscriptionName(name.0.clone()));
        let same = |found: &Arc<Subscription>| {
            found.queue && found.topic_id == Some(topic.id) && found.owner == topic.owner
        };
        if topic.queue && !(subscription.is_some_and(same) && topic.spec.partitions == 1) {
            return Err(format!("Queue {} is not whole", name.0));
        }
        Ok(())
    }

    fn validate_subscription(&self, subscription: &Subscription) -> Result<(), String> {
        let name = &subscription.name;
        if subscription.id.0 >= self.next_id || subscription.revision > self.revision {
            return Err(format!("{name} is newer than the catalog"));
        }
        let topic = subscription.topic_id.and_then(|id| self.topics_by_id.get(&id));
        if topic.map(|topic| &topic.name) != subscription.topic.as_ref()
            || topic.map(|t| t.id) != subscription.topic_id
        {
            return Err(format!("{name} belongs to a topic that is not there"));
        }
        let of_queue = topic.is_some_and(|topic| topic.queue);
        let own = self
            .topics
            .get(&TopicName(name.0.clone()))
            .is_some_and(|topic| topic.queue);
        if subscription.queue != of_queue || subscription.queue != own {
            return Err(format!(
                "Queue {} is not whole, or has another subscription",
                name.0
            ));
        }
        Ok(())
    }

    fn validate_indexes(&self) -> Result<(), String> {
        let topics = self
            .topics
            .values()
            .all(|topic| self.topics_by_id.get(&topic.id) == Some(topic));
        let subscriptions = self
            .subscriptions
            .values()
            .all(|subscription| self.subscriptions_by_id.get(&subscription.id) == Some(subscription));
        let sizes = self.topics.len() == self.topics_by_id.len()
            && self.subscriptions.len() == self.subscriptions_by_id.len();
        if !(topics && subscriptions && sizes) {
            return Err("the maps by name and by number differ".to_owned());
        }
        let mut expected = Self::restore(self.cluster.clone(), self.next_id, self.revision);
        for topic in self.topics.values() {
            expected.restore_topic((**topic).clone())?;
        }
        for subscription in self.subscriptions.values() {
            expected.restore_subscription((**subscription).clone())?;
        }
        if expected.attached != self.attached {
            return Err("the subscriptions listed for a topic are not those that belong to it".to_owned());
        }
        if expected.placement != self.placement {
            return Err("the shards' loads are not those of the topics' placement".to_owned());
        }
        Ok(())
    }
}
