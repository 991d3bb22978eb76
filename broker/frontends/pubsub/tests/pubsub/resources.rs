//! Topics and subscriptions: what Create, Get, List and Delete tell.

use std::collections::BTreeMap;

use postroad_node::{Change, PutMode};
use postroad_pubsub::proto::pubsub::*;
use postroad_types::{Owner, ResourceName, SubscriptionSpec, TopicName, TopicSpec};
use tonic::Code;

use crate::server::*;

fn labels() -> BTreeMap<String, String> {
    [("team".to_owned(), "checkout".to_owned())].into()
}

#[tokio::test]
async fn create_get_and_list_tell_the_same_as_google_does() {
    let server = Server::start().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);

    let topic = Topic {
        name: TOPIC.into(),
        labels: labels(),
        ..Default::default()
    };
    let expected = Topic {
        state: topic::State::Active.into(),
        ..topic.clone()
    };
    assert_eq!(
        publisher.create_topic(topic).await.unwrap().into_inner(),
        expected
    );
    let get = GetTopicRequest { topic: TOPIC.into() };
    assert_eq!(publisher.get_topic(get).await.unwrap().into_inner(), expected);
    let list = ListTopicsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    assert_eq!(
        publisher.list_topics(list).await.unwrap().into_inner().topics,
        [expected]
    );

    let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let subscription = Subscription {
        name: SUBSCRIPTION.into(),
        topic: TOPIC.into(),
        labels: labels(),
        ..Default::default()
    };
    let expected = Subscription {
        ack_deadline_seconds: 10,
        push_config: Some(PushConfig::default()),
        message_retention_duration: Some(seconds(604_800)),
        expiration_policy: Some(ExpirationPolicy {
            ttl: Some(seconds(2_678_400)),
        }),
        state: subscription::State::Active.into(),
        ..subscription.clone()
    };
    let created = subscriber
        .create_subscription(subscription)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(created, expected);
    // What Get gave can be given to Create: scripts copy subscriptions so.
    let copy = Subscription {
        name: format!("{SUBSCRIPTION}-copy"),
        ..created
    };
    subscriber.create_subscription(copy.clone()).await.unwrap();
    let get = GetSubscriptionRequest {
        subscription: copy.name.clone(),
    };
    assert_eq!(subscriber.get_subscription(get).await.unwrap().into_inner(), copy);
    let list = ListSubscriptionsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    let listed = subscriber.list_subscriptions(list).await.unwrap().into_inner();
    assert_eq!(listed.subscriptions, [expected, copy]);
    server.stop().await;
}

#[tokio::test]
async fn defaults_that_clients_spell_out_are_accepted() {
    let server = Server::start().await;
    server.create(TOPIC, SUBSCRIPTION).await;
    let never = Subscription {
        name: "projects/shop/subscriptions/audit".into(),
        topic: TOPIC.into(),
        ack_deadline_seconds: 600,
        push_config: Some(PushConfig::default()),
        message_retention_duration: Some(prost_types::Duration {
            seconds: 604_800,
            nanos: 0,
        }),
        expiration_policy: Some(ExpirationPolicy { ttl: None }),
        ..Default::default()
    };
    let created = server
        .subscriber()
        .await
        .create_subscription(never)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(created.ack_deadline_seconds, 600);
    server.stop().await;
}

#[tokio::test]
async fn a_list_is_paged_to_its_end_and_stays_in_its_project() {
    let server = Server::start().await;
    let mut publisher = server.publisher().await;
    let names: Vec<_> = (0..5)
        .map(|number| format!("projects/shop/topics/topic-{number}"))
        .collect();
    for name in &names {
        publisher
            .create_topic(Topic {
                name: name.clone(),
                ..Default::default()
            })
            .await
            .unwrap();
    }
    let elsewhere = Topic {
        name: "projects/other/topics/topic-0".into(),
        ..Default::default()
    };
    publisher.create_topic(elsewhere).await.unwrap();

    let mut request = ListTopicsRequest {
        project: "projects/shop".into(),
        page_size: 2,
        ..Default::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = publisher.list_topics(request.clone()).await.unwrap().into_inner();
        pages.push(
            page.topics
                .into_iter()
                .map(|topic| topic.name)
                .collect::<Vec<_>>(),
        );
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [&names[0..2], &names[2..4], &names[4..5]]);
    server.stop().await;
}

#[tokio::test]
async fn the_subscriptions_of_a_topic_are_paged_too() {
    let server = Server::with_subscription().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    for name in ["audit", "zebra"] {
        let name = format!("projects/elsewhere/subscriptions/{name}");
        let subscription = Subscription {
            name,
            topic: TOPIC.into(),
            ..Default::default()
        };
        subscriber.create_subscription(subscription).await.unwrap();
    }
    let mut request = ListTopicSubscriptionsRequest {
        topic: TOPIC.into(),
        page_size: 2,
        ..Default::default()
    };
    let first = publisher
        .list_topic_subscriptions(request.clone())
        .await
        .unwrap()
        .into_inner();
    request.page_token = first.next_page_token;
    let second = publisher
        .list_topic_subscriptions(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((first.subscriptions.len(), second.subscriptions.len()), (2, 1));
    assert_eq!(second.next_page_token, "");
    let mut all = [first.subscriptions, second.subscriptions].concat();
    all.sort();
    let expected = [
        "projects/elsewhere/subscriptions/audit",
        "projects/elsewhere/subscriptions/zebra",
        SUBSCRIPTION,
    ];
    assert_eq!(all, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_topic_leaves_its_subscription_behind_for_good() {
    let server = Server::with_subscription().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    let delete = DeleteTopicRequest { topic: TOPIC.into() };
    publisher.delete_topic(delete.clone()).await.unwrap();
    assert_eq!(
        publisher.delete_topic(delete).await.unwrap_err().code(),
        Code::NotFound
    );

    let get = GetSubscriptionRequest {
        subscription: SUBSCRIPTION.into(),
    };
    let orphan = subscriber
        .get_subscription(get.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(orphan.topic, "_deleted-topic_");
    publisher
        .create_topic(Topic {
            name: TOPIC.into(),
            ..Default::default()
        })
        .await
        .unwrap();
    let orphan = subscriber
        .get_subscription(get.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        orphan.topic, "_deleted-topic_",
        "a new topic of the name must not take the subscription"
    );

    let delete = DeleteSubscriptionRequest {
        subscription: SUBSCRIPTION.into(),
    };
    subscriber.delete_subscription(delete.clone()).await.unwrap();
    assert_eq!(
        subscriber.delete_subscription(delete).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(
        subscriber.get_subscription(get).await.unwrap_err().code(),
        Code::NotFound
    );
    server.stop().await;
}

#[tokio::test]
async fn what_kubernetes_declares_is_refused_changes_and_used_freely() {
    let server = Server::start().await;
    let name = TopicName::parse("shop", "1st").unwrap();
    let spec = TopicSpec {
        partitions: 1,
        labels: BTreeMap::new(),
    };
    let put = Change::PutTopic {
        name,
        spec,
        mode: PutMode::Apply,
    };
    server
        .node
        .change(Owner::Kubernetes, vec![put])
        .await
        .remove(0)
        .unwrap();

    // Pub/Sub could not create a topic of this name, but may use it.
    let topic = "projects/shop/topics/1st".to_owned();
    let mut publisher = server.publisher().await;
    let publish = PublishRequest {
        topic: topic.clone(),
        messages: vec![text("hello")],
    };
    publisher.publish(publish).await.unwrap();
    let refused = publisher
        .delete_topic(DeleteTopicRequest { topic })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("Kubernetes"), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn a_queue_is_the_topic_and_the_subscription_of_its_name() {
    let server = Server::start().await;
    let put = Change::PutQueue {
        name: ResourceName::parse("shop", "mail").unwrap(),
        spec: SubscriptionSpec {
            ack_deadline_seconds: 10,
            labels: BTreeMap::new(),
            enable_message_ordering: false,
        },
        mode: PutMode::Apply,
    };
    server
        .node
        .change(Owner::File, vec![put])
        .await
        .remove(0)
        .unwrap();
    let topic = "projects/shop/topics/mail".to_owned();
    let publish = PublishRequest {
        topic,
        messages: vec![text("letter")],
    };
    server.publisher().await.publish(publish).await.unwrap();
    let subscription = "projects/shop/subscriptions/mail".to_owned();
    let pull = PullRequest {
        subscription,
        max_messages: 1,
        ..Default::default()
    };
    let pulled = server.subscriber().await.pull(pull).await.unwrap().into_inner();
    assert_eq!(
        pulled.received_messages.iter().map(data).collect::<Vec<_>>(),
        ["letter"]
    );
    server.stop().await;
}
