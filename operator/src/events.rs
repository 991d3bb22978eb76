//! Events on an object: what changed, for `kubectl describe`.
//!
//! Only transitions become events, never a state that lasts. An event that can't be published fails nothing.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use postroad_crds::condition::{ConditionStatus, READY, find_condition};
use tokio::sync::Semaphore;

use crate::metrics::Metrics;

const CONTROLLER: &str = "postroad-operator";
/// The API server takes 1,024 bytes.
const MAX_NOTE: usize = 1_000;
/// Events that are being published at once; further ones are counted as failed instead of piling up.
const IN_FLIGHT: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes events beside the reconciles. Clones share the bound on what is in flight.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    metrics: Metrics,
    slots: Arc<Semaphore>,
}

impl Events {
    /// Events that name `identity` as the replica they come from.
    #[must_use]
    pub fn new(client: kube::Client, identity: &str, metrics: Metrics) -> Self {
        let reporter = Reporter {
            controller: CONTROLLER.to_owned(),
            instance: Some(identity.to_owned()),
        };
        Self {
            recorder: Recorder::new(client, reporter),
            metrics,
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    /// Publishes `event` about `object`, without waiting for it.
    pub fn publish(&self, object: ObjectReference, event: Event) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.event_failed();
            return;
        };
        let events = self.clone();
        tokio::spawn(async move {
            let published = tokio::time::timeout(TIMEOUT, events.recorder.publish(&event, &object)).await;
            let problem = match published {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", TIMEOUT.as_secs())),
            };
            if let Some(problem) = problem {
                events.metrics.event_failed();
                tracing::debug!(object = object.name, problem, "an event could not be published");
            }
            drop(slot);
        });
    }
}

/// An event of this operator.
#[must_use]
pub fn event(type_: EventType, reason: &str, action: &str, note: &str) -> Event {
    let cut = (0..=MAX_NOTE.min(note.len()))
        .rev()
        .find(|&at| note.is_char_boundary(at))
        .unwrap_or(0);
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note[..cut].to_owned()),
        action: action.to_owned(),
        secondary: None,
    }
}

/// The event that tells of the change from `before` to `after`, if it is worth one: a warning when something is newly
/// wrong, a normal one when it is right again. That a new object became ready, or waits, is no news.
#[must_use]
pub fn on_transition(before: &[Condition], after: &[Condition], waiting: &[&str]) -> Option<Event> {
    let new = find_condition(after, READY)?;
    let old = find_condition(before, READY);
    if old.is_some_and(|old| old.status == new.status && old.reason == new.reason) {
        return None;
    }
    let was_wrong = old.is_some_and(|old| is_wrong(old, waiting));
    if new.status == ConditionStatus::True.as_str() {
        return was_wrong.then(|| event(EventType::Normal, &new.reason, "Reconcile", &new.message));
    }
    is_wrong(new, waiting).then(|| event(EventType::Warning, &new.reason, "Reconcile", &new.message))
}

fn is_wrong(ready: &Condition, waiting: &[&str]) -> bool {
    ready.status != ConditionStatus::True.as_str() && !waiting.contains(&ready.reason.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::conditions::{found, merged};

    fn ready(status: ConditionStatus, reason: &'static str) -> Vec<Condition> {
        merged(
            &[],
            vec![found(READY, status, reason, "text")],
            None,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn only_what_is_newly_wrong_or_right_again_is_told() {
        let (good, wrong, other) = (
            ready(ConditionStatus::True, "Ready"),
            ready(ConditionStatus::False, "Invalid"),
            ready(ConditionStatus::False, "Refused"),
        );
        let waits = ready(ConditionStatus::False, "ClusterNotReady");
        let told = |before: &[Condition], after: &[Condition]| {
            on_transition(before, after, &["ClusterNotReady"]).map(|event| event.type_)
        };
        assert_eq!(told(&[], &good), None);
        assert_eq!(told(&[], &waits), None);
        assert_eq!(told(&waits, &good), None);
        assert_eq!(told(&[], &wrong), Some(EventType::Warning));
        assert_eq!(told(&wrong, &wrong), None);
        assert_eq!(told(&wrong, &other), Some(EventType::Warning));
        assert_eq!(told(&other, &good), Some(EventType::Normal));
    }

    #[test]
    fn a_long_note_is_cut() {
        let note = event(EventType::Normal, "R", "A", &"é".repeat(900)).note.unwrap();
        assert_eq!(note.len(), 1_000);
    }
}
