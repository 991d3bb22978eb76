//! PostroadCluster: a set of brokers with their volumes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bytes::ByteQuantity;
use crate::refs::DeletionPolicy;

/// What a cluster is asked to be. An absent field means its default.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "postroad.dev",
    version = "v1alpha1",
    kind = "PostroadCluster",
    plural = "postroadclusters",
    namespaced,
    status = "PostroadClusterStatus",
    shortname = "prc",
    category = "postroad",
    annotation("helm.sh/resource-policy", "keep"),
    derive = "PartialEq",
    doc = "A Postroad cluster: brokers that hold topics, queues and subscriptions.",
    cel,
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Brokers", type_ = "integer", json_path = ".status.readyReplicas"),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoints.pubsub", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name must have at most 40 characters: the names of its objects are built from it")
)]
#[serde(rename_all = "camelCase")]
pub struct PostroadClusterSpec {
    /// How many brokers; 1 to 99.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 99))]
    pub replicas: i32,
    /// On how many brokers each message is kept: 1, 3 or 5, or as many as there are brokers when those are fewer.
    #[serde(default = "default_replication_factor")]
    #[x_kube(validation = Rule::new("self in [1, 3, 5]").message("must be 1, 3 or 5"))]
    #[schemars(range(min = 1, max = 5))]
    pub replication_factor: i32,
    /// The image that the brokers run. Default: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// When the image is pulled. Default: Kubernetes' rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets to pull the image with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// How many groups the cluster's partitions are spread over, shard 0 being the catalog; 2 to 256. Cannot be changed.
    #[serde(default = "default_shards")]
    #[schemars(range(min = 2, max = 256))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("shards cannot be changed"))]
    pub shards: i32,
    /// The brokers' volumes.
    #[serde(default)]
    pub storage: Storage,
    /// The namespace whose topics and queues need no prefix in protocols that have no namespaces of their own.
    /// Default: the cluster's own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub default_namespace: Option<String>,
    /// Which namespaces may declare topics, queues and subscriptions in this cluster.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
    /// What the brokers log.
    #[serde(default)]
    pub logging: Logging,
    /// The Service that clients connect to.
    #[serde(default)]
    pub service: ServiceSpec,
    /// CPU and memory of a broker. Default: requests of 100m and 128Mi, no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels of the nodes that brokers may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::node_selector")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that brokers tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,
    /// Affinity of the brokers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// How brokers are spread. Default: over zones (zoneKey) and nodes as far as possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// The node label that names a broker's zone.
    #[serde(default = "default_zone_key")]
    #[schemars(length(min = 1, max = 316))]
    pub zone_key: String,
    /// Further labels of the brokers' pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::object_metadata")]
    pub pod_labels: BTreeMap<String, String>,
    /// Further annotations of the brokers' pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::object_metadata")]
    pub pod_annotations: BTreeMap<String, String>,
    /// The priority class of the brokers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Seconds a broker has to hand over and stop; 10 to 600.
    #[serde(default = "default_termination_grace_period_seconds")]
    #[schemars(range(min = 10, max = 600))]
    pub termination_grace_period_seconds: i64,
    /// What happens to the volumes when this resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn default_replicas() -> i32 {
    1
}

fn default_replication_factor() -> i32 {
    3
}

fn default_shards() -> i32 {
    16
}

fn default_zone_key() -> String {
    "topology.kubernetes.io/zone".to_owned()
}

fn default_termination_grace_period_seconds() -> i64 {
    60
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// Each time a pod starts.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

/// The volume of each broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)")
        .message("storageClassName cannot be changed").field_path(".storageClassName")
)]
pub struct Storage {
    /// Size of a broker's volume. Cannot be changed in this version.
    #[serde(default = "default_storage_size")]
    #[x_kube(validation = Rule::new("quantity(self).compareTo(quantity('1Gi')) >= 0").message("must be at least 1Gi"))]
    #[x_kube(validation = Rule::new("quantity(self).compareTo(quantity(oldSelf)) == 0").message("size cannot be changed in this version"))]
    pub size: ByteQuantity,
    /// The storage class of the volumes. Default: the Kubernetes cluster's default. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            size: default_storage_size(),
            storage_class_name: None,
        }
    }
}

fn default_storage_size() -> ByteQuantity {
    "10Gi".into()
}

/// Which namespaces may declare resources in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.from == 'List' || !has(self.names)")
        .message("names goes with from: List only").field_path(".names"),
    validation = Rule::new("self.from != 'List' || has(self.names)")
        .message("from: List needs names").field_path(".from")
)]
pub struct AllowedNamespaces {
    /// All namespaces, only the cluster's own (Same), or those named (List) besides it.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// The namespaces, with `from: List`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub names: Vec<String>,
}

impl AllowedNamespaces {
    /// Whether `namespace` may declare resources in a cluster of `cluster_namespace`.
    #[must_use]
    pub fn allows(&self, namespace: &str, cluster_namespace: &str) -> bool {
        match self.from {
            NamespacesFrom::All => true,
            NamespacesFrom::Same => namespace == cluster_namespace,
            NamespacesFrom::List => {
                namespace == cluster_namespace || self.names.iter().any(|name| name == namespace)
            }
        }
    }
}

/// How the allowed namespaces are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every namespace.
    #[default]
    All,
    /// The cluster's own namespace only.
    Same,
    /// The cluster's own namespace and those in `names`.
    List,
}

/// What the brokers log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// The least severe level that is logged.
    #[serde(default)]
    pub level: LogLevel,
    /// The form of a line.
    #[serde(default)]
    pub format: LogFormat,
}

/// Severity of what is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something needs attention.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// The Service that clients connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// The Service's type.
    #[serde(default, rename = "type")]
    pub type_: ServiceType,
    /// Annotations of the Service, such as a cloud's load balancer needs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::object_metadata")]
    pub annotations: BTreeMap<String, String>,
}

/// Type of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reached from inside the Kubernetes cluster.
    #[default]
    ClusterIP,
    /// Reached through a port of every node.
    NodePort,
    /// Reached through a load balancer.
    LoadBalancer,
}

/// What the operator reports about a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostroadClusterStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The cluster's state; `Ready` sums it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The cluster's identity, given once when its first broker was bootstrapped. Brokers of another identity are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// How many brokers there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// How many of them are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// The label selector of the brokers' pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The version that the brokers run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where to connect, from inside the Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
}

/// Where to connect, as `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Google Pub/Sub: the value of PUBSUB_EMULATOR_HOST.
    pub pubsub: String,
    /// Metrics, probes and the admin API.
    pub admin: String,
}
