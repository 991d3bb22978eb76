//! What the catalog can be asked to change, and what became of it.

use std::fmt;
use std::sync::Arc;

use postroad_types::{ResourceName, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};

use super::{Subscription, Topic};

/// What a catalog change asks for. On whose behalf stands beside it: [`crate::Command::change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Create or update a topic.
    PutTopic {
        /// Its name.
        name: TopicName,
        /// What it shall be.
        spec: TopicSpec,
        /// Whether it may be there already.
        mode: PutMode,
    },
    /// Create or update a subscription.
    PutSubscription {
        /// Its name.
        name: SubscriptionName,
        /// Its topic, which can't be changed later.
        topic: TopicName,
        /// What it shall be.
        spec: SubscriptionSpec,
        /// Whether it may be there already.
        mode: PutMode,
    },
    /// Create or update a queue: the topic and the subscription of that name.
    PutQueue {
        /// Its name.
        name: ResourceName,
        /// What its subscription shall be; the labels are the topic's too.
        spec: SubscriptionSpec,
        /// Whether it may be there already.
        mode: PutMode,
    },
    /// Change a topic that is there, if it still is as it was at `revision`.
    UpdateTopic {
        /// Its name.
        name: TopicName,
        /// What it shall be.
        spec: TopicSpec,
        /// The [`Topic::revision`] that `spec` was made from.
        revision: u64,
    },
    /// Change a subscription that is there, if it still is as it was at `revision`.
    UpdateSubscription {
        /// Its name.
        name: SubscriptionName,
        /// What it shall be.
        spec: SubscriptionSpec,
        /// The [`Subscription::revision`] that `spec` was made from.
        revision: u64,
    },
    /// Delete a topic; its subscriptions stay, without a topic.
    DeleteTopic {
        /// Its name.
        name: TopicName,
    },
    /// Delete a subscription.
    DeleteSubscription {
        /// Its name.
        name: SubscriptionName,
    },
    /// Delete a queue: topic and subscription.
    DeleteQueue {
        /// Its name.
        name: ResourceName,
    },
    /// Give a resource up: it stays with its data, and its owner becomes [`postroad_types::Owner::Api`].
    Release {
        /// What kind of resource it is.
        kind: Kind,
        /// Its name.
        name: ResourceName,
    },
}

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// A topic.
    Topic = 0,
    /// A subscription.
    Subscription = 1,
    /// A queue.
    Queue = 2,
}

/// The kind as resources in Kubernetes and errors write it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "Topic",
            Self::Subscription => "Subscription",
            Self::Queue => "Queue",
        })
    }
}

/// Whether a put may find the resource there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum PutMode {
    /// Fails with `AlreadyExists` when the resource is there.
    Create = 0,
    /// Creates, updates, or (Kubernetes and File over Api) adopts.
    Apply = 1,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What was done.
    pub outcome: Outcome,
    /// The topic after the change, queues' too; after a delete, the topic that is gone.
    pub topic: Option<Arc<Topic>>,
    /// The subscription after the change, queues' too; after a delete, the subscription that is gone.
    pub subscription: Option<Arc<Subscription>>,
}

impl Changed {
    pub(super) const ABSENT: Self = Self {
        outcome: Outcome::Absent,
        topic: None,
        subscription: None,
    };

    pub(super) fn topic(outcome: Outcome, topic: Arc<Topic>) -> Self {
        Self {
            outcome,
            topic: Some(topic),
            subscription: None,
        }
    }

    pub(super) fn queue(outcome: Outcome, topic: Arc<Topic>, subscription: Arc<Subscription>) -> Self {
        Self {
            outcome,
            topic: Some(topic),
            subscription: Some(subscription),
        }
    }

    pub(super) fn subscription(outcome: Outcome, subscription: Arc<Subscription>) -> Self {
        Self {
            outcome,
            topic: None,
            subscription: Some(subscription),
        }
    }
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The resource is new.
    Created,
    /// The resource is another than before, or has another owner.
    Updated,
    /// The resource was so already.
    Unchanged,
    /// An update did nothing: the resource is another than at the revision it was made from. The answer has it as it is
    /// now, to make the update anew.
    Outdated,
    /// The resource is gone.
    Deleted,
    /// The resource is the clients' own from now on.
    Released,
    /// A delete or release found nothing that the actor could have declared.
    Absent,
}
