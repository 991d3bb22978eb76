//! Carrying a change out.
//!
//! Every function decides first and changes afterwards, so a refused change leaves the catalog as it was.

use postroad_types::{
    Error, Owner, ResourceName, Result, SubscriptionName, SubscriptionSpec, Timestamp, TopicName, TopicSpec,
};

use super::owner::{part_of_queue, permit_put};
use super::spec::{check_queue, check_subscription, check_topic};
use super::store::Request;
use super::{Catalog, Change, Changed, Kind, Outcome, PutMode, Subscription, Topic};

impl Catalog {
    /// Carries out a change at `time` (milliseconds since the Unix epoch).
    pub(crate) fn change(&mut self, actor: Owner, change: Change, time: i64) -> Result<Changed> {
        if self.cluster.is_none() {
            return Err(Error::unavailable(
                "this broker belongs to no cluster yet: bootstrap it first",
            ));
        }
        let request = Request {
            actor,
            time: Timestamp(time),
        };
        let changed = self.carry_out(request, change)?;
        if !matches!(
            changed.outcome,
            Outcome::Unchanged | Outcome::Outdated | Outcome::Absent
        ) {
            self.revision += 1;
        }
        Ok(changed)
    }

    fn carry_out(&mut self, request: Request, change: Change) -> Result<Changed> {
        let actor = request.actor;
        match change {
            Change::PutTopic { name, spec, mode } => self.put_topic(request, name, spec, mode),
            Change::PutSubscription {
                name,
                topic,
                spec,
                mode,
            } => self.put_subscription(request, name, &topic, spec, mode),
            Change::PutQueue { name, spec, mode } => self.put_queue(request, name, spec, mode),
            Change::UpdateTopic { name, spec, revision } => self.renew_topic(actor, &name, spec, revision),
            Change::UpdateSubscription { name, spec, revision } => {
                self.renew_subscription(actor, &name, spec, revision)
            }
            Change::DeleteTopic { name } => self.delete_topic(actor, &name),
            Change::DeleteSubscription { name } => self.delete_subscription(actor, &name),
            Change::DeleteQueue { name } => self.delete_queue(actor, &name),
            Change::Release { kind, name } => self.release(actor, kind, name),
        }
    }

    fn put_topic(
        &mut self,
        request: Request,
        name: TopicName,
        spec: TopicSpec,
        mode: PutMode,
    ) -> Result<Changed> {
        check_topic(&spec)?;
        let Some(old) = self.topics.get(&name).cloned() else {
            let topic = self.create_topic(request, name, spec, false);
            return Ok(Changed::topic(Outcome::Created, topic));
        };
        if mode == PutMode::Create {
            return Err(Error::already_exists(&name));
        }
        if old.queue {
            return Err(part_of_queue(&name, &name.0));
        }
        permit_put(request.actor, old.owner, Kind::Topic, &name.0)?;
        keeps_partitions(&old, &spec)?;
        let (outcome, topic) = self.update_topic(&old, request.actor, spec);
        Ok(Changed::topic(outcome, topic))
    }

    fn put_subscription(
        &mut self,
        request: Request,
        name: SubscriptionName,
        topic: &TopicName,
        spec: SubscriptionSpec,
        mode: PutMode,
    ) -> Result<Changed> {
        check_subscription(&spec)?;
        let old = self.subscriptions.get(&name).cloned();
        if old.is_some() && mode == PutMode::Create {
            return Err(Error::already_exists(&name));
        }
        let Some(old) = old else {
            let topic = self
                .topics
                .get(topic)
                .cloned()
                .ok_or_else(|| Error::not_found(topic))?;
            if topic.queue {
                return Err(Error::precondition(format!(
                    "Queue {} has the subscription of its name and takes no other; subscribe to a topic",
                    topic.name.0
                )));
            }
            let created = self.create_subscription(request, name, &topic, spec);
            return Ok(Changed::subscription(Outcome::Created, created));
        };
        if old.queue {
            return Err(part_of_queue(&name, &name.0));
        }
        permit_put(request.actor, old.owner, Kind::Subscription, &name.0)?;
        keeps_topic(&old, topic)?;
        keeps_ordering(&old, &spec)?;
        let (outcome, subscription) = self.update_subscription(&old, request.actor, spec);
        Ok(Changed::subscription(outcome, subscription))
    }

    fn put_queue(
        &mut self,
        request: Request,
        name: ResourceName,
        spec: SubscriptionSpec,
        mode: PutMode,
    ) -> Result<Changed> {
        check_queue(&spec)?;
        let (topic_name, subscription_name) = (TopicName(name.clone()), SubscriptionName(name.clone()));
        let topic_spec = TopicSpec {
            partitions: 1,
            labels: spec.labels.clone(),
        };
        let topic = self.topics.get(&topic_name).cloned();
        let subscription = self.subscriptions.get(&subscription_name).cloned();
        if mode == PutMode::Create && (topic.is_some() || subscription.is_some()) {
            return Err(Error::already_exists(&topic_name));
        }
        match (topic, subscription) {
            (None, None) => {
                let topic = self.create_topic(request, topic_name, topic_spec, true);
                let subscription = self.create_subscription(request, subscription_name, &topic, spec);
                Ok(Changed::queue(Outcome::Created, topic, subscription))
            }
            (Some(topic), Some(subscription)) if topic.queue && subscription.queue => {
                permit_put(request.actor, topic.owner, Kind::Queue, &name)?;
                let (first, topic) = self.update_topic(&topic, request.actor, topic_spec);
                let (second, subscription) = self.update_subscription(&subscription, request.actor, spec);
                let outcome = if first == Outcome::Unchanged {
                    second
                } else {
                    first
                };
                Ok(Changed::queue(outcome, topic, subscription))
            }
            (topic, _) => Err(name_in_use(topic.is_some(), &name)),
        }
    }
}

/// The refusal of a queue where a plain topic or subscription is.
fn name_in_use(by_topic: bool, name: &ResourceName) -> Error {
    let kind = if by_topic { Kind::Topic } else { Kind::Subscription };
    Error::precondition(format!(
        "Queue {name} needs its name for a topic and a subscription, and {kind} {name} is there; delete that first, or \
         give the queue another name"
    ))
}

/// Whether a topic may get this spec: its partitions only grow.
pub(super) fn keeps_partitions(old: &Topic, spec: &TopicSpec) -> Result<()> {
    if spec.partitions < old.spec.partitions {
        return Err(Error::precondition(format!(
            "{} has {} partitions; they only grow, so it can't have {}",
            old.name, old.spec.partitions, spec.partitions
        )));
    }
    Ok(())
}

pub(super) fn keeps_ordering(old: &Subscription, spec: &SubscriptionSpec) -> Result<()> {
    let (is, asked) = (old.spec.enable_message_ordering, spec.enable_message_ordering);
    if is == asked {
        return Ok(());
    }
    Err(Error::precondition(format!(
        "enableMessageOrdering of {} is {is} and can't be changed to {asked}: create a new subscription",
        old.name
    )))
}

fn keeps_topic(old: &Subscription, topic: &TopicName) -> Result<()> {
    match &old.topic {
        Some(current) if current == topic => Ok(()),
        Some(current) => Err(Error::precondition(format!(
            "{} belongs to {current}; a subscription can't move to another topic ({topic}): create a new one",
            old.name
        ))),
        None => Err(Error::precondition(format!(
            "the topic of {} was deleted; a subscription can't move to another ({topic}): delete it and create it again",
            old.name
        ))),
    }
}
