//! Queue: a topic of one partition with one built-in subscription, both of the queue's name.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bytes::ByteQuantity;
use crate::duration::GoDuration;
use crate::policy::{DeadLetterPolicy, RetryPolicy};
use crate::refs::{ClusterRef, DeletionPolicy};
use crate::status::QueueStatus;
use crate::subscription::default_ack_deadline_seconds;

/// What a queue is asked to be. An absent field means its default.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "postroad.dev",
    version = "v1alpha1",
    kind = "Queue",
    plural = "queues",
    namespaced,
    status = "QueueStatus",
    shortname = "prq",
    category = "postroad",
    annotation("helm.sh/resource-policy", "keep"),
    derive = "PartialEq",
    doc = "A queue: each message goes to one consumer and is gone once it is acknowledged.",
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
    validation = Rule::new("!has(oldSelf.clusterRef) || (has(self.clusterRef) && self.clusterRef == oldSelf.clusterRef)")
        .message("clusterRef cannot be changed once set: a queue stays in its cluster").field_path(".clusterRef"),
    validation = Rule::new("has(self.resourceID) == has(oldSelf.resourceID) && (!has(self.resourceID) || self.resourceID == oldSelf.resourceID)")
        .message("resourceID cannot be changed: declare a new Queue instead").field_path(".resourceID"),
    validation = Rule::new("has(self.maxPriority) == has(oldSelf.maxPriority) && (!has(self.maxPriority) || self.maxPriority == oldSelf.maxPriority)")
        .message("maxPriority cannot be changed: declare a new Queue instead").field_path(".maxPriority")
)]
pub struct QueueSpec {
    /// The PostroadCluster that holds the queue. Default: the only PostroadCluster of this namespace; when this
    /// namespace has none, the only one of the whole Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ref: Option<ClusterRef>,
    /// The queue's name in Postroad. Default: metadata.name. Cannot be changed.
    #[serde(default, rename = "resourceID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9._~%+-]*$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('goog')").message("must not start with goog"))]
    pub resource_id: Option<String>,
    /// Seconds until a message that was delivered and not acknowledged is delivered again; 10 to 600.
    #[serde(default = "default_ack_deadline_seconds")]
    #[schemars(range(min = 10, max = 600))]
    pub ack_deadline_seconds: i32,
    /// The highest priority of a message; 1 to 255. Messages of higher priority are delivered first.
    /// Default: messages have no priority. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 255))]
    pub max_priority: Option<i32>,
    /// How long a message waits in the queue before it is dropped or moved to the dead letter topic; 1ms or more.
    /// Default: until it is acknowledged.
    #[serde(default, rename = "messageTTL", skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1ms')").message("must be at least 1ms"))]
    pub message_ttl: Option<GoDuration>,
    /// How long each message rests before its first delivery; at most 744h (31 days). Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('744h')").message("must be 0s to 744h (31 days)"))]
    pub delivery_delay: Option<GoDuration>,
    /// The most messages the queue holds. Default: no bound but the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_messages: Option<i64>,
    /// The most bytes the queue holds. Default: no bound but the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<ByteQuantity>,
    /// What happens to a message that a full queue cannot take.
    #[serde(default)]
    pub overflow: Overflow,
    /// Where messages go that nobody could process, or that waited longer than messageTTL. Default: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_policy: Option<DeadLetterPolicy>,
    /// How long a message rests before it is delivered again. Default: it is delivered again at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Only one of the consumers receives messages; another takes over when it goes.
    #[serde(default)]
    pub single_active_consumer: bool,
    /// Labels that clients see; for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub labels: BTreeMap<String, String>,
    /// What happens to the queue and its messages when this resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Overflow {
    /// Refuses the new message.
    #[default]
    RejectPublish,
    /// Drops the oldest message.
    DropHead,
}
