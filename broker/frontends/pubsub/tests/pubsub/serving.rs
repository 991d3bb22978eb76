//! Connections: limits, compression, counting, and who else may knock on the port.

use std::time::Duration;

use postroad_pubsub::ServeOptions;
use postroad_pubsub::proto::pubsub::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::server::*;

#[tokio::test]
async fn plain_http_gets_an_answer_to_read() {
    let server = Server::start().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = b"PUT /v1/projects/shop/topics/orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 501"), "{answer}");
    assert!(
        answer.contains("\"status\":\"UNIMPLEMENTED\"") && answer.contains("gRPC"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_named() {
    let server = Server::start().await;
    for path in [
        "/google.pubsub.v1.Publisher/Teleport",
        "/google.pubsub.v2.Publisher/Publish",
    ] {
        let mut client = tonic::client::Grpc::new(server.connect().await);
        client.ready().await.unwrap();
        let codec = ProstCodec::<(), ()>::default();
        let status = client
            .unary(Request::new(()), PathAndQuery::from_static(path), codec)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains(path), "{status}");
    }
    assert_eq!(
        server.metric("postroad_pubsub_requests_total", &["unknown", "UNIMPLEMENTED"]),
        2.0
    );
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let server = Server::with(ServeOptions {
        max_connections: 1,
        ..Default::default()
    })
    .await;
    let list = || ListTopicsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    let mut first = server.publisher().await;
    first.list_topics(list()).await.unwrap();

    let refused = within(server.publisher().await.list_topics(list()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("as many as it may"), "{refused}");
    assert_eq!(
        server.metric("postroad_pubsub_connections_refused_total", &[]),
        1.0
    );

    drop(first);
    until("a free place", || {
        server.metric("postroad_pubsub_connections", &[]) == 0.0
    })
    .await;
    server.publisher().await.list_topics(list()).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn gzip_is_read_and_answered_in_kind() {
    let server = Server::with_subscription().await;
    let publish = || PublishRequest {
        topic: TOPIC.into(),
        messages: vec![text(&"x".repeat(100_000))],
    };
    let mut compressing = server
        .publisher()
        .await
        .send_compressed(Gzip)
        .accept_compressed(Gzip);
    let answer = compressing.publish(publish()).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");

    let mut only_accepting = server.publisher().await.accept_compressed(Gzip);
    let answer = only_accepting.publish(publish()).await.unwrap();
    assert!(
        answer.metadata().get("grpc-encoding").is_none(),
        "nobody asked for gzip"
    );
    assert_eq!(server.pull(2).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_expands_without_end_is_not_expanded() {
    let server = Server::with_subscription().await;
    let mut compressing = server.publisher().await.send_compressed(Gzip);
    // Some 64 kB on the wire.
    let bomb = PublishRequest {
        topic: TOPIC.into(),
        messages: vec![text(&"0".repeat(64 << 20))],
    };
    let status = within(compressing.publish(bomb)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    server.publish(vec![text("still here")]).await;
    server.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let server = Server::with_subscription().await;
    server.publish(vec![text("x")]).await;
    let missing = PublishRequest {
        topic: "projects/shop/topics/no".into(),
        messages: vec![text("x")],
    };
    server.publisher().await.publish(missing).await.unwrap_err();
    let count = |labels: &[&str]| server.metric("postroad_pubsub_requests_total", labels);
    until("the count", || {
        count(&["Publish", "OK"]) == 1.0 && count(&["Publish", "NOT_FOUND"]) == 1.0
    })
    .await;
    assert_eq!(count(&["CreateTopic", "OK"]), 1.0);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_is_not_held_up_by_a_client_that_does_not_read() {
    let server = Server::with(ServeOptions {
        drain: Duration::from_millis(50),
        ..Default::default()
    })
    .await;
    server.create(TOPIC, SUBSCRIPTION).await;
    server.publish(vec![text(&"x".repeat(9_000_000))]).await;
    let first = StreamingPullRequest {
        subscription: SUBSCRIPTION.into(),
        stream_ack_deadline_seconds: 60,
        ..Default::default()
    };
    let mut client = server.subscriber().await;
    let requests = tokio_stream::once(first).chain(tokio_stream::pending());
    let _unread = client.streaming_pull(requests).await.unwrap();
    server.stop().await;
}
