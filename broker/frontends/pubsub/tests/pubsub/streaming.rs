//! StreamingPull.

use postroad_pubsub::proto::pubsub::subscriber_client::SubscriberClient;
use postroad_pubsub::proto::pubsub::*;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::server::*;

fn first() -> StreamingPullRequest {
    StreamingPullRequest {
        subscription: SUBSCRIPTION.into(),
        stream_ack_deadline_seconds: 60,
        ..Default::default()
    }
}

fn ack(received: &[ReceivedMessage]) -> StreamingPullRequest {
    let ack_ids = received.iter().map(|message| message.ack_id.clone()).collect();
    StreamingPullRequest {
        ack_ids,
        ..Default::default()
    }
}

/// A client's two sides of a stream.
struct Stream {
    requests: mpsc::Sender<StreamingPullRequest>,
    responses: Streaming<StreamingPullResponse>,
}

impl Stream {
    async fn open(server: &Server, first: StreamingPullRequest) -> Self {
        Self::try_open(server.subscriber().await, first).await.unwrap()
    }

    async fn try_open(
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

    async fn send(&self, request: StreamingPullRequest) {
        self.requests.send(request).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<StreamingPullResponse>, Status> {
        within(self.responses.message()).await
    }

    async fn messages(&mut self) -> Vec<ReceivedMessage> {
        self.next()
            .await
            .unwrap()
            .expect("the stream ended")
            .received_messages
    }

    /// The error that ends the stream.
    async fn end(&mut self) -> Status {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without an error"),
                Err(status) => return status,
            }
        }
    }
}

#[tokio::test]
async fn messages_come_as_they_are_published() {
    let server = Server::with_subscription().await;
    let mut stream = Stream::open(&server, first()).await;
    for number in 0..3 {
        server.publish(vec![text(&number.to_string())]).await;
        let response = stream.next().await.unwrap().unwrap();
        let properties = response.subscription_properties.unwrap();
        assert!(!properties.exactly_once_delivery_enabled && !properties.message_ordering_enabled);
        assert_eq!(
            response.received_messages.iter().map(data).collect::<Vec<_>>(),
            [number.to_string()]
        );
        stream.send(ack(&response.received_messages)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn never_more_messages_are_outstanding_than_asked_for() {
    let server = Server::with_subscription().await;
    server
        .publish((0..20).map(|number| text(&number.to_string())).collect())
        .await;
    let mut stream = Stream::open(
        &server,
        StreamingPullRequest {
            max_outstanding_messages: 3,
            ..first()
        },
    )
    .await;
    let (mut outstanding, mut seen) = (Vec::new(), Vec::new());
    while seen.len() < 20 {
        let messages = stream.messages().await;
        seen.extend(messages.iter().map(|message| data(message).to_owned()));
        outstanding.extend(messages);
        assert!(outstanding.len() <= 3, "{} are outstanding", outstanding.len());
        stream.send(ack(&[outstanding.remove(0)])).await;
    }
    assert_eq!(seen, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test]
async fn bytes_are_bounded_too_but_one_message_always_passes() {
    let server = Server::with_subscription().await;
    server.publish(vec![text(&"x".repeat(1_000)); 5]).await;
    let mut stream = Stream::open(
        &server,
        StreamingPullRequest {
            max_outstanding_bytes: 500,
            ..first()
        },
    )
    .await;
    for _ in 0..5 {
        let messages = stream.messages().await;
        assert_eq!(messages.len(), 1);
        stream.send(ack(&messages)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_large_backlog_comes_in_responses_that_any_client_accepts() {
    let server = Server::with_subscription().await;
    for _ in 0..3 {
        server.publish(vec![text(&"x".repeat(300_000)); 10]).await;
    }
    let mut stream = Stream::open(&server, first()).await;
    let mut received = 0;
    while received < 30 {
        let response = stream.next().await.unwrap().unwrap();
        assert!(
            response.encoded_len() <= 2_100_000,
            "{} bytes",
            response.encoded_len()
        );
        received += response.received_messages.len();
        stream.send(ack(&response.received_messages)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_nack_on_the_stream_brings_the_message_back() {
    let server = Server::with_subscription().await;
    server.publish(vec![text("again")]).await;
    let mut stream = Stream::open(&server, first()).await;
    let once = stream.messages().await;
    let nack = StreamingPullRequest {
        modify_deadline_ack_ids: vec![once[0].ack_id.clone()],
        modify_deadline_seconds: vec![0],
        ..Default::default()
    };
    stream.send(nack).await;
    let twice = stream.messages().await;
    assert_eq!(data(&twice[0]), "again");
    assert_ne!(once[0].ack_id, twice[0].ack_id);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_closes_its_side_after_acknowledging_ends_in_peace() {
    let server = Server::with_subscription().await;
    server.publish(vec![text("last")]).await;
    let mut stream = Stream::open(&server, first()).await;
    let received = stream.messages().await;
    stream.send(ack(&received)).await;
    let Stream {
        requests,
        mut responses,
    } = stream;
    drop(requests);
    assert_eq!(within(responses.message()).await.unwrap(), None);
    // Acknowledged, so giving it back changes nothing.
    server.modify_deadline(&received[0].ack_id, 0).await;
    assert_eq!(server.pull_now().await, []);
    server.stop().await;
}

#[tokio::test]
async fn ack_ids_that_mean_nothing_are_skipped_and_the_others_count() {
    let server = Server::with_subscription().await;
    let other = "projects/shop/subscriptions/audit";
    let subscription = Subscription {
        name: other.into(),
        topic: TOPIC.into(),
        ..Default::default()
    };
    server
        .subscriber()
        .await
        .create_subscription(subscription)
        .await
        .unwrap();
    server.publish(vec![text("one")]).await;
    let pull = PullRequest {
        subscription: other.into(),
        max_messages: 1,
        ..Default::default()
    };
    let foreign = server
        .subscriber()
        .await
        .pull(pull)
        .await
        .unwrap()
        .into_inner()
        .received_messages;

    let mut stream = Stream::open(
        &server,
        StreamingPullRequest {
            max_outstanding_messages: 1,
            ..first()
        },
    )
    .await;
    let received = stream.messages().await;
    let mut request = ack(&[foreign, received].concat());
    request.ack_ids.insert(0, "garbage".into());
    request.modify_deadline_ack_ids = vec!["garbage".into()];
    request.modify_deadline_seconds = vec![0];
    stream.send(request).await;
    server.publish(vec![text("two")]).await;
    assert_eq!(
        data(&stream.messages().await[0]),
        "two",
        "one is acknowledged, so two has room"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_begins_wrong_is_refused() {
    let server = Server::with_subscription().await;
    let unknown = "projects/shop/subscriptions/nothing".to_owned();
    let uneven = vec![10];
    for (request, code, says) in [
        (
            StreamingPullRequest::default(),
            Code::InvalidArgument,
            "subscription is required",
        ),
        (
            StreamingPullRequest {
                stream_ack_deadline_seconds: 0,
                ..first()
            },
            Code::InvalidArgument,
            "10 to 600",
        ),
        (
            StreamingPullRequest {
                modify_deadline_seconds: uneven,
                ..first()
            },
            Code::InvalidArgument,
            "in pairs",
        ),
        (
            StreamingPullRequest {
                subscription: unknown,
                ..first()
            },
            Code::NotFound,
            "subscriptions/nothing",
        ),
    ] {
        let status = within(Stream::try_open(server.subscriber().await, request))
            .await
            .err()
            .unwrap();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(says), "{status}");
    }
    let nothing = tokio_stream::empty::<StreamingPullRequest>();
    let status = within(server.subscriber().await.streaming_pull(nothing))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_goes_wrong_later_ends_with_the_field() {
    let server = Server::with_subscription().await;
    for (request, says) in [
        (first(), "subscription may be set in the first request"),
        (
            StreamingPullRequest {
                max_outstanding_bytes: 1,
                ..Default::default()
            },
            "max_outstanding_bytes",
        ),
        (
            StreamingPullRequest {
                stream_ack_deadline_seconds: 601,
                ..Default::default()
            },
            "stream_ack_deadline",
        ),
    ] {
        let mut stream = Stream::open(&server, first()).await;
        stream
            .send(StreamingPullRequest {
                stream_ack_deadline_seconds: 20,
                ..Default::default()
            })
            .await;
        stream.send(request).await;
        let status = stream.end().await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(says), "{status}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_subscription() {
    let server = Server::with_subscription().await;
    let mut stream = Stream::open(&server, first()).await;
    let delete = DeleteSubscriptionRequest {
        subscription: SUBSCRIPTION.into(),
    };
    server
        .subscriber()
        .await
        .delete_subscription(delete)
        .await
        .unwrap();
    assert_eq!(stream.end().await.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_ends_streams_and_waiting_pulls_so_that_clients_reconnect() {
    let server = Server::with_subscription().await;
    let mut stream = Stream::open(&server, first()).await;
    let mut client = server.subscriber().await;
    let pull = PullRequest {
        subscription: SUBSCRIPTION.into(),
        max_messages: 1,
        ..Default::default()
    };
    let pulling = tokio::spawn(async move { client.pull(pull).await });
    until("the connections", || {
        server.metric("postroad_pubsub_connections", &[]) >= 2.0
    })
    .await;
    server.begin_to_stop();
    assert_eq!(stream.end().await.code(), Code::Unavailable);
    assert_eq!(
        within(pulling).await.unwrap().unwrap_err().code(),
        Code::Unavailable
    );
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_no_stream_behind() {
    let server = Server::with_subscription().await;
    let mut stream = Stream::open(&server, first()).await;
    server.publish(vec![text("kept")]).await;
    stream.messages().await;
    assert_eq!(server.metric("postroad_pubsub_streams", &[]), 1.0);
    drop(stream);
    until("the end of the stream", || {
        server.metric("postroad_pubsub_streams", &[]) == 0.0
    })
    .await;
    server.stop().await;
}
