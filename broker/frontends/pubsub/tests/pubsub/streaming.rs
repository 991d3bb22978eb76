//! StreamingPull: what arrives, and how much at a time.

use postroad_pubsub::proto::pubsub::*;
use prost::Message;

use crate::server::*;
use crate::stream::{Stream, ack, first};

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
