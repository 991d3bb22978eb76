//! What happens to the volumes when a PostroadCluster is deleted.
//!
//! With Retain (the default) nothing: the StatefulSet goes with its owner, its claims stay. With Delete the finalizer first
//! tells the StatefulSet that its claims go with it (`whenDeleted: Delete`) and waits until Kubernetes has made it their
//! owner, by uid; then everything goes in one go. The operator never deletes a claim itself, and a cluster that goes because
//! its CRD goes keeps its volumes.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use postroad_crds::{DeletionPolicy, PostroadCluster};

use super::build::{Names, pod_selector};
use super::forming::known_identity;
use super::{dereference, reason, status};
use crate::context::Context;
use crate::controller::Next;
use crate::definitions;
use crate::error::Failure;
use crate::finalizer;
use crate::names::{FIELD_MANAGER, VOLUMES_FINALIZER};
use crate::pokes::ObjectKey;

/// Gives a living cluster the finalizer, or takes it away, as its deletionPolicy says. Answers whether it wrote: the change
/// then comes back by the watch.
///
/// # Errors
/// When the API server refuses.
pub async fn settle(context: &Context, cluster: &PostroadCluster) -> Result<bool, Failure> {
    match cluster.spec.deletion_policy {
        DeletionPolicy::Delete => finalizer::add(&context.client, cluster, VOLUMES_FINALIZER).await,
        DeletionPolicy::Retain => finalizer::remove(&context.client, cluster, VOLUMES_FINALIZER).await,
    }
}

/// Lets a cluster go that is being deleted.
///
/// # Errors
/// When the API server refuses.
pub async fn finish(context: &Context, cluster: &PostroadCluster) -> Result<Next, Failure> {
    context.registry.gone(&ObjectKey::of(cluster));
    if !finalizer::has(cluster, VOLUMES_FINALIZER) {
        return Ok(Next::Settled);
    }
    let delete = cluster.spec.deletion_policy == DeletionPolicy::Delete;
    let handed_over = !delete
        || definitions::is_going::<PostroadCluster>(&context.client).await?
        || hand_over(&context.client, &Names::of(cluster)?).await?;
    if handed_over {
        finalizer::remove(&context.client, cluster, VOLUMES_FINALIZER).await?;
        return Ok(Next::Settled);
    }
    let message = "the volumes are being handed over for deletion".to_owned();
    let findings = status::Findings {
        identity: known_identity(cluster),
        progress: Some((reason::DELETING, message)),
        ..status::Findings::default()
    };
    status::write(context, cluster, &findings).await?;
    Ok(Next::Waiting)
}

/// Whether every claim of the cluster's StatefulSet goes with it. Without a StatefulSet there is nothing to hand over to,
/// and the claims stay.
async fn hand_over(client: &Client, names: &Names) -> Result<bool, Failure> {
    let Some(set) = dereference::stateful_set(client, names).await? else {
        return Ok(true);
    };
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), &names.namespace);
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    if policy.and_then(|policy| policy.when_deleted.as_deref()) != Some("Delete") {
        let patch = serde_json::json!({
            "metadata": { "uid": set.metadata.uid },
            "spec": { "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" } },
        });
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch(&names.cluster, &params, &Patch::Merge(&patch)).await;
        patched.map_err(Failure::kube("handing the volumes over"))?;
    }
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &names.namespace);
    let selected = ListParams::default().labels(&pod_selector(&names.cluster));
    let claims = claims
        .list(&selected)
        .await
        .map_err(Failure::kube("listing the volumes' claims"))?;
    let uid = set.metadata.uid.as_deref();
    Ok(claims.items.iter().all(|claim| {
        let owners = claim.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| Some(owner.uid.as_str()) == uid)
    }))
}
