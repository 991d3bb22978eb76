//! Objects that can't be read: they were written when their CRD was another one. They say so, lose nothing that was
//! recorded of them, and keep nobody from deleting them.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use postroad_crds::condition::{ConditionStatus, READY};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::conditions::{found, merged};
use crate::context::Context;
use crate::controller::{Guarded, Next};
use crate::error::Failure;
use crate::events::on_transition;
use crate::finalizer;
use crate::names::FIELD_MANAGER;

/// The reason of Ready of an object that can't be read.
const INVALID: &str = "Invalid";

/// Lets an object go that is being deleted. Whether its data should go with it can't be read either, so the data stays.
///
/// # Errors
/// When the API server refuses.
pub async fn let_go<K>(context: &Context, object: &Guarded<K>, finalizer: &str) -> Result<Next, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    finalizer::remove(&context.client, object, finalizer).await?;
    Ok(Next::Settled)
}

/// Reports that an object can't be read, if its status does not say so already, and tells of it.
///
/// # Errors
/// When the API server refuses. That the object is gone is no error.
pub async fn report<K>(context: &Context, object: &Guarded<K>) -> Result<Next, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let Err(invalid) = &object.0 else {
        return Ok(Next::Settled);
    };
    let kind = ApiResource::erase::<K>(&());
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), &namespace, &kind);
    let live = api.get_opt(&object.name_any()).await;
    // One that is gone, or another one by now, is looked at by itself.
    let live = live.map_err(Failure::kube("reading an object"))?;
    let Some(live) = live.filter(|live| live.uid() == object.uid()) else {
        return Ok(Next::Settled);
    };
    let message = format!("the object can't be read: {}", invalid.error);
    let conditions = Conditions::of(&live);
    let after = conditions.not_readable(message, live.metadata.generation, context.clock.now());
    let observed = live
        .data
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    if after == conditions && observed == live.metadata.generation {
        return Ok(Next::Invalid);
    }
    match write(&api, &live, &after).await {
        Ok(()) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Next::Settled),
        Err(error) => return Err(Failure::kube("writing the status")(error)),
    }
    if let Some(event) = on_transition(&conditions.ready, &after.ready, &[]) {
        context.events.publish(live.object_ref(&kind), event);
    }
    Ok(Next::Invalid)
}

async fn write(
    api: &Api<DynamicObject>,
    live: &DynamicObject,
    conditions: &Conditions,
) -> Result<(), kube::Error> {
    // A merge replaces a list as a whole, so the write names the version it was decided upon.
    let patch = serde_json::json!({
        "metadata": { "uid": live.uid(), "resourceVersion": live.resource_version() },
        "status": { "observedGeneration": live.metadata.generation, "conditions": conditions.all() },
    });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(&live.name_any(), &params, &Patch::Merge(&patch))
        .await
        .map(|_| ())
}

/// The conditions of an object of whatever form: Ready, and those that stay as they are. Bootstrapped of a PostroadCluster
/// is one: without it, a cluster that lost its data would be taken for one that has not been formed.
#[derive(Clone, Debug, PartialEq)]
struct Conditions {
    /// One or none.
    ready: Vec<Condition>,
    others: Vec<Value>,
}

impl Conditions {
    fn of(object: &DynamicObject) -> Self {
        let all = object
            .data
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        let (ready, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .flatten()
            .cloned()
            .partition(|condition| condition["type"] == READY);
        let ready = ready.into_iter();
        Self {
            ready: ready
                .filter_map(|ready| serde_json::from_value(ready).ok())
                .collect(),
            others,
        }
    }

    fn not_readable(&self, message: String, generation: Option<i64>, now: Timestamp) -> Self {
        let finding = found(READY, ConditionStatus::False, INVALID, message);
        Self {
            ready: merged(&self.ready, vec![finding], generation, now),
            others: self.others.clone(),
        }
    }

    fn all(&self) -> Vec<Value> {
        let ready = self.ready.iter().map(|ready| serde_json::json!(ready));
        self.others.iter().cloned().chain(ready).collect()
    }
}
