//! The CRDs themselves: whether one is being deleted, and applying them.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Failure;
use crate::names::FIELD_MANAGER;

/// Whether the definition of `K` is being deleted, or gone: then every object of the kind is deleted with it, and none of
/// that was anybody's wish for its data.
///
/// # Errors
/// When the API server does not say: then nothing must be deleted yet.
pub async fn is_going<K: Resource<DynamicType = ()>>(client: &Client) -> Result<bool, Failure> {
    let name = format!("{}.{}", K::plural(&()), K::group(&()));
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = api
        .get_metadata_opt(&name)
        .await
        .map_err(Failure::kube("reading the CRD"))?;
    Ok(found.is_none_or(|definition| definition.metadata.deletion_timestamp.is_some()))
}

/// The manifests as one YAML text.
///
/// # Errors
/// When a definition can't be written as YAML: a defect.
pub fn manifests() -> anyhow::Result<String> {
    let manifests = postroad_crds::manifest::manifests()?;
    Ok(manifests
        .iter()
        .map(|manifest| format!("---\n{}", manifest.yaml))
        .collect())
}

/// Applies the definitions and waits until the API server serves each.
///
/// # Errors
/// When the API server refuses, or does not serve them within `limit`.
pub async fn apply(client: &Client, limit: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in postroad_crds::manifest::definitions() {
        let name = definition.name_any();
        let applied = timeout_at(end, apply_one(&api, &definition)).await;
        match applied {
            Ok(Ok(())) => tracing::info!(name, "the CRD is established"),
            Ok(Err(error)) => return Err(anyhow::anyhow!("CRD {name} can't be applied: {error}")),
            Err(_) => anyhow::bail!(
                "CRD {name} was not established within {} s (--timeout)",
                limit.as_secs()
            ),
        }
    }
    Ok(())
}

async fn apply_one(
    api: &Api<CustomResourceDefinition>,
    definition: &CustomResourceDefinition,
) -> kube::Result<()> {
    let name = definition.name_any();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(definition)).await?;
    while !is_established(&api.get(&name).await?) {
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}
