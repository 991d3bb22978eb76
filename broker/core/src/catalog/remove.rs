//! Deleting resources, and giving them up.

use std::sync::Arc;

use postroad_types::{Owner, ResourceName, Result, SubscriptionName, TopicName};

use super::owner::{part_of_queue, permit_removal};
use super::{Catalog, Changed, Kind, Outcome, Subscription, Topic};

impl Catalog {
    pub(super) fn delete_topic(&mut self, actor: Owner, name: &TopicName) -> Result<Changed> {
        let Some(topic) = self.topics.get(name).cloned() else {
            return Ok(Changed::ABSENT);
        };
        if topic.queue {
            return not_the_whole_queue(actor, name, &name.0);
        }
        if !permit_removal(actor, topic.owner, Kind::Topic, &name.0)? {
            return Ok(Changed::ABSENT);
        }
        self.remove_topic(&topic);
        Ok(Changed::topic(Outcome::Deleted, topic))
    }

    pub(super) fn delete_subscription(&mut self, actor: Owner, name: &SubscriptionName) -> Result<Changed> {
        let Some(subscription) = self.subscriptions.get(name).cloned() else {
            return Ok(Changed::ABSENT);
        };
        if subscription.queue {
            return not_the_whole_queue(actor, name, &name.0);
        }
        if !permit_removal(actor, subscription.owner, Kind::Subscription, &name.0)? {
            return Ok(Changed::ABSENT);
        }
        self.remove_subscription(&subscription);
        Ok(Changed::subscription(Outcome::Deleted, subscription))
    }

    pub(super) fn delete_queue(&mut self, actor: Owner, name: &ResourceName) -> Result<Changed> {
        let Some((topic, subscription)) = self.queue(name) else {
            return Ok(Changed::ABSENT);
        };
        if !permit_removal(actor, topic.owner, Kind::Queue, name)? {
            return Ok(Changed::ABSENT);
        }
        self.remove_subscription(&subscription);
        self.remove_topic(&topic);
        Ok(Changed::queue(Outcome::Deleted, topic, subscription))
    }

    pub(super) fn release(&mut self, actor: Owner, kind: Kind, name: ResourceName) -> Result<Changed> {
        let (topic, subscription) = self.parts(kind, &name);
        let topic_is = topic.as_ref().map(|topic| (topic.owner, topic.queue));
        let subscription_is = subscription.as_ref().map(|found| (found.owner, found.queue));
        let Some((owner, queue)) = topic_is.or(subscription_is) else {
            return Ok(Changed::ABSENT);
        };
        if queue && kind != Kind::Queue {
            return not_the_whole_queue(actor, format_args!("{kind} {name}"), &name);
        }
        if !permit_removal(actor, owner, kind, &name)? {
            return Ok(Changed::ABSENT);
        }
        if owner == Owner::Api {
            return Ok(Changed {
                outcome: Outcome::Unchanged,
                topic,
                subscription,
            });
        }
        let owner = Owner::Api;
        let topic = topic.map(|old| {
            self.store_topic(Topic {
                owner,
                ..(*old).clone()
            })
        });
        let subscription = subscription.map(|old| {
            self.store_subscription(Subscription {
                owner,
                ..(*old).clone()
            })
        });
        Ok(Changed {
            outcome: Outcome::Released,
            topic,
            subscription,
        })
    }

    /// The topic and subscription that a resource of the kind is made of, as far as they are there.
    fn parts(&self, kind: Kind, name: &ResourceName) -> (Option<Arc<Topic>>, Option<Arc<Subscription>>) {
        match kind {
            Kind::Topic => (self.topics.get(&TopicName(name.clone())).cloned(), None),
            Kind::Subscription => (
                None,
                self.subscriptions.get(&SubscriptionName(name.clone())).cloned(),
            ),
            Kind::Queue => self.queue(name).unzip(),
        }
    }

    fn queue(&self, name: &ResourceName) -> Option<(Arc<Topic>, Arc<Subscription>)> {
        let topic = self
            .topics
            .get(&TopicName(name.clone()))
            .filter(|topic| topic.queue)?;
        let subscription = self
            .subscriptions
            .get(&SubscriptionName(name.clone()))
            .filter(|found| found.queue)?;
        Some((topic.clone(), subscription.clone()))
    }
}

/// What a removal of one half of a queue answers: clients are told, and a declarer has declared no such thing.
fn not_the_whole_queue(
    actor: Owner,
    full_name: impl std::fmt::Display,
    name: &ResourceName,
) -> Result<Changed> {
    match actor {
        Owner::Api => Err(part_of_queue(full_name, name)),
        Owner::Kubernetes | Owner::File => Ok(Changed::ABSENT),
    }
}
