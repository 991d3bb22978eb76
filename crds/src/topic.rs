//! Topic: a log of messages in partitions.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bytes::ByteQuantity;
use crate::duration::GoDuration;
use crate::refs::{ClusterRef, DeletionPolicy, Durability, SchemaRef};
use crate::status::TopicStatus;

/// What a topic is asked to be. An absent field means its default.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "postroad.dev",
    version = "v1alpha1",
    kind = "Topic",
    plural = "topics",
    namespaced,
    status = "TopicStatus",
    shortname = "prt",
    category = "postroad",
    annotation("helm.sh/resource-policy", "keep"),
    derive = "PartialEq",
    doc = "A topic: messages published to it reach each of its subscriptions.",
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
    printcolumn(name = "Partitions", type_ = "integer", json_path = ".spec.partitions"),
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
        .message("clusterRef cannot be changed once set: a topic stays in its cluster").field_path(".clusterRef"),
    validation = Rule::new("has(self.resourceID) == has(oldSelf.resourceID) && (!has(self.resourceID) || self.resourceID == oldSelf.resourceID)")
        .message("resourceID cannot be changed: declare a new Topic instead").field_path(".resourceID")
)]
pub struct TopicSpec {
    /// The PostroadCluster that holds the topic. Default: the only PostroadCluster of this namespace; when this
    /// namespace has none, the only one of the whole Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ref: Option<ClusterRef>,
    /// The topic's name in Postroad. Default: metadata.name. Cannot be changed.
    #[serde(default, rename = "resourceID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9._~%+-]*$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('goog')").message("must not start with goog"))]
    pub resource_id: Option<String>,
    /// How many partitions the messages are spread over; 1 to 1024. Can only grow: with it a key may move to
    /// another partition, so order is kept among messages published after the change.
    #[serde(default = "default_partitions")]
    #[schemars(range(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self >= oldSelf").message("partitions can only grow"))]
    pub partitions: i32,
    /// Labels that clients see; for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub labels: BTreeMap<String, String>,
    /// How long messages are kept even when every subscription has acknowledged them; 10m to 744h (31 days).
    /// Default: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10m') && duration(self) <= duration('744h')")
        .message("must be 10m to 744h (31 days)"))]
    pub message_retention_duration: Option<GoDuration>,
    /// The schema that every message must match. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_settings: Option<SchemaSettings>,
    /// How durable a message is before its publisher hears that it was accepted.
    #[serde(default)]
    pub durability: Durability,
    /// The largest message: data, attributes and key together; at most 10M. Default: 10M.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("quantity(self).compareTo(quantity('1')) >= 0 && quantity(self).compareTo(quantity('10M')) <= 0")
        .message("must be 1 to 10M"))]
    pub max_message_bytes: Option<ByteQuantity>,
    /// What happens to the topic and its messages when this resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn default_partitions() -> i32 {
    1
}

/// The schema that messages must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaSettings {
    /// The schema.
    pub schema_ref: SchemaRef,
    /// How messages are encoded.
    #[serde(default)]
    pub encoding: Encoding,
}

/// Encoding of messages that have a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// JSON.
    #[default]
    #[serde(rename = "JSON")]
    Json,
    /// The schema language's own binary encoding.
    #[serde(rename = "BINARY")]
    Binary,
}
