//! Publishing, and unary consuming.

use postroad_pubsub::proto::pubsub::*;

use crate::server::*;

#[tokio::test]
async fn a_message_arrives_as_it_was_published_until_it_is_acknowledged() {
    let server = Server::with_subscription().await;
    let published = PubsubMessage {
        data: vec![0, 159, 146, 150].into(),
        attributes: [
            ("colour".into(), "bleu foncé".into()),
            ("empty".into(), String::new()),
        ]
        .into(),
        ordering_key: "customer-7".into(),
        ..Default::default()
    };
    let only_attributes = PubsubMessage {
        data: Default::default(),
        ..published.clone()
    };
    let ids = server
        .publish(vec![published.clone(), only_attributes.clone()])
        .await;

    let received = server.pull(10).await;
    assert_eq!(received.len(), 2);
    for ((received, published), id) in received.iter().zip([&published, &only_attributes]).zip(&ids) {
        let message = received.message.clone().unwrap();
        assert_eq!(message.message_id, *id);
        assert!(message.publish_time.unwrap().seconds > 1_700_000_000);
        let as_published = PubsubMessage {
            message_id: String::new(),
            publish_time: None,
            ..message
        };
        assert_eq!(as_published, *published);
        assert_eq!(
            received.delivery_attempt, 0,
            "set only where a dead letter policy is"
        );
    }
    assert_eq!(server.pull_now().await, [], "it is leased");

    server
        .acknowledge(received.iter().map(|message| message.ack_id.clone()).collect())
        .await;
    // Acknowledging again is not an error.
    server.acknowledge(vec![received[0].ack_id.clone()]).await;
    server.publish(vec![text("next")]).await;
    let next = server.pull(10).await;
    assert_eq!(next.iter().map(data).collect::<Vec<_>>(), ["next"]);
    server.stop().await;
}

#[tokio::test]
async fn ids_are_in_order_and_each_subscription_gets_everything() {
    let server = Server::with_subscription().await;
    let audit = "projects/shop/subscriptions/audit";
    let subscription = Subscription {
        name: audit.into(),
        topic: TOPIC.into(),
        ..Default::default()
    };
    server
        .subscriber()
        .await
        .create_subscription(subscription)
        .await
        .unwrap();

    let ids = server
        .publish((0..1_000).map(|number| text(&number.to_string())).collect())
        .await;
    let numbers: Vec<u64> = ids.iter().map(|id| id.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));

    for subscription in [SUBSCRIPTION, audit] {
        let mut received = Vec::new();
        while received.len() < 1_000 {
            let pull = PullRequest {
                subscription: subscription.into(),
                max_messages: 600,
                ..Default::default()
            };
            let pulled = server
                .subscriber()
                .await
                .pull(pull)
                .await
                .unwrap()
                .into_inner()
                .received_messages;
            assert!((1..=600).contains(&pulled.len()));
            received.extend(pulled.iter().map(|message| data(message).parse::<u64>().unwrap()));
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..1_000), "{subscription}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_nack_and_an_expired_deadline_bring_a_message_back() {
    let server = Server::with_subscription().await;
    server.publish(vec![text("again")]).await;
    let first = server.pull(1).await;

    server.modify_deadline(&first[0].ack_id, 600).await;
    assert_eq!(server.pull_now().await, []);
    server.modify_deadline(&first[0].ack_id, 0).await;
    let second = server.pull(1).await;
    assert_eq!(data(&second[0]), "again");
    assert_ne!(second[0].ack_id, first[0].ack_id);

    server.modify_deadline(&second[0].ack_id, 1).await;
    let third = server.pull(1).await;
    assert_eq!(data(&third[0]), "again");
    // A late acknowledgement of an earlier delivery is accepted; the client can't know better.
    server
        .acknowledge(vec![first[0].ack_id.clone(), third[0].ack_id.clone()])
        .await;
    assert_eq!(server.pull_now().await, []);
    server.stop().await;
}

#[tokio::test]
async fn a_waiting_pull_gets_what_is_published_meanwhile() {
    let server = Server::with_subscription().await;
    let (pulled, _) = tokio::join!(within(server.pull(5)), async {
        tokio::task::yield_now().await;
        server.publish(vec![text("fresh")]).await
    });
    assert_eq!(pulled.iter().map(data).collect::<Vec<_>>(), ["fresh"]);
    server.stop().await;
}

#[tokio::test]
async fn a_message_of_ten_megabytes_passes_both_ways() {
    let server = Server::with_subscription().await;
    let big: Vec<u8> = (0..10_000_000_u32).map(|place| (place % 251) as u8).collect();
    let message = PubsubMessage {
        data: big.clone().into(),
        ..Default::default()
    };
    server.publish(vec![message]).await;
    let received = server.pull(1).await;
    assert!(
        received[0].message.as_ref().unwrap().data == big,
        "it came back changed"
    );
    server.stop().await;
}
