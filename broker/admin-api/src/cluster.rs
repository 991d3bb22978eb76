//! The cluster and the broker themselves.

use serde::{Deserialize, Serialize};

/// `POST /v1/bootstrap`: forms a cluster of this broker, once. Asked again it answers with the cluster it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BootstrapRequest {
    /// The id the cluster gets; one is made when there is none. A broker of another cluster refuses (FailedPrecondition).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
}

/// The cluster, and the broker that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapResponse {
    /// The cluster's id.
    pub cluster_id: String,
    /// The broker's id; it belongs to the broker's disk.
    pub broker_id: String,
}

/// `GET /v1/status`: where a broker stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusResponse {
    /// The broker's id; it belongs to the broker's disk.
    pub broker_id: String,
    /// The cluster's id; none before the bootstrap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The version of the broker's program.
    pub version: String,
    /// Whether it serves clients.
    pub ready: bool,
    /// Why it does not, when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The catalog's revision; 0 before the bootstrap.
    #[serde(default)]
    pub catalog_revision: u64,
    /// Its replicas.
    #[serde(default)]
    pub shards: Vec<ShardStatus>,
}

/// Where one replica of a shard stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// The shard's number; 0 is the catalog.
    pub id: u32,
    /// `leader`, `follower`, `candidate` or `learner`.
    pub role: String,
    /// The Raft term.
    pub term: u64,
    /// The last index of the log.
    pub last_index: u64,
    /// The last index that was applied.
    pub applied_index: u64,
    /// The last index that is in a checkpoint.
    pub checkpoint_index: u64,
}

/// An event of `GET /v1/watch`: the catalog is at this revision now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchEvent {
    /// The catalog's revision.
    pub revision: u64,
}
