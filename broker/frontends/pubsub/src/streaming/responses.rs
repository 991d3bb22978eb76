//! A session's batch as responses of a bounded size.

use postroad_node::Delivery;
use prost::Message;

use crate::convert;
use crate::proto::pubsub::streaming_pull_response::SubscriptionProperties;
use crate::proto::pubsub::{ReceivedMessage, StreamingPullResponse};

/// A response is at most this long, unless one message alone is longer. Below the 4 MB that gRPC libraries accept when
/// nothing else is set.
pub const MAX_BYTES: usize = 2_000_000;
/// Messages of a response.
const MAX_MESSAGES: usize = 1_000;

/// The responses for a batch, in order; `ordered` says whether the subscription keeps the order of ordering keys.
pub fn split(batch: Vec<Delivery>, ordered: bool) -> impl Iterator<Item = StreamingPullResponse> {
    let mut rest = batch.into_iter().map(convert::received).peekable();
    std::iter::from_fn(move || {
        let mut messages = vec![rest.next()?];
        let mut bytes = messages[0].encoded_len();
        let fits = |bytes: usize, next: &ReceivedMessage| bytes + next.encoded_len() <= MAX_BYTES;
        while messages.len() < MAX_MESSAGES
            && let Some(next) = rest.next_if(|next| fits(bytes, next))
        {
            bytes += next.encoded_len();
            messages.push(next);
        }
        Some(response(messages, ordered))
    })
}

fn response(received_messages: Vec<ReceivedMessage>, ordered: bool) -> StreamingPullResponse {
    StreamingPullResponse {
        received_messages,
        subscription_properties: Some(SubscriptionProperties {
            exactly_once_delivery_enabled: false,
            message_ordering_enabled: ordered,
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use postroad_node::AckId;
    use postroad_types::{MessageId, SubscriptionId, Timestamp};

    use super::*;

    fn delivery(offset: u64, bytes: usize) -> Delivery {
        Delivery {
            ack_id: AckId {
                subscription: SubscriptionId(1),
                partition: 0,
                offset,
                generation: 1,
            },
            message_id: MessageId { partition: 0, offset },
            published: Timestamp(1_700_000_000_000),
            attempt: 1,
            message: postroad_types::Message {
                data: vec![0; bytes].into(),
                ..Default::default()
            },
        }
    }

    fn sizes(bytes: &[usize]) -> Vec<usize> {
        let batch = (0..)
            .zip(bytes)
            .map(|(offset, bytes)| delivery(offset, *bytes))
            .collect();
        let mut ids = Vec::new();
        let mut sizes = Vec::new();
        for response in split(batch, false) {
            let single = response.received_messages.len() == 1;
            assert!(
                single || response.encoded_len() <= MAX_BYTES + 10_000,
                "{} bytes",
                response.encoded_len()
            );
            sizes.push(response.received_messages.len());
            ids.extend(
                response
                    .received_messages
                    .into_iter()
                    .map(|received| received.message.unwrap().message_id),
            );
        }
        assert!(
            ids.into_iter().eq((0..bytes.len()).map(|id| id.to_string())),
            "lost or out of order"
        );
        sizes
    }

    #[test]
    fn a_batch_is_cut_by_count_and_by_size() {
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[10; 2_500]), [1_000, 1_000, 500]);
        assert_eq!(sizes(&[900_000, 900_000, 900_000]), [2, 1]);
        assert_eq!(sizes(&[10, 10_000_000, 10]), [1, 1, 1]);
    }
}
