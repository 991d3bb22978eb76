//! Adding and removing a finalizer, without touching those of others.

use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

use crate::error::Failure;
use crate::names::FIELD_MANAGER;

/// Whether `object` bears `finalizer`.
#[must_use]
pub fn has<K: Resource>(object: &K, finalizer: &str) -> bool {
    object
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|name| name == finalizer)
}

/// Adds `finalizer`, if it is not there. Answers whether it wrote: then the object has another version.
///
/// # Errors
/// When the API server refuses: also when the object changed since it was read.
pub async fn add<K>(client: &Client, object: &K, finalizer: &str) -> Result<bool, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    if has(object, finalizer) {
        return Ok(false);
    }
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(finalizer.to_owned());
    patch(client, object, &finalizers)
        .await
        .map_err(Failure::kube("adding the finalizer"))?;
    Ok(true)
}

/// Removes `finalizer`, if it is there. Answers whether it wrote. That the object is gone is no error.
///
/// # Errors
/// When the API server refuses: also when the object changed since it was read.
pub async fn remove<K>(client: &Client, object: &K, finalizer: &str) -> Result<bool, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    if !has(object, finalizer) {
        return Ok(false);
    }
    let finalizers: Vec<_> = object
        .finalizers()
        .iter()
        .filter(|name| *name != finalizer)
        .cloned()
        .collect();
    match patch(client, object, &finalizers).await {
        Ok(()) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
        Err(error) => Err(Failure::kube("removing the finalizer")(error)),
    }
}

/// The whole list is replaced, so the write names the version it was decided upon.
async fn patch<K>(client: &Client, object: &K, finalizers: &[String]) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let patch = serde_json::json!({
        "metadata": { "resourceVersion": object.resource_version(), "uid": object.uid(), "finalizers": finalizers },
    });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_metadata(&object.name_any(), &params, &Patch::Merge(&patch))
        .await
        .map(|_| ())
}
