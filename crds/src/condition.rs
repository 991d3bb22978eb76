//! Conditions: what is true of a resource, since when, and why.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The condition that sums up all others; `kubectl wait --for=condition=Ready` waits for it.
pub const READY: &str = "Ready";

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It can't be told now.
    Unknown,
}

impl ConditionStatus {
    /// The status as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a reconcile found out about one condition; [`set_condition`] adds the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The condition's type, such as [`READY`].
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One CamelCase word for programs.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The generation of the spec that was looked at.
    pub observed_generation: Option<i64>,
}

/// Records `finding` in `conditions`. The transition time becomes `now` only when the status is another than before, so
/// writing the same finding again makes no difference. Answers whether anything changed.
pub fn set_condition(conditions: &mut Vec<Condition>, finding: Finding, now: &Time) -> bool {
    let known = conditions
        .iter_mut()
        .find(|condition| condition.type_ == finding.type_);
    let mut new = Condition {
        type_: finding.type_.to_owned(),
        status: finding.status.as_str().to_owned(),
        reason: finding.reason.to_owned(),
        message: finding.message,
        observed_generation: finding.observed_generation,
        last_transition_time: now.clone(),
    };
    match known {
        None => {
            conditions.push(new);
            true
        }
        Some(old) => {
            if old.status == new.status {
                new.last_transition_time = old.last_transition_time.clone();
            }
            let changed = *old != new;
            *old = new;
            changed
        }
    }
}

/// The condition of type `type_`, if it is recorded.
#[must_use]
pub fn find_condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of type `type_` is recorded and holds.
#[must_use]
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find_condition(conditions, type_)
        .is_some_and(|condition| condition.status == ConditionStatus::True.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: &str) -> Time {
        serde_json::from_value(serde_json::json!(format!("2024-01-01T00:00:{second}Z"))).unwrap()
    }

    fn ready(status: ConditionStatus, message: &str) -> Finding {
        Finding {
            type_: READY,
            status,
            reason: "Because",
            message: message.to_owned(),
            observed_generation: Some(1),
        }
    }

    #[test]
    fn the_same_finding_again_changes_nothing() {
        let mut conditions = Vec::new();
        assert!(set_condition(
            &mut conditions,
            ready(ConditionStatus::True, "fine"),
            &at("01")
        ));
        assert!(!set_condition(
            &mut conditions,
            ready(ConditionStatus::True, "fine"),
            &at("02")
        ));
        assert_eq!(conditions[0].last_transition_time, at("01"));
        assert!(is_true(&conditions, READY));
    }

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let mut conditions = Vec::new();
        set_condition(&mut conditions, ready(ConditionStatus::True, "fine"), &at("01"));
        assert!(set_condition(
            &mut conditions,
            ready(ConditionStatus::True, "still fine"),
            &at("02")
        ));
        assert_eq!(conditions[0].last_transition_time, at("01"));
        assert!(set_condition(
            &mut conditions,
            ready(ConditionStatus::False, "broken"),
            &at("03")
        ));
        assert_eq!(conditions[0].last_transition_time, at("03"));
        assert_eq!(conditions.len(), 1);
        assert!(!is_true(&conditions, READY));
    }
}
