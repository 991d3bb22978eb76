//! The steps in their order.

use std::marker::PhantomData;
use std::sync::Arc;

use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use postroad_crds::condition::{ConditionStatus, READY};

use super::dereference::{Place, dereference, place};
use super::kind::Messaging;
use super::verdict::{Verdict, reason};
use super::{apply, build, deletion, status, validate};
use crate::conditions::{found, merged};
use crate::context::Context;
use crate::controller::{Guarded, Next, Reconciler};
use crate::error::Failure;
use crate::names::FIELD_MANAGER;

/// Reconciles one of the three kinds.
pub struct MessagingReconciler<K> {
    context: Arc<Context>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Messaging> MessagingReconciler<K> {
    /// A reconciler of `K`.
    #[must_use]
    pub fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            kind: PhantomData,
        }
    }

    async fn of(&self, object: &K) -> Result<Next, Failure> {
        if object.meta().deletion_timestamp.is_some() {
            return deletion::finish(&self.context, object).await;
        }
        if deletion::settle(&self.context, object).await? {
            return Ok(Next::Settled);
        }
        let verdict = self.verdict(object).await;
        let place: Option<Place> = place(&self.context.state, object).ok();
        status::write(&self.context, object, place.as_ref(), &verdict).await?;
        Ok(match verdict {
            Verdict::Ready { .. } => Next::Settled,
            Verdict::Invalid { .. } => Next::Invalid,
            Verdict::Waiting { .. } | Verdict::Unanswered { .. } | Verdict::Unknown => Next::Waiting,
        })
    }

    async fn verdict(&self, object: &K) -> Verdict {
        let found = match dereference(&self.context.state, &self.context.registry, object) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        match validate::validate(object, &found.place, found.rival.as_ref()) {
            Ok(spec) => apply::apply(&found.link.batcher, build::build(&found.place, spec)).await,
            Err(verdict) => verdict,
        }
    }
}

impl<K: Messaging> Reconciler for MessagingReconciler<K> {
    type Kind = K;

    async fn reconcile(&self, object: Arc<Guarded<K>>) -> Result<Next, Failure> {
        match &object.0 {
            Ok(object) => self.of(object).await,
            Err(invalid) => unreadable::<K>(&self.context, invalid).await,
        }
    }
}

/// Reports that an object can't be read: it was written when its CRD was another one.
///
/// # Errors
/// When the API server refuses.
pub async fn unreadable<K>(context: &Context, invalid: &InvalidObject) -> Result<Next, Failure>
where
    K: Resource<DynamicType = ()>,
{
    let message = format!("the object can't be read: {}", invalid.error);
    let finding = found(READY, ConditionStatus::False, reason::INVALID, message);
    // What its status says can't be read either, so it is written each time the object is looked at: when it changed.
    let conditions = merged(
        &[],
        vec![finding],
        invalid.metadata.generation,
        context.clock.now(),
    );
    let patch = serde_json::json!({ "status": { "conditions": conditions } });
    let namespace = invalid.metadata.namespace.clone().unwrap_or_default();
    let name = invalid.metadata.name.clone().unwrap_or_default();
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &namespace, &ApiResource::erase::<K>(&()));
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(&name, &params, &Patch::Merge(&patch))
        .await
        .map_err(Failure::kube("writing the status"))?;
    Ok(Next::Invalid)
}
