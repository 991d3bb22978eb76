//! What happens to the volumes when a PostroadCluster is deleted.
//!
//! With Retain (the default) nothing: the StatefulSet goes with its owner, its claims stay. With Delete the finalizer first
//! tells the StatefulSet that its claims go with it (`whenDeleted: Delete`) and waits until Kubernetes has made it their
//! owner, by uid; then everything goes in one go. Whoever changes his mind meanwhile keeps the volumes: they are taken back
//! the same way before the finalizer goes. The operator never deletes a claim itself, and a cluster that goes because its CRD
//! goes keeps its volumes.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use postroad_crds::{DeletionPolicy, PostroadCluster};

use super::build::{Names, pod_selector};
use super::forming::known_identity;
use super::{dereference, reason, status};
use crate::context::Context;
use crate::controller::{Guarded, Next};
use crate::definitions;
use crate::error::Failure;
use crate::finalizer;
use crate::names::{FIELD_MANAGER, VOLUMES_FINALIZER};
use crate::pokes::ObjectKey;
use crate::unreadable;

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
    let names = Names::of(cluster)?;
    let delete = cluster.spec.deletion_policy == DeletionPolicy::Delete
        && !definitions::is_going::<PostroadCluster>(&context.client).await?;
    let (done, message) = if delete {
        let done = hand_over(&context.client, &names).await?;
        (done, "the volumes are being handed over for deletion")
    } else {
        let done = take_back(&context.client, &names).await?;
        (done, "the volumes are being taken back, so that they stay")
    };
    if done {
        finalizer::remove(&context.client, cluster, VOLUMES_FINALIZER).await?;
        return Ok(Next::Settled);
    }
    let message = message.to_owned();
    let findings = status::Findings {
        identity: known_identity(cluster),
        progress: Some((reason::DELETING, message)),
        ..status::Findings::default()
    };
    status::write(context, cluster, &findings).await?;
    Ok(Next::Waiting)
}

/// Lets a cluster go that is being deleted and can't be read. Its volumes stay.
///
/// # Errors
/// When the API server refuses.
pub async fn finish_unreadable(
    context: &Context,
    cluster: &Guarded<PostroadCluster>,
) -> Result<Next, Failure> {
    context.registry.gone(&ObjectKey::of(cluster));
    if !finalizer::has(cluster, VOLUMES_FINALIZER) {
        return Ok(Next::Settled);
    }
    if !take_back(&context.client, &Names::of(cluster)?).await? {
        return Ok(Next::Waiting);
    }
    unreadable::let_go(context, cluster, VOLUMES_FINALIZER).await
}

/// Whether every claim of the cluster's StatefulSet goes with it. Without a StatefulSet there is nothing to hand over to,
/// and the claims stay.
async fn hand_over(client: &Client, names: &Names) -> Result<bool, Failure> {
    let Some(set) = dereference::stateful_set(client, names).await? else {
        return Ok(true);
    };
    let set = when_deleted(client, names, set, "Delete").await?;
    let claims = claims(client, names).await?;
    Ok(claims.iter().all(|claim| is_owned(claim, &set)))
}

/// Whether no claim of the cluster's StatefulSet goes with it, also when an earlier reconcile began to hand them over. What
/// went with a StatefulSet that is gone can't be had back.
async fn take_back(client: &Client, names: &Names) -> Result<bool, Failure> {
    let Some(set) = dereference::stateful_set(client, names).await? else {
        return Ok(true);
    };
    let set = when_deleted(client, names, set, "Retain").await?;
    // Until Kubernetes has seen it, it may still make the StatefulSet the owner of a claim.
    let observed = set.status.as_ref().and_then(|status| status.observed_generation);
    if observed < set.metadata.generation {
        return Ok(false);
    }
    let claims = claims(client, names).await?;
    Ok(!claims.iter().any(|claim| is_owned(claim, &set)))
}

/// Tells `set` what becomes of its claims when it is deleted; gives it back as it is then.
async fn when_deleted(
    client: &Client,
    names: &Names,
    set: StatefulSet,
    wanted: &str,
) -> Result<StatefulSet, Failure> {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    if policy.and_then(|policy| policy.when_deleted.as_deref()) == Some(wanted) {
        return Ok(set);
    }
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), &names.namespace);
    let patch = serde_json::json!({
        "metadata": { "uid": set.metadata.uid },
        "spec": { "persistentVolumeClaimRetentionPolicy": { "whenDeleted": wanted } },
    });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = api.patch(&names.cluster, &params, &Patch::Merge(&patch)).await;
    patched.map_err(Failure::kube("saying what becomes of the volumes"))
}

async fn claims(client: &Client, names: &Names) -> Result<Vec<PersistentVolumeClaim>, Failure> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &names.namespace);
    let selected = ListParams::default().labels(&pod_selector(&names.cluster));
    let listed = api.list(&selected).await;
    Ok(listed
        .map_err(Failure::kube("listing the volumes' claims"))?
        .items)
}

/// Told by the uid.
fn is_owned(claim: &PersistentVolumeClaim, set: &StatefulSet) -> bool {
    let owners = claim.metadata.owner_references.iter().flatten();
    owners
        .into_iter()
        .any(|owner| Some(&owner.uid) == set.metadata.uid.as_ref())
}
