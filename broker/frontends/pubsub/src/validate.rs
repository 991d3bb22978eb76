//! What a request's messages and numbers may be: Pub/Sub's documented limits (cloud.google.com/pubsub/quotas), each with
//! an error that names the field.

use std::time::Duration;

use postroad_types::limits::{
    MAX_ACK_DEADLINE, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES, MAX_ORDERING_KEY,
    MAX_PUBLISH_BYTES, MAX_PUBLISH_MESSAGES, MIN_ACK_DEADLINE,
};
use postroad_types::{Error, Result};

use crate::proto::pubsub::{PublishRequest, PubsubMessage};

/// Messages of one unary pull.
pub const MAX_PULL_MESSAGES: usize = 1_000;
/// Items of a page when the request asks for more; also what the broker gives at most.
pub const MAX_PAGE: usize = 1_000;
/// Items of a page when the request doesn't say.
const DEFAULT_PAGE: usize = 100;

/// Attributes with this prefix are Google's own, with one exception: its client libraries put trace context into
/// attributes with [`CLIENT_PREFIX`].
const RESERVED_PREFIX: &str = "goog";
const CLIENT_PREFIX: &str = "googclient_";

/// All messages of a publish; the first that breaks a rule is named by its place.
pub fn publish(request: &PublishRequest) -> Result<()> {
    let count = request.messages.len();
    if count == 0 || count > MAX_PUBLISH_MESSAGES {
        return Err(Error::invalid(format!(
            "messages: a publish needs 1 to {MAX_PUBLISH_MESSAGES} messages, this one has {count}"
        )));
    }
    let bytes: usize = request.messages.iter().map(size).sum();
    if bytes > MAX_PUBLISH_BYTES {
        return Err(Error::invalid(format!(
            "messages: a publish may have {MAX_PUBLISH_BYTES} bytes of data, attributes and ordering keys, \
             this one has {bytes}: publish fewer messages at a time, or smaller ones"
        )));
    }
    request
        .messages
        .iter()
        .enumerate()
        .try_for_each(|(place, message)| {
            check_message(message).map_err(|rule| Error::invalid(format!("messages[{place}].{rule}")))
        })
}

/// What a message counts for.
fn size(message: &PubsubMessage) -> usize {
    let attributes: usize = message
        .attributes
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    message.data.len() + attributes + message.ordering_key.len()
}

fn check_message(message: &PubsubMessage) -> Result<(), String> {
    if message.data.is_empty() && message.attributes.is_empty() {
        return Err("data: a message needs data or at least one attribute".into());
    }
    if message.ordering_key.len() > MAX_ORDERING_KEY {
        let length = message.ordering_key.len();
        return Err(format!(
            "ordering_key: {length} bytes, at most {MAX_ORDERING_KEY} are allowed"
        ));
    }
    let count = message.attributes.len();
    if count > MAX_ATTRIBUTES {
        return Err(format!(
            "attributes: {count} attributes, at most {MAX_ATTRIBUTES} are allowed"
        ));
    }
    message
        .attributes
        .iter()
        .try_for_each(|(key, value)| check_attribute(key, value))
}

fn check_attribute(key: &str, value: &str) -> Result<(), String> {
    if key.len() > MAX_ATTRIBUTE_KEY {
        return Err(format!(
            "attributes: a key of {} bytes, at most {MAX_ATTRIBUTE_KEY} are allowed",
            key.len()
        ));
    }
    if key.starts_with(RESERVED_PREFIX) && !key.starts_with(CLIENT_PREFIX) {
        return Err(format!(
            "attributes: key {key:?}: keys that start with {RESERVED_PREFIX:?} are reserved"
        ));
    }
    if value.len() > MAX_ATTRIBUTE_VALUE {
        return Err(format!(
            "attributes: the value of {key:?} has {} bytes, at most {MAX_ATTRIBUTE_VALUE} are allowed",
            value.len()
        ));
    }
    Ok(())
}

/// A deadline that a stream asks for: 10 to 600 seconds.
pub fn stream_deadline(seconds: i32) -> Result<Duration> {
    between("stream_ack_deadline_seconds", seconds, MIN_ACK_DEADLINE)
}

/// A new deadline for a delivered message: 0 to 600 seconds; 0 gives the message back.
pub fn new_deadline(field: &str, seconds: i32) -> Result<Duration> {
    between(field, seconds, Duration::ZERO)
}

/// `seconds` between `least` and the longest deadline.
pub fn between(field: &str, seconds: i32, least: Duration) -> Result<Duration> {
    match u64::try_from(seconds).map(Duration::from_secs) {
        Ok(deadline) if (least..=MAX_ACK_DEADLINE).contains(&deadline) => Ok(deadline),
        _ => Err(Error::invalid(format!(
            "{field}: {seconds} is not allowed, it must be {} to {} seconds",
            least.as_secs(),
            MAX_ACK_DEADLINE.as_secs()
        ))),
    }
}

/// How many items of a list; 0 = as many as the broker likes.
pub fn page_size(size: i32) -> Result<usize> {
    match usize::try_from(size) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) => Ok(size.min(MAX_PAGE)),
        Err(_) => Err(Error::invalid(format!(
            "page_size: {size} is not allowed, it must not be negative"
        ))),
    }
}

/// How many messages of a pull; more than [`MAX_PULL_MESSAGES`] is asked for freely and means that many.
pub fn max_messages(count: i32) -> Result<usize> {
    match usize::try_from(count) {
        Ok(count) if count > 0 => Ok(count.min(MAX_PULL_MESSAGES)),
        _ => Err(Error::invalid(format!(
            "max_messages: {count} is not allowed, it must be positive"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(data: usize) -> PubsubMessage {
        PubsubMessage {
            data: vec![b'x'; data].into(),
            ..Default::default()
        }
    }

    fn with_attribute(key: usize, value: usize) -> PubsubMessage {
        let attributes = [("k".repeat(key), "v".repeat(value))].into();
        PubsubMessage {
            attributes,
            ..Default::default()
        }
    }

    fn of(messages: Vec<PubsubMessage>) -> PublishRequest {
        PublishRequest {
            topic: "projects/p/topics/t".into(),
            messages,
        }
    }

    #[test]
    fn a_publish_at_every_limit_passes() {
        let mut most = with_attribute(256, 1_024);
        for number in 1..100 {
            most.attributes.insert(number.to_string(), String::new());
        }
        most.ordering_key = "k".repeat(1_024);
        let traced = PubsubMessage {
            attributes: [("googclient_traceparent".into(), "00-1-2-01".into())].into(),
            ..Default::default()
        };
        for request in [
            vec![message(1); 1_000],
            vec![message(10_000_000)],
            vec![most],
            vec![traced],
        ] {
            assert_eq!(publish(&of(request)), Ok(()));
        }
    }

    #[test]
    fn a_publish_beyond_a_limit_is_refused_with_field_and_place() {
        let mut many = message(1);
        many.attributes = (0..101)
            .map(|number| (number.to_string(), String::new()))
            .collect();
        let key = PubsubMessage {
            ordering_key: "k".repeat(1_025),
            ..message(1)
        };
        let only_key = PubsubMessage {
            ordering_key: "k".into(),
            ..Default::default()
        };
        let goog = PubsubMessage {
            attributes: [("googly".into(), String::new())].into(),
            ..message(1)
        };
        for (messages, says) in [
            (vec![], "messages: a publish needs 1 to 1000"),
            (vec![message(1); 1_001], "this one has 1001"),
            (
                vec![message(5_000_000), message(5_000_001)],
                "this one has 10000001",
            ),
            (vec![message(1), message(0)], "messages[1].data"),
            (vec![only_key], "messages[0].data"),
            (vec![key], "messages[0].ordering_key: 1025 bytes"),
            (vec![many], "messages[0].attributes: 101"),
            (
                vec![with_attribute(257, 1)],
                "messages[0].attributes: a key of 257 bytes",
            ),
            (
                vec![with_attribute(1, 1_025)],
                "messages[0].attributes: the value of \"k\" has 1025",
            ),
            (
                vec![message(1), message(1), goog],
                "messages[2].attributes: key \"googly\"",
            ),
        ] {
            let error = publish(&of(messages)).unwrap_err();
            assert!(error.message.contains(says), "{error} should say {says}");
        }
    }

    #[test]
    fn numbers_are_checked_at_both_ends() {
        assert_eq!(stream_deadline(10), Ok(Duration::from_secs(10)));
        assert_eq!(stream_deadline(600), Ok(Duration::from_secs(600)));
        assert_eq!(new_deadline("ack_deadline_seconds", 0), Ok(Duration::ZERO));
        for seconds in [i32::MIN, -1, 0, 9, 601, i32::MAX] {
            let error = stream_deadline(seconds).unwrap_err();
            assert!(
                error.message.starts_with("stream_ack_deadline_seconds"),
                "{error}"
            );
        }
        assert!(new_deadline("x", -1).is_err() && new_deadline("x", 601).is_err());
        assert_eq!(
            (page_size(0), page_size(7), page_size(5_000)),
            (Ok(100), Ok(7), Ok(1_000))
        );
        assert!(page_size(-1).unwrap_err().message.starts_with("page_size"));
        assert_eq!((max_messages(1), max_messages(i32::MAX)), (Ok(1), Ok(1_000)));
        for count in [0, -1] {
            assert!(
                max_messages(count)
                    .unwrap_err()
                    .message
                    .starts_with("max_messages")
            );
        }
    }
}
