//! UpdateTopic, UpdateSubscription, ModifyPushConfig.

use std::collections::BTreeMap;

use postroad_node::{Change, PutMode};
use postroad_pubsub::proto::pubsub::*;
use postroad_types::{Owner, ResourceName, SubscriptionSpec, TopicName, TopicSpec};
use prost_types::{Duration, FieldMask};
use tonic::Code::{self, FailedPrecondition, InvalidArgument, NotFound, Unimplemented};

use crate::server::*;

fn labels(team: &str) -> BTreeMap<String, String> {
    [("team".to_owned(), team.to_owned())].into()
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

fn update_topic(paths: &[&str], change: impl Fn(&mut Topic)) -> UpdateTopicRequest {
    let mut topic = Topic {
        name: TOPIC.into(),
        ..Default::default()
    };
    change(&mut topic);
    UpdateTopicRequest {
        topic: Some(topic),
        update_mask: mask(paths),
    }
}

fn update_subscription(paths: &[&str], change: impl Fn(&mut Subscription)) -> UpdateSubscriptionRequest {
    let mut subscription = Subscription {
        name: SUBSCRIPTION.into(),
        ..Default::default()
    };
    change(&mut subscription);
    UpdateSubscriptionRequest {
        subscription: Some(subscription),
        update_mask: mask(paths),
    }
}

async fn get_topic(server: &Server) -> Topic {
    let get = GetTopicRequest { topic: TOPIC.into() };
    server
        .publisher()
        .await
        .get_topic(get)
        .await
        .unwrap()
        .into_inner()
}

async fn get_subscription(server: &Server) -> Subscription {
    let get = GetSubscriptionRequest {
        subscription: SUBSCRIPTION.into(),
    };
    let got = server.subscriber().await.get_subscription(get).await;
    got.unwrap().into_inner()
}

#[tokio::test]
async fn what_the_mask_names_is_changed_and_the_answer_is_the_resource() {
    let server = Server::with_subscription().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    let before = get_topic(&server).await;
    let request = update_topic(&["labels"], |topic| topic.labels = labels("checkout"));
    let updated = publisher.update_topic(request).await.unwrap().into_inner();
    let expected = Topic {
        labels: labels("checkout"),
        ..before.clone()
    };
    assert_eq!(updated, expected);
    assert_eq!(get_topic(&server).await, expected);

    let before = get_subscription(&server).await;
    // The labels are given, but not named: they don't count, not even that they are bad.
    let request = update_subscription(&["ack_deadline_seconds"], |asked| {
        asked.ack_deadline_seconds = 77;
        asked.labels = labels("NOT VALID");
        asked.filter = "attributes:x".into();
        asked.topic = "nonsense".into();
    });
    let updated = subscriber
        .update_subscription(request)
        .await
        .unwrap()
        .into_inner();
    let expected = Subscription {
        ack_deadline_seconds: 77,
        ..before.clone()
    };
    assert_eq!(updated, expected);
    assert_eq!(get_subscription(&server).await, expected);

    let request = update_subscription(&["labels"], |asked| asked.labels = labels("money"));
    subscriber.update_subscription(request).await.unwrap();
    // Labels are replaced as a whole, and 0 means the default, as in Create.
    let request = update_subscription(&["labels", "ack_deadline_seconds"], |_| {});
    let updated = subscriber
        .update_subscription(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(updated, before);
    server.stop().await;
}

/// What is asked for is what happens anyway: tools that write whole resources do so.
#[tokio::test]
async fn values_that_are_in_force_are_accepted() {
    let server = Server::with_subscription().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    let before = get_topic(&server).await;
    let all = [
        "labels",
        "message_retention_duration",
        "message_storage_policy",
        "schema_settings",
        "ingestion_data_source_settings",
        "message_transforms",
    ];
    let request = update_topic(&all, |topic| *topic = before.clone());
    assert_eq!(
        publisher.update_topic(request).await.unwrap().into_inner(),
        before
    );

    let before = get_subscription(&server).await;
    let all = [
        "labels",
        "ack_deadline_seconds",
        "push_config",
        "bigquery_config",
        "cloud_storage_config",
        "bigtable_config",
        "retain_acked_messages",
        "message_retention_duration",
        "expiration_policy",
        "dead_letter_policy",
        "retry_policy",
        "enable_exactly_once_delivery",
        "message_transforms",
    ];
    let request = update_subscription(&all, |asked| *asked = before.clone());
    let updated = subscriber
        .update_subscription(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(updated, before);
    server.stop().await;
}

/// A mask and a change, and how they are refused.
type Case<T> = (&'static str, fn(&mut T), Code, &'static str);

#[tokio::test]
async fn topic_updates_that_are_refused() {
    let server = Server::with_subscription().await;
    let mut client = server.publisher().await;
    let before = get_topic(&server).await;
    let cases: [Case<Topic>; 11] = [
        (
            "labels",
            |topic| topic.name.clear(),
            InvalidArgument,
            "topic.name is required",
        ),
        (
            "labels",
            |topic| topic.name = "orders".into(),
            InvalidArgument,
            "topic.name",
        ),
        (
            "labels",
            |topic| topic.name = "projects/shop/topics/missing".into(),
            NotFound,
            "Resource not found (resource=projects/shop/topics/missing).",
        ),
        (
            "labels",
            |topic| topic.labels = labels("NO"),
            InvalidArgument,
            "labels",
        ),
        ("name", |_| {}, InvalidArgument, "\"name\" can't be changed"),
        (
            "kms_key_name",
            |_| {},
            InvalidArgument,
            "\"kms_key_name\" can't be changed",
        ),
        ("labels.team", |_| {}, InvalidArgument, "labels.team"),
        (
            "colour",
            |_| {},
            InvalidArgument,
            "\"colour\" is not a field of a topic",
        ),
        (
            "schema_settings",
            |topic| topic.schema_settings = Some(Default::default()),
            Unimplemented,
            "schema_settings",
        ),
        (
            "message_retention_duration",
            |topic| {
                topic.message_retention_duration = Some(Duration {
                    seconds: 600,
                    nanos: 0,
                })
            },
            Unimplemented,
            "message_retention_duration",
        ),
        (
            "message_retention_duration",
            |topic| topic.message_retention_duration = Some(Duration { seconds: 1, nanos: 0 }),
            InvalidArgument,
            "message_retention_duration",
        ),
    ];
    for (path, change, code, says) in cases {
        refused(
            client.update_topic(update_topic(&[path], change)).await,
            code,
            says,
        );
    }
    let unnamed = update_topic(&[], |topic| topic.labels = labels("x"));
    refused(
        client.update_topic(unnamed).await,
        InvalidArgument,
        "update_mask is required",
    );
    let nothing = UpdateTopicRequest::default();
    refused(
        client.update_topic(nothing).await,
        InvalidArgument,
        "topic is required",
    );
    assert_eq!(get_topic(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn subscription_updates_that_are_refused() {
    let server = Server::with_subscription().await;
    let mut client = server.subscriber().await;
    let before = get_subscription(&server).await;
    let cases: [Case<Subscription>; 15] = [
        (
            "labels",
            |asked| asked.name.clear(),
            InvalidArgument,
            "subscription.name is required",
        ),
        (
            "labels",
            |asked| asked.name = "projects/shop/subscriptions/missing".into(),
            NotFound,
            "Resource not found (resource=projects/shop/subscriptions/missing).",
        ),
        (
            "ack_deadline_seconds",
            |asked| asked.ack_deadline_seconds = 9,
            InvalidArgument,
            "ack_deadline_seconds",
        ),
        ("topic", |_| {}, InvalidArgument, "\"topic\" can't be changed"),
        ("filter", |_| {}, InvalidArgument, "\"filter\" can't be changed"),
        (
            "detached",
            |_| {},
            InvalidArgument,
            "\"detached\" can't be changed",
        ),
        (
            "enable_message_ordering",
            |_| {},
            InvalidArgument,
            "\"enable_message_ordering\"",
        ),
        (
            "colour",
            |_| {},
            InvalidArgument,
            "\"colour\" is not a field of a subscription",
        ),
        (
            "push_config",
            |asked| asked.push_config = Some(push_to("https://example.com")),
            Unimplemented,
            "push_config",
        ),
        (
            "push_config.push_endpoint",
            |_| {},
            Unimplemented,
            "push_config.push_endpoint",
        ),
        (
            "dead_letter_policy",
            |asked| asked.dead_letter_policy = Some(Default::default()),
            Unimplemented,
            "dead_letter_policy",
        ),
        (
            "retry_policy",
            |asked| asked.retry_policy = Some(Default::default()),
            Unimplemented,
            "retry_policy",
        ),
        (
            "retain_acked_messages",
            |asked| asked.retain_acked_messages = true,
            Unimplemented,
            "retain_acked_messages",
        ),
        (
            "message_retention_duration",
            |asked| {
                asked.message_retention_duration = Some(Duration {
                    seconds: 600,
                    nanos: 0,
                })
            },
            Unimplemented,
            "message_retention_duration",
        ),
        (
            "expiration_policy",
            |asked| {
                let ttl = Some(Duration { seconds: 1, nanos: 0 });
                asked.expiration_policy = Some(ExpirationPolicy { ttl });
            },
            InvalidArgument,
            "expiration_policy.ttl",
        ),
    ];
    for (path, change, code, says) in cases {
        let request = update_subscription(&[path, "labels"], change);
        refused(client.update_subscription(request).await, code, says);
    }
    let unnamed = update_subscription(&[], |asked| asked.labels = labels("x"));
    refused(
        client.update_subscription(unnamed).await,
        InvalidArgument,
        "update_mask is required",
    );
    let nothing = UpdateSubscriptionRequest::default();
    refused(
        client.update_subscription(nothing).await,
        InvalidArgument,
        "subscription is required",
    );
    assert_eq!(get_subscription(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn what_is_declared_elsewhere_is_changed_there() {
    let server = Server::start().await;
    let (name, mode) = (ResourceName::parse("shop", "orders").unwrap(), PutMode::Apply);
    let topic = Change::PutTopic {
        name: TopicName(name),
        spec: TopicSpec {
            partitions: 1,
            ..Default::default()
        },
        mode,
    };
    let queue = Change::PutQueue {
        name: ResourceName::parse("shop", "billing").unwrap(),
        spec: SubscriptionSpec {
            ack_deadline_seconds: 10,
            ..Default::default()
        },
        mode,
    };
    for (owner, change) in [(Owner::Kubernetes, topic), (Owner::File, queue)] {
        server.node.change(owner, vec![change]).await.remove(0).unwrap();
    }
    let request = update_topic(&["labels"], |topic| topic.labels = labels("x"));
    let answer = server.publisher().await.update_topic(request).await;
    refused(
        answer,
        FailedPrecondition,
        "declared in Kubernetes (Topic shop/orders)",
    );
    let request = update_subscription(&["labels"], |asked| asked.labels = labels("x"));
    let answer = server.subscriber().await.update_subscription(request).await;
    refused(answer, FailedPrecondition, "part of Queue shop/billing");
    server.stop().await;
}

/// One client sets the labels, another the deadline, at the same time: both read the subscription before either writes it,
/// and the second to write must not undo what the first wrote. Whatever the order, in the end both are set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_of_different_fields_are_both_kept() {
    let server = Server::with_subscription().await;
    let (mut one, mut other) = (server.subscriber().await, server.subscriber().await);
    for round in 0..20_i32 {
        let (team, seconds) = (format!("team-{round}"), 100 + round);
        let by_label = update_subscription(&["labels"], |asked| asked.labels = labels(&team));
        let by_deadline = update_subscription(&["ack_deadline_seconds"], |asked| {
            asked.ack_deadline_seconds = seconds
        });
        let (labelled, timed) = tokio::join!(
            one.update_subscription(by_label),
            other.update_subscription(by_deadline)
        );
        assert_eq!(labelled.unwrap().into_inner().labels, labels(&team));
        assert_eq!(timed.unwrap().into_inner().ack_deadline_seconds, seconds);
        let found = get_subscription(&server).await;
        assert_eq!(
            (found.labels, found.ack_deadline_seconds),
            (labels(&team), seconds)
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn an_update_redelivers_nothing() {
    let server = Server::with_subscription().await;
    server.publish(vec![text("held")]).await;
    let held = server.pull(1).await;
    let request = update_subscription(&["labels", "ack_deadline_seconds"], |asked| {
        asked.labels = labels("money");
        asked.ack_deadline_seconds = 600;
    });
    server
        .subscriber()
        .await
        .update_subscription(request)
        .await
        .unwrap();
    assert_eq!(server.pull_now().await, [], "it is in our hands");
    server.publish(vec![text("next")]).await;
    let next = server.pull(10).await;
    assert_eq!(next.iter().map(data).collect::<Vec<_>>(), ["next"]);
    server.acknowledge(vec![held[0].ack_id.clone()]).await;
    server.stop().await;
}

fn push_to(endpoint: &str) -> PushConfig {
    PushConfig {
        push_endpoint: endpoint.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_pull_subscription_stays_one() {
    let server = Server::with_subscription().await;
    let mut client = server.subscriber().await;
    let modify = |subscription: &str, push_config| ModifyPushConfigRequest {
        subscription: subscription.into(),
        push_config,
    };
    for pull in [None, Some(PushConfig::default())] {
        client
            .modify_push_config(modify(SUBSCRIPTION, pull))
            .await
            .unwrap();
    }
    let push = modify(SUBSCRIPTION, Some(push_to("https://example.com")));
    refused(
        client.modify_push_config(push).await,
        Unimplemented,
        "push_config",
    );
    let missing = modify("projects/shop/subscriptions/missing", None);
    refused(
        client.modify_push_config(missing).await,
        NotFound,
        "subscriptions/missing",
    );
    let nameless = modify("", None);
    refused(
        client.modify_push_config(nameless).await,
        InvalidArgument,
        "subscription is required",
    );
    server.stop().await;
}
