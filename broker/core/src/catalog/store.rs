//! Creating, changing and removing single topics and subscriptions: every map stays true, nothing is asked.

use std::sync::Arc;

use postroad_types::{
    Owner, SubscriptionId, SubscriptionName, SubscriptionSpec, Timestamp, TopicId, TopicName, TopicSpec,
};

use super::{Catalog, Outcome, Subscription, Topic};

/// Who asks, and when: what every new resource takes over.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) actor: Owner,
    pub(super) time: Timestamp,
}

impl Catalog {
    pub(super) fn create_topic(
        &mut self,
        request: Request,
        name: TopicName,
        spec: TopicSpec,
        queue: bool,
    ) -> Arc<Topic> {
        let id = TopicId(self.new_id());
        let placement = (0..spec.partitions)
            .map_while(|_| self.placement.choose())
            .collect();
        let Request {
            actor: owner,
            time: created,
        } = request;
        self.store_topic(Topic {
            id,
            name,
            spec,
            owner,
            created,
            queue,
            revision: 0,
            placement,
        })
    }

    pub(super) fn update_topic(
        &mut self,
        old: &Arc<Topic>,
        owner: Owner,
        spec: TopicSpec,
    ) -> (Outcome, Arc<Topic>) {
        if old.spec == spec && old.owner == owner {
            return (Outcome::Unchanged, old.clone());
        }
        let mut placement = old.placement.clone();
        placement.extend((old.spec.partitions..spec.partitions).map_while(|_| self.placement.choose()));
        (
            Outcome::Updated,
            self.store_topic(Topic {
                spec,
                owner,
                placement,
                ..(**old).clone()
            }),
        )
    }

    pub(super) fn create_subscription(
        &mut self,
        request: Request,
        name: SubscriptionName,
        topic: &Topic,
        spec: SubscriptionSpec,
    ) -> Arc<Subscription> {
        let id = SubscriptionId(self.new_id());
        self.attached.entry(topic.id).or_default().insert(name.clone());
        self.store_subscription(Subscription {
            id,
            name,
            topic: Some(topic.name.clone()),
            topic_id: Some(topic.id),
            spec,
            owner: request.actor,
            created: request.time,
            queue: topic.queue,
            revision: 0,
        })
    }

    pub(super) fn update_subscription(
        &mut self,
        old: &Arc<Subscription>,
        owner: Owner,
        spec: SubscriptionSpec,
    ) -> (Outcome, Arc<Subscription>) {
        if old.spec == spec && old.owner == owner {
            return (Outcome::Unchanged, old.clone());
        }
        (
            Outcome::Updated,
            self.store_subscription(Subscription {
                spec,
                owner,
                ..(**old).clone()
            }),
        )
    }

    /// Puts a topic into the maps, at the revision that this change makes.
    pub(super) fn store_topic(&mut self, mut topic: Topic) -> Arc<Topic> {
        topic.revision = self.revision + 1;
        let topic = Arc::new(topic);
        self.topics.insert(topic.name.clone(), topic.clone());
        self.topics_by_id.insert(topic.id, topic.clone());
        topic
    }

    /// Puts a subscription into the maps, at the revision that this change makes.
    pub(super) fn store_subscription(&mut self, mut subscription: Subscription) -> Arc<Subscription> {
        subscription.revision = self.revision + 1;
        let subscription = Arc::new(subscription);
        self.subscriptions
            .insert(subscription.name.clone(), subscription.clone());
        self.subscriptions_by_id
            .insert(subscription.id, subscription.clone());
        subscription
    }

    /// Takes a topic out of the maps, and lets its subscriptions go on without it.
    pub(super) fn remove_topic(&mut self, topic: &Topic) {
        self.topics.remove(&topic.name);
        self.topics_by_id.remove(&topic.id);
        for shard in &topic.placement {
            self.placement.remove(*shard);
        }
        for name in self.attached.remove(&topic.id).unwrap_or_default() {
            if let Some(old) = self.subscriptions.get(&name).cloned() {
                self.store_subscription(Subscription {
                    topic: None,
                    topic_id: None,
                    ..(*old).clone()
                });
            }
        }
    }

    pub(super) fn remove_subscription(&mut self, subscription: &Subscription) {
        self.subscriptions.remove(&subscription.name);
        self.subscriptions_by_id.remove(&subscription.id);
        if let Some(topic) = subscription.topic_id
            && let Some(names) = self.attached.get_mut(&topic)
        {
            names.remove(&subscription.name);
            if names.is_empty() {
                self.attached.remove(&topic);
            }
        }
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}
