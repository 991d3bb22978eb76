//! A client's end of a streaming pull.

use postroad_pubsub::proto::pubsub::subscriber_client::SubscriberClient;
use postroad_pubsub::proto::pubsub::*;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::server::*;

pub fn first() -> StreamingPullRequest {
    StreamingPullRequest {
        subscription: SUBSCRIPTION.into(),
        stream_ack_deadline_seconds: 60,
        ..Default::default()
    }
}

pub fn ack(received: &[ReceivedMessage]) -> StreamingPullRequest {
    let ack_ids = received.iter().map(|message| message.ack_id.clone()).collect();
    StreamingPullRequest {
        ack_ids,
        ..Default::default()
    }
}

/// A client's two sides of a stream.
pub struct Stream {
    pub requests: mpsc::Sender<StreamingPullRequest>,
    pub responses: Streaming<StreamingPullResponse>,
}

impl Stream {
    pub async fn open(server: &Server, first: StreamingPullRequest) -> Self {
        Self::try_open(server.subscriber().await, first).await.unwrap()
    }

    pub async fn try_open(
        mut client: SubscriberClient<Channel>,
        first: StreamingPullRequest,
    ) -> Result<Self, Status> {
        let (requests, queue) = mpsc::channel(16);
        requests.send(first).await.unwrap();
        let responses = client
            .streaming_pull(ReceiverStream::new(queue))
            .await?
            .into_inner();
        Ok(Self { requests, responses })
    }

    pub async fn send(&self, request: StreamingPullRequest) {
        self.requests.send(request).await.unwrap();
    }

    pub async fn next(&mut self) -> Result<Option<StreamingPullResponse>, Status> {
        within(self.responses.message()).await
    }

    pub async fn messages(&mut self) -> Vec<ReceivedMessage> {
        self.next()
            .await
            .unwrap()
            .expect("the stream ended")
            .received_messages
    }

    /// The error that ends the stream.
    pub async fn end(&mut self) -> Status {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without an error"),
                Err(status) => return status,
            }
        }
    }
}
