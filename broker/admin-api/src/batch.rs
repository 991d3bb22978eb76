//! Apply, delete and release many resources in one request. A batch is one entry of the catalog's log; each resource
//! has its own result, in the order of the request.

use serde::{Deserialize, Serialize};

use crate::error::ErrorDetail;
use crate::resource::{Owner, Resource, ResourceKey};

/// `POST /v1/resources:apply`: creates what is not there, updates what is, adopts what only a client made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyRequest {
    /// On whose behalf.
    pub owner: Owner,
    /// At most [`crate::MAX_BATCH`], in the order in which they are made: topics before their subscriptions.
    pub resources: Vec<Resource>,
}

/// `POST /v1/resources:delete`: deletes resources with their data. What is not there is [`Outcome::Absent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteRequest {
    /// On whose behalf.
    pub owner: Owner,
    /// At most [`crate::MAX_BATCH`].
    pub resources: Vec<ResourceKey>,
}

/// `POST /v1/resources:release`: gives resources up. They stay with their data, and any client may change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Who owns them now.
    pub owner: Owner,
    /// At most [`crate::MAX_BATCH`].
    pub resources: Vec<ResourceKey>,
}

/// The answer to a batch: one result for each resource, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The results.
    pub results: Vec<ItemResult>,
}

/// What became of one resource of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum ItemResult {
    /// It was refused; nothing about it changed.
    Failed {
        /// Why.
        error: ErrorDetail,
    },
    /// It was done.
    Done {
        /// What changed.
        outcome: Outcome,
        /// The id the catalog gave the resource (of a queue: its topic's), of a deleted one too; none when there was nothing.
        /// A resource that is deleted and made again has a new id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

impl ItemResult {
    /// The outcome and the id, or why it was refused.
    ///
    /// # Errors
    /// The broker's refusal of this one resource.
    pub fn into_result(self) -> Result<(Outcome, Option<String>), ErrorDetail> {
        match self {
            Self::Done { outcome, id } => Ok((outcome, id)),
            Self::Failed { error } => Err(error),
        }
    }
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was not there and is now.
    Created,
    /// It was there and is different now, in its spec or its owner.
    Updated,
    /// It is as asked for already.
    Unchanged,
    /// It was there and is not any more.
    Deleted,
    /// It is there still, and any client may change it.
    Released,
    /// There was nothing to delete or release.
    Absent,
}
