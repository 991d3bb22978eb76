//! From a declared spec to what the admin API takes. Pure.
//!
//! A field that this version of the broker can't carry out is never ignored: the conversion fails and names it.

use postroad_admin_api as admin;

use crate::queue::{Overflow, QueueSpec};
use crate::refs::Durability;
use crate::subscription::SubscriptionSpec;
use crate::topic::TopicSpec;

/// Why a spec can't be handed to a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The broker can't do what these fields ask for.
    #[error("this version of Postroad does not support {}; remove {} from the spec", list(.fields), them(.fields))]
    Unsupported {
        /// Paths such as `spec.filter`, in the order of the type.
        fields: Vec<&'static str>,
    },
    /// A value is out of the range that the CRD allows; only an object that the API server never checked has one.
    #[error("{field} is {value}: it must not be negative")]
    Negative {
        /// Path of the field.
        field: &'static str,
        /// Its value.
        value: i64,
    },
}

fn list(fields: &[&str]) -> String {
    fields.join(", ")
}

fn them(fields: &[&str]) -> &'static str {
    if fields.len() == 1 { "it" } else { "them" }
}

/// The topic that `spec` asks for.
///
/// # Errors
/// [`ConvertError`]; all fields that are not supported at once.
pub fn topic(spec: &TopicSpec) -> Result<admin::TopicSpec, ConvertError> {
    supported(&[
        (
            spec.message_retention_duration.is_some(),
            "spec.messageRetentionDuration",
        ),
        (spec.schema_settings.is_some(), "spec.schemaSettings"),
        (spec.durability != Durability::Fsync, "spec.durability"),
        (spec.max_message_bytes.is_some(), "spec.maxMessageBytes"),
    ])?;
    Ok(admin::TopicSpec {
        partitions: unsigned("spec.partitions", spec.partitions)?,
        labels: spec.labels.clone(),
    })
}

/// The subscription that `spec` asks for; `topic` is what its topicRef resolved to.
///
/// # Errors
/// [`ConvertError`]; all fields that are not supported at once.
pub fn subscription(
    spec: &SubscriptionSpec,
    topic: admin::TopicRef,
) -> Result<admin::SubscriptionSpec, ConvertError> {
    supported(&[
        (
            spec.message_retention_duration.is_some(),
            "spec.messageRetentionDuration",
        ),
        (spec.retain_acked_messages, "spec.retainAckedMessages"),
        (
            spec.enable_exactly_once_delivery,
            "spec.enableExactlyOnceDelivery",
        ),
        (spec.filter.is_some(), "spec.filter"),
        (
            spec.expiration_policy
                .as_ref()
                .is_some_and(|policy| policy.ttl.is_some()),
            "spec.expirationPolicy",
        ),
        (spec.dead_letter_policy.is_some(), "spec.deadLetterPolicy"),
        (spec.retry_policy.is_some(), "spec.retryPolicy"),
        (spec.push_config.is_some(), "spec.pushConfig"),
    ])?;
    Ok(admin::SubscriptionSpec {
        topic,
        ack_deadline_seconds: unsigned("spec.ackDeadlineSeconds", spec.ack_deadline_seconds)?,
        enable_message_ordering: spec.enable_message_ordering,
        labels: spec.labels.clone(),
    })
}

/// The queue that `spec` asks for.
///
/// # Errors
/// [`ConvertError`]; all fields that are not supported at once.
pub fn queue(spec: &QueueSpec) -> Result<admin::QueueSpec, ConvertError> {
    supported(&[
        (spec.max_priority.is_some(), "spec.maxPriority"),
        (spec.message_ttl.is_some(), "spec.messageTTL"),
        (spec.delivery_delay.is_some(), "spec.deliveryDelay"),
        (spec.max_messages.is_some(), "spec.maxMessages"),
        (spec.max_bytes.is_some(), "spec.maxBytes"),
        (spec.overflow != Overflow::RejectPublish, "spec.overflow"),
        (spec.dead_letter_policy.is_some(), "spec.deadLetterPolicy"),
        (spec.retry_policy.is_some(), "spec.retryPolicy"),
        (spec.single_active_consumer, "spec.singleActiveConsumer"),
    ])?;
    Ok(admin::QueueSpec {
        ack_deadline_seconds: unsigned("spec.ackDeadlineSeconds", spec.ack_deadline_seconds)?,
        labels: spec.labels.clone(),
    })
}

/// Fails with the fields that are asked for, of those listed.
fn supported(unsupported: &[(bool, &'static str)]) -> Result<(), ConvertError> {
    let fields: Vec<_> = unsupported
        .iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, field)| *field)
        .collect();
    if fields.is_empty() {
        Ok(())
    } else {
        Err(ConvertError::Unsupported { fields })
    }
}

fn unsigned(field: &'static str, value: i32) -> Result<u32, ConvertError> {
    u32::try_from(value).map_err(|_| ConvertError::Negative {
        field,
        value: value.into(),
    })
}
