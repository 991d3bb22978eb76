//! What a spec may say. Replicas must agree on these rules: they change only together with a format version.

use std::collections::BTreeMap;

use postroad_types::limits::{MAX_ACK_DEADLINE, MAX_LABELS, MAX_PARTITIONS, MIN_ACK_DEADLINE};
use postroad_types::{Error, Result, SubscriptionSpec, TopicSpec};

pub(super) fn check_topic(spec: &TopicSpec) -> Result<()> {
    if !(1..=MAX_PARTITIONS).contains(&spec.partitions) {
        return Err(Error::invalid(format!(
            "partitions is {}; it must be 1 to {MAX_PARTITIONS}",
            spec.partitions
        )));
    }
    check_labels(&spec.labels)
}

pub(super) fn check_subscription(spec: &SubscriptionSpec) -> Result<()> {
    let (min, max) = (MIN_ACK_DEADLINE.as_secs(), MAX_ACK_DEADLINE.as_secs());
    if !(min..=max).contains(&u64::from(spec.ack_deadline_seconds)) {
        let found = spec.ack_deadline_seconds;
        return Err(Error::invalid(format!(
            "ackDeadlineSeconds is {found}; it must be {min} to {max}"
        )));
    }
    check_labels(&spec.labels)
}

/// A queue's subscription has what queues can ask for.
pub(super) fn check_queue(spec: &SubscriptionSpec) -> Result<()> {
    if spec.enable_message_ordering {
        return Err(Error::invalid(
            "enableMessageOrdering is true; a queue can't have it: use a topic and a subscription",
        ));
    }
    check_subscription(spec)
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.len() > MAX_LABELS {
        return Err(Error::invalid(format!(
            "labels has {} entries; it may have up to {MAX_LABELS}",
            labels.len()
        )));
    }
    Ok(())
}
