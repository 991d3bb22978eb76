//! Which cluster an object is declared in. Pure, over the caches.

use std::sync::Arc;

use postroad_crds::{ClusterRef, PostroadCluster};

use super::verdict::{Verdict, reason};
use crate::controller::Guarded;
use crate::pokes::ObjectKey;
use crate::state::State;

/// The cluster of an object in `namespace`: the one it names; else the one it is in already (`placed`, from its status),
/// so that a second cluster that is created later changes nothing; else the only one of its namespace; else the only one
/// of all.
///
/// # Errors
/// What is reported instead.
pub fn cluster_of(
    state: &State,
    namespace: &str,
    cluster_ref: Option<&ClusterRef>,
    placed: Option<&str>,
) -> Result<ObjectKey, Verdict> {
    if let Some(cluster_ref) = cluster_ref {
        let named = ObjectKey::new(
            cluster_ref.namespace.as_deref().unwrap_or(namespace),
            &cluster_ref.name,
        );
        return if exists(state, &named) {
            Ok(named)
        } else {
            Err(missing(&named))
        };
    }
    let placed = placed.and_then(|placed| placed.split_once('/'));
    let placed = placed.map(|(namespace, name)| ObjectKey::new(namespace, name));
    if let Some(placed) = placed.filter(|placed| exists(state, placed)) {
        return Ok(placed);
    }
    the_only_one(state, namespace)
}

/// The PostroadCluster, if it can be read.
#[must_use]
pub fn find(state: &State, cluster: &ObjectKey) -> Option<Arc<Guarded<PostroadCluster>>> {
    state.clusters.get(cluster)
}

fn exists(state: &State, cluster: &ObjectKey) -> bool {
    state.clusters.contains(cluster)
}

fn the_only_one(state: &State, namespace: &str) -> Result<ObjectKey, Verdict> {
    let mut all: Vec<ObjectKey> = state
        .clusters
        .store
        .state()
        .iter()
        .map(|object| ObjectKey::of(&**object))
        .collect();
    all.sort();
    let near: Vec<_> = all
        .iter()
        .filter(|cluster| cluster.namespace == namespace)
        .cloned()
        .collect();
    let candidates = if near.is_empty() { all } else { near };
    match candidates.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Verdict::waiting(
            reason::CLUSTER_NOT_FOUND,
            "there is no PostroadCluster; create one, or name one in spec.clusterRef",
        )),
        several => {
            let names: Vec<_> = several.iter().take(5).map(ToString::to_string).collect();
            let message = format!(
                "spec.clusterRef is missing, and there are {} clusters ({}); name one of them",
                several.len(),
                names.join(", ")
            );
            Err(Verdict::waiting(reason::CLUSTER_AMBIGUOUS, message))
        }
    }
}

fn missing(cluster: &ObjectKey) -> Verdict {
    let message = format!("there is no PostroadCluster {cluster}; create it, or correct spec.clusterRef");
    Verdict::waiting(reason::CLUSTER_NOT_FOUND, message)
}

/// Whether `cluster` takes declarations from `namespace`, and is not on its way out.
///
/// # Errors
/// What is reported instead.
pub fn admits(cluster: &Guarded<PostroadCluster>, namespace: &str) -> Result<(), Verdict> {
    let key = ObjectKey::of(cluster);
    let Ok(cluster) = &cluster.0 else { return Ok(()) };
    if cluster.metadata.deletion_timestamp.is_some() {
        let message = format!("PostroadCluster {key} is being deleted");
        return Err(Verdict::waiting(reason::CLUSTER_NOT_READY, message));
    }
    if !cluster.spec.allowed_namespaces.allows(namespace, &key.namespace) {
        let message = format!(
            "PostroadCluster {key} takes no declarations from namespace {namespace}; its spec.allowedNamespaces says which"
        );
        return Err(Verdict::waiting(reason::NAMESPACE_NOT_ALLOWED, message));
    }
    Ok(())
}
