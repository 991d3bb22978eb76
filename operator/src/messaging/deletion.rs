//! Finalizers: with `deletionPolicy: Delete` the broker's resource is deleted before the object goes.
//!
//! With Retain an object has no finalizer: the comparison with the catalog notices that it is gone, and releases what it
//! stood for.

use postroad_admin_api::{ErrorKind, Owner};
use postroad_crds::DeletionPolicy;

use super::dereference::{Place, place, rival};
use super::kind::Messaging;
use super::status;
use super::verdict::{Verdict, reason};
use crate::broker::{Change, Link, Refusal, Standing};
use crate::context::Context;
use crate::controller::Next;
use crate::definitions;
use crate::error::Failure;
use crate::finalizer;
use crate::names::RESOURCE_FINALIZER;

/// Gives a living object the finalizer, or takes it away, as its deletionPolicy says. Answers whether it wrote: the change
/// then comes back by the watch.
///
/// # Errors
/// When the API server refuses.
pub async fn settle<K: Messaging>(context: &Context, object: &K) -> Result<bool, Failure> {
    match object.deletion_policy() {
        DeletionPolicy::Delete => finalizer::add(&context.client, object, RESOURCE_FINALIZER).await,
        DeletionPolicy::Retain => finalizer::remove(&context.client, object, RESOURCE_FINALIZER).await,
    }
}

/// Lets an object go that is being deleted, after deleting what it stands for, if that is asked for.
///
/// # Errors
/// When the API server refuses.
pub async fn finish<K: Messaging>(context: &Context, object: &K) -> Result<Next, Failure> {
    if !finalizer::has(object, RESOURCE_FINALIZER) {
        return Ok(Next::Settled);
    }
    match obstacle(context, object).await? {
        None => {
            finalizer::remove(&context.client, object, RESOURCE_FINALIZER).await?;
            Ok(Next::Settled)
        }
        Some(verdict) => {
            status::write(context, object, None, &verdict).await?;
            Ok(Next::Waiting)
        }
    }
}

/// What keeps the object from going; none when it may go.
async fn obstacle<K: Messaging>(context: &Context, object: &K) -> Result<Option<Verdict>, Failure> {
    if object.deletion_policy() == DeletionPolicy::Retain
        || definitions::is_going::<K>(&context.client).await?
    {
        return Ok(None);
    }
    let Some((place, link)) = whereabouts(context, object) else {
        return Ok(None);
    };
    // Another object stands for the resource: it is not this one's to delete.
    if rival(&context.state, object, &place).is_some() {
        return Ok(None);
    }
    match link {
        Some(link) => delete(&link, &place).await,
        None => {
            let message = format!(
                "PostroadCluster {} can't be used now, so nothing can be deleted there",
                place.cluster
            );
            Ok(Some(Verdict::waiting(reason::CLUSTER_NOT_READY, message)))
        }
    }
}

/// What the object stands for, and its cluster if it is in use; none when there is nothing to delete: the object was never
/// anywhere, or its cluster is gone or going.
fn whereabouts<K: Messaging>(context: &Context, object: &K) -> Option<(Place, Option<std::sync::Arc<Link>>)> {
    let place = last_place(context, object)?;
    let cluster = context.state.clusters.get(&place.cluster)?;
    if kube::Resource::meta(&*cluster).deletion_timestamp.is_some() {
        return None;
    }
    let link = match context.registry.standing(&place.cluster) {
        Some(Standing::Serving(link)) => Some(link),
        Some(Standing::NotServing { .. }) | None => None,
    };
    Some((place, link))
}

/// Where the object was applied, by its status; a subscription's topic may be gone by now.
fn last_place<K: Messaging>(context: &Context, object: &K) -> Option<Place> {
    if let Ok(place) = place(&context.state, object) {
        return Some(place);
    }
    let cluster = object.reported().cluster?;
    let (namespace, name) = cluster.split_once('/')?;
    let key = object.admin_key()?;
    let topic = postroad_admin_api::TopicRef {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    };
    Some(Place {
        cluster: crate::pokes::ObjectKey::new(namespace, name),
        key,
        topic,
    })
}

async fn delete(link: &Link, place: &Place) -> Result<Option<Verdict>, Failure> {
    match link.batcher.submit(Change::Delete(place.key.clone())).await {
        Ok(_) => Ok(None),
        Err(Refusal::Item(error)) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(Refusal::Item(error))
            if error.kind == ErrorKind::FailedPrecondition && is_foreign(link, place).await =>
        {
            tracing::info!(resource = %place.key, %error, "not Kubernetes' to delete; it stays");
            Ok(None)
        }
        Err(refusal) => {
            let message = format!("it can't be deleted from the broker: {refusal}");
            Ok(Some(Verdict::waiting(reason::REFUSED, message)))
        }
    }
}

/// Whether somebody else owns the resource.
async fn is_foreign(link: &Link, place: &Place) -> bool {
    link.client
        .describe(&place.key)
        .await
        .is_ok_and(|described| described.owner != Owner::Kubernetes)
}
