//! What the requests of a stream may say (pubsub.proto, `StreamingPullRequest`).

use std::time::Duration;

use postroad_types::{Error, Result, SubscriptionName};

use crate::proto::pubsub::StreamingPullRequest;
use crate::{names, validate};

/// What only the first request says.
#[derive(Debug, PartialEq)]
pub struct Opening {
    /// Whose messages.
    pub subscription: SubscriptionName,
    /// The deadline of each delivery.
    pub ack_deadline: Duration,
    /// Unacknowledged messages at a time; 0 = the broker's bound.
    pub max_messages: u64,
    /// Unacknowledged bytes at a time; 0 = the broker's bound.
    pub max_bytes: u64,
}

/// What every request can say. Ack ids are texts still: a bad one is skipped, not refused.
#[derive(Debug, PartialEq)]
pub struct Later {
    /// Ids to acknowledge.
    pub acknowledge: Vec<String>,
    /// Ids with the new deadline of each; zero gives the message back.
    pub deadlines: Vec<(String, Duration)>,
    /// A new deadline for the deliveries to come.
    pub ack_deadline: Option<Duration>,
}

/// The first request. Limits below 1 mean none.
pub fn opening(request: &StreamingPullRequest) -> Result<Opening> {
    Ok(Opening {
        subscription: names::subscription("subscription", &request.subscription)?,
        ack_deadline: validate::stream_deadline(request.stream_ack_deadline_seconds)?,
        max_messages: u64::try_from(request.max_outstanding_messages).unwrap_or(0),
        max_bytes: u64::try_from(request.max_outstanding_bytes).unwrap_or(0),
    })
}

/// A request after the first: what only the first may say is refused. A request that says nothing keeps the stream alive.
pub fn later(request: &StreamingPullRequest) -> Result<Later> {
    let only_first = [
        ("subscription", !request.subscription.is_empty()),
        ("max_outstanding_messages", request.max_outstanding_messages != 0),
        ("max_outstanding_bytes", request.max_outstanding_bytes != 0),
        ("protocol_version", request.protocol_version != 0),
    ];
    match only_first.iter().find(|(_, set)| *set) {
        Some((field, _)) => Err(Error::invalid(format!(
            "{field} may be set in the first request of a stream only"
        ))),
        None => later_part(request),
    }
}

/// The part of a request that every request may have.
pub fn later_part(request: &StreamingPullRequest) -> Result<Later> {
    let (ids, seconds) = (&request.modify_deadline_ack_ids, &request.modify_deadline_seconds);
    if ids.len() != seconds.len() {
        return Err(Error::invalid(format!(
            "modify_deadline_seconds has {} entries, but modify_deadline_ack_ids has {}: they go in pairs",
            seconds.len(),
            ids.len()
        )));
    }
    let deadlines = ids.iter().zip(seconds).map(|(id, seconds)| {
        Ok((
            id.clone(),
            validate::new_deadline("modify_deadline_seconds", *seconds)?,
        ))
    });
    let ack_deadline = match request.stream_ack_deadline_seconds {
        0 => None,
        seconds => Some(validate::stream_deadline(seconds)?),
    };
    Ok(Later {
        acknowledge: request.ack_ids.clone(),
        deadlines: deadlines.collect::<Result<_>>()?,
        ack_deadline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> StreamingPullRequest {
        StreamingPullRequest {
            subscription: "projects/shop/subscriptions/billing".into(),
            stream_ack_deadline_seconds: 60,
            max_outstanding_messages: -1,
            max_outstanding_bytes: 5,
            client_id: "a".into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_first_request_opens() {
        let expected = Opening {
            subscription: SubscriptionName::parse("shop", "billing").unwrap(),
            ack_deadline: Duration::from_secs(60),
            max_messages: 0,
            max_bytes: 5,
        };
        assert_eq!(opening(&first()), Ok(expected));
        for (request, field) in [
            (
                StreamingPullRequest {
                    subscription: String::new(),
                    ..first()
                },
                "subscription",
            ),
            (
                StreamingPullRequest {
                    stream_ack_deadline_seconds: 0,
                    ..first()
                },
                "stream_ack_deadline_seconds",
            ),
            (
                StreamingPullRequest {
                    stream_ack_deadline_seconds: 9,
                    ..first()
                },
                "stream_ack_deadline_seconds",
            ),
        ] {
            assert!(opening(&request).unwrap_err().message.starts_with(field));
        }
    }

    #[test]
    fn a_later_request_may_not_open_again() {
        let nothing = Later {
            acknowledge: vec![],
            deadlines: vec![],
            ack_deadline: None,
        };
        assert_eq!(later(&StreamingPullRequest::default()), Ok(nothing));
        for (request, field) in [
            (
                StreamingPullRequest {
                    subscription: first().subscription,
                    ..Default::default()
                },
                "subscription",
            ),
            (
                StreamingPullRequest {
                    max_outstanding_messages: 1,
                    ..Default::default()
                },
                "max_outstanding_messages",
            ),
            (
                StreamingPullRequest {
                    max_outstanding_bytes: -1,
                    ..Default::default()
                },
                "max_outstanding_bytes",
            ),
            (
                StreamingPullRequest {
                    protocol_version: 1,
                    ..Default::default()
                },
                "protocol_version",
            ),
        ] {
            let error = later(&request).unwrap_err();
            assert!(error.message.starts_with(field), "{error}");
        }
    }

    #[test]
    fn deadlines_come_in_pairs_within_range() {
        let pair = |seconds: Vec<i32>| StreamingPullRequest {
            modify_deadline_ack_ids: vec!["a".into()],
            modify_deadline_seconds: seconds,
            stream_ack_deadline_seconds: 30,
            ..Default::default()
        };
        let parsed = later(&pair(vec![0])).unwrap();
        assert_eq!(parsed.deadlines, [("a".to_owned(), Duration::ZERO)]);
        assert_eq!(parsed.ack_deadline, Some(Duration::from_secs(30)));
        for bad in [vec![], vec![1, 2], vec![-1], vec![601]] {
            let error = later(&pair(bad)).unwrap_err();
            assert!(error.message.starts_with("modify_deadline_seconds"), "{error}");
        }
    }
}
