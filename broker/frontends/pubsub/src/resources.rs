//! What a new topic or subscription, or the new value of a field, asks for: checked field by field. A field that the broker can't honour yet is
//! refused by name (UNIMPLEMENTED) rather than ignored; a field that asks for what happens anyway is accepted.

use std::collections::BTreeMap;
use std::time::Duration;

use postroad_types::limits::{DEFAULT_ACK_DEADLINE, MAX_LABELS, MIN_ACK_DEADLINE};
use postroad_types::{Error, Result, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};
use prost_types::Duration as ProtoDuration;

use crate::proto::pubsub::{ExpirationPolicy, Subscription, Topic};
use crate::{names, validate};

/// How long a subscription keeps unacknowledged messages in Pub/Sub when nothing is said: 7 days.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(604_800);
/// After how long without a consumer a subscription expires in Pub/Sub when nothing is said: 31 days.
pub const DEFAULT_EXPIRATION: Duration = Duration::from_secs(2_678_400);

const MIN_RETENTION: Duration = Duration::from_secs(600);
const MAX_RETENTION: Duration = Duration::from_secs(2_678_400);
const MIN_EXPIRATION: Duration = Duration::from_secs(86_400);
const MAX_LABEL_CHARS: usize = 63;

/// A topic to create.
pub fn new_topic(topic: &Topic) -> Result<(TopicName, TopicSpec)> {
    let name = names::new_topic("name", &topic.name)?;
    Ok((name, topic_spec(topic)?))
}

/// What a topic's fields ask for, apart from its name.
pub fn topic_spec(topic: &Topic) -> Result<TopicSpec> {
    labels(&topic.labels)?;
    retention(topic.message_retention_duration.as_ref())?;
    let storage = topic.message_storage_policy.as_ref();
    let unsupported = [
        (
            "message_retention_duration",
            topic.message_retention_duration.is_some(),
        ),
        (
            "message_storage_policy",
            storage.is_some_and(|policy| *policy != Default::default()),
        ),
        ("kms_key_name", !topic.kms_key_name.is_empty()),
        ("schema_settings", topic.schema_settings.is_some()),
        ("satisfies_pzs", topic.satisfies_pzs),
        (
            "ingestion_data_source_settings",
            topic.ingestion_data_source_settings.is_some(),
        ),
        ("message_transforms", !topic.message_transforms.is_empty()),
        ("tags", !topic.tags.is_empty()),
    ];
    refuse(&unsupported)?;
    Ok(TopicSpec {
        partitions: 1,
        labels: topic.labels.clone(),
    })
}

/// A subscription to create, and its topic.
pub fn new_subscription(
    subscription: &Subscription,
) -> Result<(SubscriptionName, TopicName, SubscriptionSpec)> {
    let name = names::new_subscription("name", &subscription.name)?;
    let topic = names::topic("topic", &subscription.topic)?;
    Ok((name, topic, subscription_spec(subscription)?))
}

/// What a subscription's fields ask for, apart from its name and its topic.
pub fn subscription_spec(subscription: &Subscription) -> Result<SubscriptionSpec> {
    labels(&subscription.labels)?;
    let deadline = match subscription.ack_deadline_seconds {
        0 => DEFAULT_ACK_DEADLINE,
        seconds => validate::between("ack_deadline_seconds", seconds, MIN_ACK_DEADLINE)?,
    };
    let kept = retention(subscription.message_retention_duration.as_ref())?;
    let expires = expiration(subscription.expiration_policy.as_ref())?;
    if subscription.detached {
        return Err(Error::invalid("detached: a new subscription can't be detached"));
    }
    refuse(&unsupported_fields(subscription))?;
    refuse(&[
        (
            "message_retention_duration other than 604800s",
            kept.is_some_and(|kept| kept != DEFAULT_RETENTION),
        ),
        (
            "expiration_policy.ttl other than 2678400s",
            expires.is_some_and(|ttl| ttl != DEFAULT_EXPIRATION),
        ),
    ])?;
    let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
    Ok(SubscriptionSpec {
        ack_deadline_seconds: seconds,
        labels: subscription.labels.clone(),
        enable_message_ordering: subscription.enable_message_ordering,
    })
}

fn unsupported_fields(subscription: &Subscription) -> [(&'static str, bool); 12] {
    let push = subscription.push_config.as_ref();
    [
        (
            "push_config.push_endpoint",
            push.is_some_and(|push| !push.push_endpoint.is_empty()),
        ),
        (
            "push_config",
            push.is_some_and(|push| *push != Default::default()),
        ),
        ("bigquery_config", subscription.bigquery_config.is_some()),
        (
            "cloud_storage_config",
            subscription.cloud_storage_config.is_some(),
        ),
        ("bigtable_config", subscription.bigtable_config.is_some()),
        ("retain_acked_messages", subscription.retain_acked_messages),
        (
            "enable_exactly_once_delivery",
            subscription.enable_exactly_once_delivery,
        ),
        ("filter", !subscription.filter.is_empty()),
        ("dead_letter_policy", subscription.dead_letter_policy.is_some()),
        ("retry_policy", subscription.retry_policy.is_some()),
        ("message_transforms", !subscription.message_transforms.is_empty()),
        ("tags", !subscription.tags.is_empty()),
    ]
}

/// Refuses the first field that is set.
fn refuse(fields: &[(&str, bool)]) -> Result<()> {
    match fields.iter().find(|(_, set)| *set) {
        Some((field, _)) => Err(Error::unsupported(format!(
            "{field} is not supported yet: leave it out"
        ))),
        None => Ok(()),
    }
}

/// A message_retention_duration that Pub/Sub would take: 10 minutes to 31 days.
fn retention(asked: Option<&ProtoDuration>) -> Result<Option<Duration>> {
    let Some(asked) = asked else { return Ok(None) };
    match Duration::try_from(*asked) {
        Ok(kept) if (MIN_RETENTION..=MAX_RETENTION).contains(&kept) => Ok(Some(kept)),
        _ => Err(Error::invalid(format!(
            "message_retention_duration: {}s is not allowed, it must be 600s to 2678400s",
            asked.seconds
        ))),
    }
}

/// The ttl of an expiration_policy, at least a day. A policy without ttl means never, which is what happens anyway.
fn expiration(policy: Option<&ExpirationPolicy>) -> Result<Option<Duration>> {
    let Some(ttl) = policy.and_then(|policy| policy.ttl.as_ref()) else {
        return Ok(None);
    };
    match Duration::try_from(*ttl) {
        Ok(ttl) if ttl >= MIN_EXPIRATION => Ok(Some(ttl)),
        _ => Err(Error::invalid(format!(
            "expiration_policy.ttl: {}s is not allowed, it must be at least 86400s",
            ttl.seconds
        ))),
    }
}

/// Google's rule for labels (cloud.google.com/resource-manager/docs/labels-overview#requirements).
fn labels(labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.len() > MAX_LABELS {
        return Err(Error::invalid(format!(
            "labels: {} labels, at most {MAX_LABELS} are allowed",
            labels.len()
        )));
    }
    for (key, value) in labels {
        let starts_well = key.starts_with(|c: char| c.is_alphabetic());
        if !starts_well || !is_label_text(key) || !is_label_text(value) {
            return Err(Error::invalid(format!(
                "labels: {:?} is not valid: key and value may have {MAX_LABEL_CHARS} lower-case letters, digits, \
                 - and _, and the key starts with a letter",
                key.chars().take(MAX_LABEL_CHARS).collect::<String>()
            )));
        }
    }
    Ok(())
}

fn is_label_text(text: &str) -> bool {
    let allowed = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-' || c == '_';
    text.chars().count() <= MAX_LABEL_CHARS && text.chars().all(allowed)
}
