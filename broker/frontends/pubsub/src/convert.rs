//! Pub/Sub's messages and resources from and to the broker's. Payloads are shared, never copied.

use bytes::Bytes;
use postroad_node::{AckId, Delivery, Subscription, Topic};
use postroad_types::{Error, Message, Result, Timestamp};
use prost_types::Duration as ProtoDuration;

use crate::proto::pubsub;
use crate::resources::{DEFAULT_EXPIRATION, DEFAULT_RETENTION};

/// What a subscription says its topic is, once that was deleted (pubsub.proto, `Subscription.topic`).
const DELETED_TOPIC: &str = "_deleted-topic_";
/// How much of a bad ack id is shown.
const SHOWN_CHARS: usize = 64;

/// A message to publish. Id and publish time are the broker's to give; what a client put there is ignored, as Google does.
pub fn message(message: pubsub::PubsubMessage) -> Message {
    let attributes = message.attributes.into_iter();
    Message {
        data: message.data,
        attributes: attributes
            .map(|(key, value)| (Bytes::from(key), Bytes::from(value)))
            .collect(),
        key: (!message.ordering_key.is_empty()).then(|| Bytes::from(message.ordering_key)),
    }
}

/// A message in a consumer's hands. `delivery_attempt` stays 0: it is set only where a dead letter policy is.
pub fn received(delivery: Delivery) -> pubsub::ReceivedMessage {
    let Message {
        data,
        attributes,
        key,
    } = delivery.message;
    pubsub::ReceivedMessage {
        ack_id: delivery.ack_id.to_string(),
        message: Some(pubsub::PubsubMessage {
            data,
            attributes: attributes
                .iter()
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
            message_id: delivery.message_id.to_string(),
            publish_time: Some(time(delivery.published)),
            ordering_key: key.as_ref().map(text).unwrap_or_default(),
        }),
        delivery_attempt: 0,
    }
}

/// Other protocols may put any bytes into attributes and keys; Pub/Sub's are text, so what is no UTF-8 is replaced.
fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    let nanos = at.0.rem_euclid(1_000) * 1_000_000;
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000),
        // Below 10^9.
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// The ack ids of a unary call: one that Postroad didn't give spoils the call, in the words that clients know.
pub fn ack_ids(texts: &[String]) -> Result<Vec<AckId>> {
    if texts.is_empty() {
        return Err(Error::invalid("ack_ids: at least one is required"));
    }
    texts.iter().map(|text| ack_id(text)).collect()
}

/// One ack id.
pub fn ack_id(text: &str) -> Result<AckId> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(SHOWN_CHARS).collect();
        Error::invalid(format!(
            "You have passed an invalid ack ID to the service (ack_id={shown})."
        ))
    })
}

/// A topic as Get, List and Create tell it.
pub fn topic(topic: &Topic) -> pubsub::Topic {
    pubsub::Topic {
        name: topic.name.to_string(),
        labels: topic.spec.labels.clone(),
        state: pubsub::topic::State::Active.into(),
        ..Default::default()
    }
}

/// A subscription as Get, List and Create tell it, with Pub/Sub's defaults filled in as Google does.
pub fn subscription(subscription: &Subscription) -> pubsub::Subscription {
    let topic = subscription.topic.as_ref();
    pubsub::Subscription {
        name: subscription.name.to_string(),
        topic: topic.map_or_else(|| DELETED_TOPIC.to_owned(), ToString::to_string),
        push_config: Some(pubsub::PushConfig::default()),
        ack_deadline_seconds: i32::try_from(subscription.spec.ack_deadline_seconds).unwrap_or(i32::MAX),
        message_retention_duration: Some(seconds(DEFAULT_RETENTION)),
        labels: subscription.spec.labels.clone(),
        enable_message_ordering: subscription.spec.enable_message_ordering,
        expiration_policy: Some(pubsub::ExpirationPolicy {
            ttl: Some(seconds(DEFAULT_EXPIRATION)),
        }),
        state: pubsub::subscription::State::Active.into(),
        ..Default::default()
    }
}

fn seconds(duration: std::time::Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    }
}
