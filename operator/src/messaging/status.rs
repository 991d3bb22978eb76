//! Step 5: what is reported. Nothing is written that is reported already.

use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use postroad_crds::condition::{ConditionStatus, READY, is_true};
use postroad_crds::declared::full_name;

use super::dereference::Place;
use super::kind::{Messaging, Reported, status_of};
use super::verdict::{ON_THEIR_WAY, Verdict, reason};
use crate::conditions::{found, merged};
use crate::context::Context;
use crate::error::Failure;
use crate::events::on_transition;
use crate::names::FIELD_MANAGER;

/// The status of `object` after `verdict`; none when there is nothing to report.
#[must_use]
pub fn report<K: Messaging>(
    object: &K,
    place: Option<&Place>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<Reported> {
    let before = object.reported();
    let generation = object.meta().generation;
    let (status, reason, message) = match verdict {
        Verdict::Unknown => return None,
        Verdict::Ready { .. } => (
            ConditionStatus::True,
            reason::READY,
            "it is in the broker as asked for".to_owned(),
        ),
        Verdict::Waiting { reason, message } => (ConditionStatus::False, *reason, message.clone()),
        Verdict::Invalid { reason, message } => (ConditionStatus::False, *reason, message.clone()),
        Verdict::Unanswered { message } => {
            if is_true(&before.conditions, READY) && before.observed_generation == generation {
                return None;
            }
            (ConditionStatus::False, reason::CLUSTER_NOT_READY, message.clone())
        }
    };
    let finding = found(READY, status, reason, message);
    let conditions = merged(&before.conditions, vec![finding], generation, now);
    let id = match verdict {
        Verdict::Ready { id } => id.clone(),
        _ => before.id,
    };
    Some(Reported {
        observed_generation: generation,
        conditions,
        cluster: place.map(|place| place.cluster.to_string()).or(before.cluster),
        resource_name: place.map(|place| full_name(&place.key)).or(before.resource_name),
        id,
    })
}

/// Writes what is to be reported, if it differs from what the object says, and tells of transitions.
///
/// # Errors
/// When the API server refuses. That the object is gone is no error.
pub async fn write<K: Messaging>(
    context: &Context,
    object: &K,
    place: Option<&Place>,
    verdict: &Verdict,
) -> Result<(), Failure> {
    let before = object.reported();
    let Some(after) = report(object, place, verdict, context.clock.now()) else {
        return Ok(());
    };
    if after == before {
        return Ok(());
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    // Only upon the version this was decided on: a cache that lags would undo what was reported since.
    let version = serde_json::json!({ "uid": object.uid(), "resourceVersion": object.resource_version() });
    let patch = serde_json::json!({ "metadata": version, "status": status_of::<K>(&after) });
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api
        .patch_status(&object.name_any(), &params, &Patch::Merge(&patch))
        .await
    {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(Failure::kube("writing the status")(error)),
    }
    if let Some(event) = on_transition(&before.conditions, &after.conditions, &ON_THEIR_WAY) {
        context.events.publish(object.object_ref(&()), event);
    }
    Ok(())
}
