//! The conditions of a status, made anew from what a reconcile found.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use postroad_crds::condition::{ConditionStatus, Finding, READY, find_condition, set_condition};

/// Of a PostroadCluster: whether something is on its way.
pub const PROGRESSING: &str = "Progressing";
/// Of a PostroadCluster: whether the cluster has been formed.
pub const BOOTSTRAPPED: &str = "Bootstrapped";

/// Kubernetes takes at most 32,768 characters; a condition is read by people.
const MAX_MESSAGE: usize = 2_048;

/// A condition as a reconcile found it.
#[must_use]
pub fn found(
    type_: &'static str,
    status: ConditionStatus,
    reason: &'static str,
    message: impl Into<String>,
) -> Finding {
    Finding {
        type_,
        status,
        reason,
        message: shortened(message.into()),
        observed_generation: None,
    }
}

/// The conditions to write: `findings` of `generation` and nothing else. Equal to `current` when nothing changed; a
/// transition time moves only with its status.
#[must_use]
pub fn merged(
    current: &[Condition],
    findings: Vec<Finding>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    // The API server keeps whole seconds; with more, what is read back would differ from what was written.
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let wanted = |condition: &&Condition| findings.iter().any(|finding| finding.type_ == condition.type_);
    let mut conditions: Vec<Condition> = current.iter().filter(wanted).cloned().collect();
    for finding in findings {
        set_condition(
            &mut conditions,
            Finding {
                observed_generation: generation,
                ..finding
            },
            &now,
        );
    }
    conditions
}

/// The status of the Ready condition as a metric's label: `True`, `False` or `Unknown` (also when there is none).
#[must_use]
pub fn readiness(conditions: &[Condition]) -> &'static str {
    let status = find_condition(conditions, READY).map(|condition| condition.status.as_str());
    [ConditionStatus::True, ConditionStatus::False]
        .into_iter()
        .map(ConditionStatus::as_str)
        .find(|known| status == Some(known))
        .unwrap_or("Unknown")
}

fn shortened(message: String) -> String {
    if message.len() <= MAX_MESSAGE {
        return message;
    }
    let cut = (0..=MAX_MESSAGE - 3)
        .rev()
        .find(|&at| message.is_char_boundary(at))
        .unwrap_or(0);
    format!("{}...", &message[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: ConditionStatus, message: &str) -> Vec<Finding> {
        vec![found(READY, status, "Because", message)]
    }

    #[test]
    fn what_is_written_reads_back_the_same_and_again_is_no_difference() {
        let now = "2026-01-01T00:00:00.123Z".parse().unwrap();
        let first = merged(&[], ready(ConditionStatus::True, "a"), Some(1), now);
        let read_back: Vec<Condition> =
            serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap();
        assert_eq!(read_back, first);
        assert_eq!(
            merged(
                &first,
                ready(ConditionStatus::True, "a"),
                Some(1),
                at(2_000_000_000)
            ),
            first
        );
    }

    #[test]
    fn a_condition_that_is_not_found_any_more_goes() {
        let first = merged(
            &[],
            vec![found(BOOTSTRAPPED, ConditionStatus::True, "B", "")],
            None,
            at(0),
        );
        let second = merged(&first, ready(ConditionStatus::False, ""), None, at(0));
        assert_eq!(second.len(), 1);
        assert_eq!(readiness(&second), "False");
        assert_eq!(readiness(&first), "Unknown");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = found(READY, ConditionStatus::False, "Because", "é".repeat(3_000)).message;
        assert!(message.len() <= MAX_MESSAGE && message.ends_with("é..."));
    }
}
