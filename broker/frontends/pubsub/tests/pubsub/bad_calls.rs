//! Calls that are refused: code, and the field by name.

use postroad_pubsub::proto::pubsub::*;
use tonic::Code::{InvalidArgument, NotFound};

use crate::server::*;

#[tokio::test]
async fn lists() {
    let server = Server::with_subscription().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    let topics = || ListTopicsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    let bad = ListTopicsRequest {
        project: "shop".into(),
        ..topics()
    };
    refused(publisher.list_topics(bad).await, InvalidArgument, "project:");
    let bad = ListTopicsRequest {
        page_size: -1,
        ..topics()
    };
    refused(publisher.list_topics(bad).await, InvalidArgument, "page_size");
    let bad = ListTopicsRequest {
        page_token: "no token/ever".into(),
        ..topics()
    };
    refused(publisher.list_topics(bad).await, InvalidArgument, "page_token");
    let bad = ListSubscriptionsRequest {
        project: String::new(),
        ..Default::default()
    };
    refused(
        subscriber.list_subscriptions(bad).await,
        InvalidArgument,
        "project is required",
    );
    let missing = "projects/shop/topics/missing".to_owned();
    let bad = ListTopicSubscriptionsRequest {
        topic: missing,
        ..Default::default()
    };
    refused(
        publisher.list_topic_subscriptions(bad).await,
        NotFound,
        "topics/missing",
    );
    server.stop().await;
}

#[tokio::test]
async fn publishes() {
    let server = Server::with_subscription().await;
    let mut client = server.publisher().await;
    let reserved = PubsubMessage {
        attributes: [("goog-x".into(), "1".into())].into(),
        ..text("x")
    };
    for (topic, messages, code, says) in [
        (
            "projects/shop/topics/missing",
            vec![text("x")],
            NotFound,
            "topics/missing",
        ),
        ("orders", vec![text("x")], InvalidArgument, "topic:"),
        (TOPIC, vec![], InvalidArgument, "messages"),
        (TOPIC, vec![text("x"); 1_001], InvalidArgument, "messages"),
        (
            TOPIC,
            vec![text("x"), text("")],
            InvalidArgument,
            "messages[1].data",
        ),
        (TOPIC, vec![reserved], InvalidArgument, "messages[0].attributes"),
        (
            TOPIC,
            vec![text(&"x".repeat(6_000_000)); 2],
            InvalidArgument,
            "10000000 bytes",
        ),
    ] {
        let request = PublishRequest {
            topic: topic.into(),
            messages,
        };
        refused(client.publish(request).await, code, says);
    }
    assert_eq!(server.pull_now().await, [], "all or nothing");
    server.stop().await;
}

#[tokio::test]
async fn consuming() {
    let server = Server::with_subscription().await;
    let mut client = server.subscriber().await;
    let missing = || "projects/shop/subscriptions/missing".to_owned();
    let pull = |subscription: &str, max_messages| PullRequest {
        subscription: subscription.into(),
        max_messages,
        ..Default::default()
    };
    refused(
        client.pull(pull(SUBSCRIPTION, 0)).await,
        InvalidArgument,
        "max_messages",
    );
    refused(
        client.pull(pull(TOPIC, 1)).await,
        InvalidArgument,
        "subscription:",
    );
    refused(client.pull(pull(&missing(), 1)).await, NotFound, &missing());

    server.publish(vec![text("x")]).await;
    let good = server.pull(1).await[0].ack_id.clone();
    let acknowledge = |subscription: &str, ids: &[&str]| AcknowledgeRequest {
        subscription: subscription.into(),
        ack_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    refused(
        client.acknowledge(acknowledge(SUBSCRIPTION, &[])).await,
        InvalidArgument,
        "ack_ids",
    );
    let answer = client
        .acknowledge(acknowledge(SUBSCRIPTION, &[&good, "bad"]))
        .await;
    refused(
        answer,
        InvalidArgument,
        "invalid ack ID to the service (ack_id=bad)",
    );
    refused(
        client.acknowledge(acknowledge(&missing(), &[&good])).await,
        NotFound,
        &missing(),
    );
    server
        .create("projects/shop/topics/other", "projects/shop/subscriptions/other")
        .await;
    let answer = client
        .acknowledge(acknowledge("projects/shop/subscriptions/other", &[&good]))
        .await;
    assert_eq!(
        answer.unwrap_err().code(),
        InvalidArgument,
        "an ack id of another subscription"
    );

    let modify = |ids: &[&str], ack_deadline_seconds| ModifyAckDeadlineRequest {
        subscription: SUBSCRIPTION.into(),
        ack_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ack_deadline_seconds,
    };
    refused(
        client.modify_ack_deadline(modify(&[&good], 601)).await,
        InvalidArgument,
        "ack_deadline_seconds",
    );
    refused(
        client.modify_ack_deadline(modify(&[&good], -1)).await,
        InvalidArgument,
        "ack_deadline_seconds",
    );
    refused(
        client.modify_ack_deadline(modify(&["bad"], 10)).await,
        InvalidArgument,
        "ack_id=bad",
    );
    refused(
        client.modify_ack_deadline(modify(&[], 10)).await,
        InvalidArgument,
        "ack_ids",
    );
    let missing = DeleteSubscriptionRequest {
        subscription: missing(),
    };
    refused(
        client.delete_subscription(missing).await,
        NotFound,
        "subscriptions/missing",
    );
    server.stop().await;
}
