//! What Topic, Queue and Subscription differ in.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use postroad_admin_api as admin;
use postroad_crds::convert::{self, ConvertError};
use postroad_crds::declared::Declared;
use postroad_crds::{Queue, QueueStatus, Subscription, SubscriptionStatus, Topic, TopicRef, TopicStatus};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::state::{Objects, State};

/// The status of any of the three kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// The generation it speaks of.
    pub observed_generation: Option<i64>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// `namespace/name` of its cluster.
    pub cluster: Option<String>,
    /// Its full name.
    pub resource_name: Option<String>,
    /// The id the catalog gave it.
    pub id: Option<String>,
}

/// A kind that is declared in Kubernetes and held by a broker.
pub trait Messaging:
    Declared
    + Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The field of the status that holds the id.
    const ID_FIELD: &'static str;

    /// The objects of the kind.
    fn objects(state: &State) -> &Objects<Self>;

    /// The Topic it refers to; only subscriptions do.
    fn topic_ref(&self) -> Option<&TopicRef> {
        None
    }

    /// What its status says.
    fn reported(&self) -> Reported;

    /// What it asks the broker for. `topic` is the topic it is or reads.
    ///
    /// # Errors
    /// What this version does not do.
    fn convert(&self, topic: &admin::TopicRef) -> Result<admin::Spec, ConvertError>;
}

/// The status as JSON, every field of it: a field without a value is null, which removes it.
#[must_use]
pub fn status_of<K: Messaging>(reported: &Reported) -> Value {
    let mut status = serde_json::json!({
        "observedGeneration": reported.observed_generation,
        "conditions": reported.conditions,
        "cluster": reported.cluster,
        "resourceName": reported.resource_name,
    });
    status[K::ID_FIELD] = serde_json::json!(reported.id);
    status
}

macro_rules! reported {
    ($status:expr, $id:ident) => {{
        let status = $status.clone().unwrap_or_default();
        Reported {
            observed_generation: status.observed_generation,
            conditions: status.conditions,
            cluster: status.cluster,
            resource_name: status.resource_name,
            id: status.$id,
        }
    }};
}

impl Messaging for Topic {
    const ID_FIELD: &'static str = "topicId";

    fn objects(state: &State) -> &Objects<Self> {
        &state.topics
    }

    fn reported(&self) -> Reported {
        let status: &Option<TopicStatus> = &self.status;
        reported!(status, topic_id)
    }

    fn convert(&self, _: &admin::TopicRef) -> Result<admin::Spec, ConvertError> {
        convert::topic(&self.spec).map(admin::Spec::Topic)
    }
}

impl Messaging for Queue {
    const ID_FIELD: &'static str = "queueId";

    fn objects(state: &State) -> &Objects<Self> {
        &state.queues
    }

    fn reported(&self) -> Reported {
        let status: &Option<QueueStatus> = &self.status;
        reported!(status, queue_id)
    }

    fn convert(&self, _: &admin::TopicRef) -> Result<admin::Spec, ConvertError> {
        convert::queue(&self.spec).map(admin::Spec::Queue)
    }
}

impl Messaging for Subscription {
    const ID_FIELD: &'static str = "subscriptionId";

    fn objects(state: &State) -> &Objects<Self> {
        &state.subscriptions
    }

    fn topic_ref(&self) -> Option<&TopicRef> {
        Some(&self.spec.topic_ref)
    }

    fn reported(&self) -> Reported {
        let status: &Option<SubscriptionStatus> = &self.status;
        reported!(status, subscription_id)
    }

    fn convert(&self, topic: &admin::TopicRef) -> Result<admin::Spec, ConvertError> {
        convert::subscription(&self.spec, topic.clone()).map(admin::Spec::Subscription)
    }
}
