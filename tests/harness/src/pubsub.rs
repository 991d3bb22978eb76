//! A Pub/Sub client for tests written in Rust: the generated one, with less to type.

use std::collections::HashMap;
use std::net::SocketAddr;

use postroad_pubsub::proto::pubsub::publisher_client::PublisherClient;
use postroad_pubsub::proto::pubsub::subscriber_client::SubscriberClient;
use postroad_pubsub::proto::pubsub::{AcknowledgeRequest, PublishRequest, PubsubMessage, PullRequest};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// A connection to one broker; cheap to clone. It connects at the first call, and again after the broker was away.
#[derive(Clone, Debug)]
pub struct Pubsub {
    /// The generated client of the service Publisher.
    pub publisher: PublisherClient<Channel>,
    /// The generated client of the service Subscriber.
    pub subscriber: SubscriberClient<Channel>,
}

/// A message that came by Pull.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// What it is acknowledged with.
    pub ack_id: String,
    /// Its id: partition and offset.
    pub id: u64,
    /// Its data.
    pub data: Vec<u8>,
    /// Its ordering key.
    pub ordering_key: String,
}

impl Pubsub {
    /// A client of the broker at `address`.
    ///
    /// # Panics
    /// Never: an address is always a URI.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address is a URI");
        let channel = endpoint.tcp_nodelay(true).connect_lazy();
        Self {
            publisher: PublisherClient::new(channel.clone()),
            subscriber: SubscriberClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES),
        }
    }

    /// One Publish call; the ids of the messages.
    ///
    /// # Errors
    /// The call's status. A transport error leaves it open whether the messages were stored.
    pub async fn publish(
        &self,
        topic: &str,
        ordering_key: &str,
        data: Vec<Vec<u8>>,
    ) -> Result<Vec<u64>, Status> {
        let message = |data: Vec<u8>| PubsubMessage {
            data: data.into(),
            ordering_key: ordering_key.to_owned(),
            ..Default::default()
        };
        let messages = data.into_iter().map(message).collect();
        let request = PublishRequest {
            topic: topic.to_owned(),
            messages,
        };
        let ids = self
            .publisher
            .clone()
            .publish(request)
            .await?
            .into_inner()
            .message_ids;
        ids.iter().map(|id| number(id)).collect()
    }

    /// One Pull call; up to `most` messages. It waits for the first one, for as long as the broker lets it.
    ///
    /// # Errors
    /// The call's status.
    pub async fn pull(&self, subscription: &str, most: i32) -> Result<Vec<Received>, Status> {
        self.pull_with(subscription, most, false).await
    }

    /// One Pull call that does not wait; up to `most` messages.
    ///
    /// # Errors
    /// The call's status.
    pub async fn pull_now(&self, subscription: &str, most: i32) -> Result<Vec<Received>, Status> {
        self.pull_with(subscription, most, true).await
    }

    #[allow(
        deprecated,
        reason = "tests may ask what is there now; only production consumers should not"
    )]
    async fn pull_with(&self, subscription: &str, most: i32, now: bool) -> Result<Vec<Received>, Status> {
        let subscription = subscription.to_owned();
        let request = PullRequest {
            subscription,
            max_messages: most,
            return_immediately: now,
        };
        let received = self
            .subscriber
            .clone()
            .pull(request)
            .await?
            .into_inner()
            .received_messages;
        received
            .into_iter()
            .map(|item| {
                let message = item
                    .message
                    .ok_or_else(|| Status::internal("a received message without its message"))?;
                let id = number(&message.message_id)?;
                Ok(Received {
                    ack_id: item.ack_id,
                    id,
                    data: message.data.into(),
                    ordering_key: message.ordering_key,
                })
            })
            .collect()
    }

    /// One Acknowledge call.
    ///
    /// # Errors
    /// The call's status.
    pub async fn acknowledge(&self, subscription: &str, messages: &[Received]) -> Result<(), Status> {
        let ack_ids = messages.iter().map(|message| message.ack_id.clone()).collect();
        let request = AcknowledgeRequest {
            subscription: subscription.to_owned(),
            ack_ids,
        };
        self.subscriber.clone().acknowledge(request).await?;
        Ok(())
    }

    /// Pulls and acknowledges until nothing comes any more; every message by its id, with the number of its deliveries.
    ///
    /// # Errors
    /// The status of a call.
    pub async fn drain(&self, subscription: &str) -> Result<HashMap<u64, (Received, u32)>, Status> {
        let mut all = HashMap::new();
        loop {
            let received = self.pull_now(subscription, 1_000).await?;
            if received.is_empty() {
                return Ok(all);
            }
            self.acknowledge(subscription, &received).await?;
            for message in received {
                all.entry(message.id).or_insert((message, 0)).1 += 1;
            }
        }
    }
}

fn number(id: &str) -> Result<u64, Status> {
    id.parse()
        .map_err(|_| Status::internal(format!("message id {id:?} is no number")))
}
