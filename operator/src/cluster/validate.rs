//! Step 2: whether a cluster can be as asked for. Pure.
//!
//! What the CRD's own rules refuse does not get here.

use k8s_openapi::api::apps::v1::StatefulSet;
use postroad_crds::{ByteQuantity, PostroadCluster};

use super::reason;
use crate::pokes::ObjectKey;

/// Why a cluster stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason of its Ready condition.
    pub reason: &'static str,
    /// For people: which field, and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Checks `cluster` against what this version can do, and against the StatefulSet it has.
///
/// # Errors
/// The first field that can't be as asked for.
pub fn validate(cluster: &PostroadCluster, existing: Option<&StatefulSet>) -> Result<(), Refusal> {
    let spec = &cluster.spec;
    if spec.replicas > 1 {
        return Err(Refusal::new(
            reason::UNSUPPORTED,
            format!(
                "spec.replicas is {}: this version of Postroad runs one broker; set it to 1",
                spec.replicas
            ),
        ));
    }
    let own = ObjectKey::of(cluster).namespace;
    if spec
        .default_namespace
        .as_ref()
        .is_some_and(|namespace| *namespace != own)
    {
        return Err(Refusal::new(
            reason::UNSUPPORTED,
            format!(
                "spec.defaultNamespace: this version of Postroad knows only the cluster's own ({own}); remove it"
            ),
        ));
    }
    let wanted = spec
        .storage
        .size
        .bytes()
        .map_err(|error| Refusal::new(reason::INVALID, format!("spec.storage.size: {error}")))?;
    match existing.and_then(claimed_bytes) {
        Some(claimed) if claimed != wanted => Err(Refusal::new(
            reason::UNSUPPORTED,
            format!(
                "spec.storage.size is {}, and the volume was made with {claimed} bytes: this version of Postroad can't change \
                 it; delete the PostroadCluster (with deletionPolicy: Retain its volume stays) and make it with that size",
                spec.storage.size.0
            ),
        )),
        _ => Ok(()),
    }
}

/// The size that the StatefulSet's claims ask for.
fn claimed_bytes(existing: &StatefulSet) -> Option<u64> {
    let claim = existing.spec.volume_claim_templates.as_ref()?.first()?;
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    ByteQuantity(requests.get("storage")?.0.clone()).bytes().ok()
}
