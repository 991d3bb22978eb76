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

/// The responses for a batch, in order.
pub fn split(batch: Vec<Delivery>) -> impl Iterator<Item = StreamingPullResponse> {
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
        Some(response(messages))
    })
}

fn response(received_messages: Vec<ReceivedMessage>) -> StreamingPullResponse {
    StreamingPullResponse {
        received_messages,
        subscription_properties: Some(SubscriptionProperties {
            exactly_once_delivery_enabled: false,
            message_ordering_enabled: false,
        }),
        ..Default::default()
    }
}
