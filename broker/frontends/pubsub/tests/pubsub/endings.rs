//! How a StreamingPull ends.

use postroad_pubsub::proto::pubsub::*;
use tonic::Code;

use crate::server::*;
use crate::stream::{Stream, ack, first};

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
