//! Step 4: the objects of a cluster, in Kubernetes. Server-side apply, one field manager, no write without a difference.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::build::{Built, Names, token_secret};
use super::dereference::{Ownership, ownership};
use super::difference::{differs, stamp};
use super::reason;
use super::validate::Refusal;
use crate::error::Failure;
use crate::names::FIELD_MANAGER;

/// How applying can end without success.
#[derive(Debug)]
pub enum Stopped {
    /// Somebody has to change something.
    Refused(Refusal),
    /// Something else has to happen first, and will.
    Waiting(String),
    /// Trying again is right.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Applies what was built, the StatefulSet last, and gives that back as it is now.
///
/// # Errors
/// [`Stopped`]; what was applied before stays.
pub async fn apply(client: &Client, names: &Names, built: &Built) -> Result<StatefulSet, Stopped> {
    apply_one(client, names, &built.account).await?;
    apply_one(client, names, &built.config).await?;
    apply_one(client, names, &built.headless).await?;
    apply_one(client, names, &built.service).await?;
    apply_one(client, names, &built.budget).await?;
    apply_one(client, names, &built.stateful_set).await
}

async fn apply_one<K>(client: &Client, names: &Names, desired: &K) -> Result<K, Stopped>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let name = desired.name_any();
    let api: Api<K> = Api::namespaced(client.clone(), &names.namespace);
    let live = api
        .get_opt(&name)
        .await
        .map_err(Failure::kube("reading an object of the cluster"))?;
    let mut wanted = as_json(desired)?;
    stamp(&mut wanted);
    if let Some(live) = live {
        belongs(names, &live)?;
        if !differs(&wanted, &as_json(&live)?) {
            return Ok(live);
        }
    }
    tracing::info!(kind = %K::kind(&()), namespace = names.namespace, name, "applying");
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(&wanted))
        .await
        .map_err(|error| refused::<K>(&name, error))
}

fn as_json(object: &impl Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(object)
        .map_err(|error| Failure::Defect(format!("an object that is not JSON: {error}")))
}

/// Nothing that another cluster or another controller owns is written over.
fn belongs<K: Resource<DynamicType = ()>>(names: &Names, live: &K) -> Result<(), Stopped> {
    let kind = K::kind(&());
    let name = live.meta().name.as_deref().unwrap_or_default();
    match ownership(names, live) {
        Ownership::Ours => Ok(()),
        Ownership::LeftOver => Err(Stopped::Waiting(format!(
            "{kind} {name} is left over from a deleted PostroadCluster of this name; Kubernetes is deleting it"
        ))),
        Ownership::Foreign { owner } => Err(Stopped::Refused(Refusal::new(
            reason::NAME_CONFLICT,
            format!(
                "{kind} {name} is there already and belongs to {owner}; delete it, or give the cluster another name"
            ),
        ))),
    }
}

/// What the API server finds invalid stays so until somebody changes something.
fn refused<K: Resource<DynamicType = ()>>(name: &str, error: kube::Error) -> Stopped {
    match error {
        kube::Error::Api(status) if status.code == 422 || status.code == 403 => {
            let message = format!(
                "{} {name} is refused by the API server: {}",
                K::kind(&()),
                status.message
            );
            Stopped::Refused(Refusal::new(reason::REFUSED, message))
        }
        error => Stopped::Failed(Failure::kube("applying an object of the cluster")(error)),
    }
}

/// Creates the Secret with a new token. One that is there is left as it is.
///
/// # Errors
/// When the API server refuses.
pub async fn create_token(client: &Client, names: &Names) -> Result<(), Failure> {
    let bytes: [u8; 32] = rand::random();
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let api: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    match api
        .create(&PostParams::default(), &token_secret(names, &token))
        .await
    {
        Ok(_) => {
            tracing::info!(
                namespace = names.namespace,
                name = names.token(),
                "made the admin API's token"
            );
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(Failure::kube("creating the token's Secret")(error)),
    }
}
