//! Subscription: a durable position in a topic, and how its messages are delivered.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::policy::{DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy};
use crate::refs::{DeletionPolicy, TopicRef};
use crate::status::SubscriptionStatus;

/// What a subscription is asked to be. An absent field means its default.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "postroad.dev",
    version = "v1alpha1",
    kind = "Subscription",
    plural = "subscriptions",
    namespaced,
    status = "SubscriptionStatus",
    shortname = "prs",
    category = "postroad",
    annotation("helm.sh/resource-policy", "keep"),
    derive = "PartialEq",
    doc = "A subscription: receives every message that is published to its topic from now on. It lives in the cluster of its topic.",
    cel,
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Topic", type_ = "string", json_path = ".spec.topicRef.name"),
    printcolumn(
        name = "Cluster",
        type_ = "string",
        json_path = ".status.cluster",
        priority = 1
    ),
    printcolumn(
        name = "Resource",
        type_ = "string",
        json_path = ".status.resourceName",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.resourceID) == has(oldSelf.resourceID) && (!has(self.resourceID) || self.resourceID == oldSelf.resourceID)")
        .message("resourceID cannot be changed: declare a new Subscription instead").field_path(".resourceID"),
    validation = Rule::new("has(self.filter) == has(oldSelf.filter) && (!has(self.filter) || self.filter == oldSelf.filter)")
        .message("filter cannot be changed: declare a new Subscription instead").field_path(".filter"),
    validation = Rule::new("!(self.enableExactlyOnceDelivery && has(self.pushConfig))")
        .message("enableExactlyOnceDelivery does not go with pushConfig")
)]
pub struct SubscriptionSpec {
    /// The topic whose messages it receives. Cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("topicRef cannot be changed: declare a new Subscription instead"))]
    pub topic_ref: TopicRef,
    /// The subscription's name in Postroad. Default: metadata.name. Cannot be changed.
    #[serde(default, rename = "resourceID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9._~%+-]*$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('goog')").message("must not start with goog"))]
    pub resource_id: Option<String>,
    /// Seconds until a message that was delivered and not acknowledged is delivered again; 10 to 600.
    #[serde(default = "default_ack_deadline_seconds")]
    #[schemars(range(min = 10, max = 600))]
    pub ack_deadline_seconds: i32,
    /// How long a message waits for its acknowledgement before it is dropped; 10m to 744h (31 days).
    /// Default: as long as the topic holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10m') && duration(self) <= duration('744h')")
        .message("must be 10m to 744h (31 days)"))]
    pub message_retention_duration: Option<GoDuration>,
    /// Keeps acknowledged messages too, for messageRetentionDuration, so that a seek can deliver them again.
    #[serde(default)]
    pub retain_acked_messages: bool,
    /// Delivers messages of one ordering key in the order in which they were published. Cannot be changed.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("enableMessageOrdering cannot be changed: declare a new Subscription instead"))]
    pub enable_message_ordering: bool,
    /// A message that was acknowledged is not delivered again, and an acknowledgement says whether it counted.
    #[serde(default)]
    pub enable_exactly_once_delivery: bool,
    /// Delivers only messages whose attributes match, in Pub/Sub's filter language; at most 256 bytes. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub filter: Option<String>,
    /// When a subscription that nobody uses is deleted. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_policy: Option<ExpirationPolicy>,
    /// Where messages go that nobody could process. Default: they are delivered until they are acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_policy: Option<DeadLetterPolicy>,
    /// How long a message rests before it is delivered again. Default: it is delivered again at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Delivers by HTTP POST. Default: consumers pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_config: Option<PushConfig>,
    /// Labels that clients see; for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub labels: BTreeMap<String, String>,
    /// What happens to the subscription and its backlog when this resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

pub(crate) fn default_ack_deadline_seconds() -> i32 {
    10
}
