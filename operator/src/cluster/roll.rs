//! Which pod to replace now. Pure.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// The label by which Kubernetes tells which revision of the StatefulSet a pod was made of.
const REVISION: &str = "controller-revision-hash";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roll {
    /// Every pod is up to date.
    Settled,
    /// Something is on its way; nothing may be replaced now.
    Wait(String),
    /// Delete this pod; it comes back up to date.
    Delete {
        /// Its name.
        pod: String,
        /// Its uid: a pod that has come back meanwhile is another one.
        uid: String,
    },
}

/// Decides. `pods` are those that `stateful_set` controls.
///
/// One pod at a time, and only when all others are ready. A pod that is not ready itself is replaced first: a broken
/// template is repaired by a new one. (With one broker there is no other to ask; later, brokers have a say.)
#[must_use]
pub fn decide(stateful_set: &StatefulSet, pods: &[Pod]) -> Roll {
    let status = stateful_set.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    let Some(revision) = status.and_then(|status| status.update_revision.as_deref()) else {
        return Roll::Wait("the StatefulSet has no revision yet".to_owned());
    };
    if observed != stateful_set.metadata.generation {
        return Roll::Wait("Kubernetes has not looked at the StatefulSet yet".to_owned());
    }
    if let Some(going) = pods.iter().find(|pod| pod.metadata.deletion_timestamp.is_some()) {
        return Roll::Wait(format!("pod {} is stopping", going.name_any()));
    }
    let (current, mut outdated): (Vec<&Pod>, Vec<&Pod>) = pods
        .iter()
        .partition(|pod| pod.labels().get(REVISION).is_some_and(|label| label == revision));
    outdated.sort_by_key(|pod| (is_ready(pod), std::cmp::Reverse(pod.name_any())));
    let Some(next) = outdated.first() else {
        return Roll::Settled;
    };
    let others = current.iter().chain(outdated.iter().skip(1));
    if let Some(unready) = others.copied().find(|pod| !is_ready(pod)) {
        return Roll::Wait(format!("pod {} is not ready", unready.name_any()));
    }
    match next.uid() {
        Some(uid) => Roll::Delete {
            pod: next.name_any(),
            uid,
        },
        None => Roll::Wait(format!("pod {} has no uid", next.name_any())),
    }
}

/// Whether the pod's condition Ready is True.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stateful_set(generation: i64, observed: i64, revision: &str) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"generation": generation},
            "status": {"observedGeneration": observed, "updateRevision": revision, "replicas": 1},
        }))
        .unwrap()
    }

    fn pod(ordinal: u32, revision: &str, ready: bool) -> Pod {
        let status = if ready { "True" } else { "False" };
        serde_json::from_value(json!({
            "metadata": {"name": format!("c-{ordinal}"), "uid": format!("u{ordinal}"),
                         "labels": {REVISION: revision}},
            "status": {"conditions": [{"type": "Ready", "status": status}]},
        }))
        .unwrap()
    }

    fn delete(ordinal: u32) -> Roll {
        Roll::Delete {
            pod: format!("c-{ordinal}"),
            uid: format!("u{ordinal}"),
        }
    }

    #[test]
    fn a_pod_of_an_old_revision_is_replaced_and_one_of_the_new_is_not() {
        let set = stateful_set(2, 2, "new");
        assert_eq!(decide(&set, &[pod(0, "new", true)]), Roll::Settled);
        assert_eq!(decide(&set, &[]), Roll::Settled);
        assert_eq!(decide(&set, &[pod(0, "old", true)]), delete(0));
        assert_eq!(decide(&set, &[pod(0, "old", false)]), delete(0));
    }

    #[test]
    fn nothing_is_replaced_by_a_revision_that_is_out_of_date_itself() {
        assert!(matches!(
            decide(&stateful_set(3, 2, "new"), &[pod(0, "old", true)]),
            Roll::Wait(_)
        ));
        let unseen = StatefulSet::default();
        assert!(matches!(decide(&unseen, &[pod(0, "old", true)]), Roll::Wait(_)));
    }

    #[test]
    fn one_at_a_time_the_broken_one_first() {
        let set = stateful_set(2, 2, "new");
        assert_eq!(
            decide(&set, &[pod(0, "old", true), pod(1, "old", true)]),
            delete(1)
        );
        assert_eq!(
            decide(&set, &[pod(0, "old", false), pod(1, "old", true)]),
            delete(0)
        );
        assert!(matches!(
            decide(&set, &[pod(0, "old", true), pod(1, "new", false)]),
            Roll::Wait(_)
        ));
        let mut stopping = pod(1, "old", true);
        stopping.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).ok();
        assert!(matches!(
            decide(&set, &[pod(0, "old", true), stopping]),
            Roll::Wait(_)
        ));
    }
}
