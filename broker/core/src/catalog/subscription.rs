//! A subscription: a durable cursor on each partition of a topic.

use postroad_types::{
    Owner, SubscriptionId, SubscriptionName, SubscriptionSpec, Timestamp, TopicId, TopicName,
};

/// A subscription as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its number. A subscription that is deleted and created again has a new one.
    pub id: SubscriptionId,
    /// Its name.
    pub name: SubscriptionName,
    /// Its topic's name; none when the topic was deleted.
    pub topic: Option<TopicName>,
    /// Its topic's number; there exactly when `topic` is.
    pub topic_id: Option<TopicId>,
    /// What it was asked to be.
    pub spec: SubscriptionSpec,
    /// Who may change it.
    pub owner: Owner,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is the subscription of a queue.
    pub queue: bool,
    /// The catalog's revision at the last change.
    pub revision: u64,
}
