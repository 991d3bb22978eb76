//! UpdateTopic, UpdateSubscription, ModifyPushConfig.
//!
//! The node makes the new spec from the one that is in force when the change is made, so two updates of different fields
//! don't undo each other.

use postroad_types::{Error, Owner, Result};

use crate::context::Context;
use crate::proto::pubsub::{
    ModifyPushConfigRequest, Subscription, Topic, UpdateSubscriptionRequest, UpdateTopicRequest,
};
use crate::{convert, mask, names, resources};

/// Changes a topic's labels: all that can be changed of a topic so far.
pub async fn topic(context: &Context, request: &UpdateTopicRequest) -> Result<Topic> {
    let required = || Error::invalid("topic is required");
    let asked = request.topic.as_ref().ok_or_else(required)?;
    let name = names::topic("topic.name", &asked.name)?;
    let paths = request.update_mask.as_ref();
    let new = resources::topic_spec(&mask::topic(paths, asked)?)?;
    let edit = |current: &postroad_types::TopicSpec| {
        let mut spec = current.clone();
        if mask::has(paths, "labels") {
            spec.labels.clone_from(&new.labels);
        }
        Ok(spec)
    };
    let updated = context.node.update_topic(Owner::Api, &name, edit).await?;
    Ok(convert::topic(&updated))
}

/// Changes a subscription's labels and deadline: all that can be changed of a subscription so far.
pub async fn subscription(context: &Context, request: &UpdateSubscriptionRequest) -> Result<Subscription> {
    let required = || Error::invalid("subscription is required");
    let asked = request.subscription.as_ref().ok_or_else(required)?;
    let name = names::subscription("subscription.name", &asked.name)?;
    let paths = request.update_mask.as_ref();
    let new = resources::subscription_spec(&mask::subscription(paths, asked)?)?;
    let edit = |current: &postroad_types::SubscriptionSpec| {
        let mut spec = current.clone();
        if mask::has(paths, "labels") {
            spec.labels.clone_from(&new.labels);
        }
        if mask::has(paths, "ack_deadline_seconds") {
            spec.ack_deadline_seconds = new.ack_deadline_seconds;
        }
        Ok(spec)
    };
    let updated = context.node.update_subscription(Owner::Api, &name, edit).await?;
    Ok(convert::subscription(&updated))
}

/// Every subscription is a pull subscription: to become one changes nothing, and a push subscription is refused.
pub fn push_config(context: &Context, request: &ModifyPushConfigRequest) -> Result<()> {
    let name = names::subscription("subscription", &request.subscription)?;
    let asked = Subscription {
        push_config: request.push_config.clone(),
        ..Default::default()
    };
    resources::subscription_spec(&asked)?;
    context.node.subscription(&name).map(drop)
}
