//! Topics and subscriptions that are refused: code, and the field by name.

use std::collections::BTreeMap;

use postroad_pubsub::proto::pubsub::*;
use prost_types::Duration;
use tonic::Code::{self, AlreadyExists, InvalidArgument, NotFound, Unimplemented};

use crate::server::*;

fn pair(key: &str, value: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), value.to_owned())].into()
}

fn numbered(count: usize) -> BTreeMap<String, String> {
    (0..count)
        .map(|number| (format!("k{number}"), String::new()))
        .collect()
}

fn some<T: Default>() -> Option<T> {
    Some(T::default())
}

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn expires(after: i64) -> Option<ExpirationPolicy> {
    Some(ExpirationPolicy { ttl: seconds(after) })
}

fn in_europe() -> MessageStoragePolicy {
    MessageStoragePolicy {
        allowed_persistence_regions: vec!["eu".into()],
        ..Default::default()
    }
}

fn push_to(endpoint: &str) -> PushConfig {
    PushConfig {
        push_endpoint: endpoint.into(),
        ..Default::default()
    }
}

fn with_token() -> PushConfig {
    let token = push_config::OidcToken::default();
    let authentication_method = Some(push_config::AuthenticationMethod::OidcToken(token));
    PushConfig {
        authentication_method,
        ..Default::default()
    }
}

/// What a request is changed by, and how that is refused.
type Case<T> = (fn(&mut T), Code, &'static str);

#[tokio::test]
async fn topics() {
    let server = Server::with_subscription().await;
    let mut client = server.publisher().await;
    let cases: [Case<Topic>; 19] = [
        (|topic| topic.name.clear(), InvalidArgument, "name is required"),
        (|topic| topic.name = "fresh".into(), InvalidArgument, "name:"),
        (
            |topic| topic.name = "projects/shop/topics/googly".into(),
            InvalidArgument,
            "name:",
        ),
        (
            |topic| topic.name = "projects/a b/topics/fresh".into(),
            InvalidArgument,
            "name:",
        ),
        (|topic| topic.name = TOPIC.into(), AlreadyExists, TOPIC),
        (
            |topic| topic.labels = pair("Team", "a"),
            InvalidArgument,
            "labels",
        ),
        (|topic| topic.labels = pair("1", "a"), InvalidArgument, "labels"),
        (
            |topic| topic.labels = pair("team", &"a".repeat(64)),
            InvalidArgument,
            "labels",
        ),
        (|topic| topic.labels = numbered(65), InvalidArgument, "labels: 65"),
        (
            |topic| topic.message_retention_duration = seconds(599),
            InvalidArgument,
            "message_retention_duration",
        ),
        (
            |topic| topic.message_retention_duration = seconds(-1),
            InvalidArgument,
            "message_retention_duration",
        ),
        (
            |topic| topic.message_retention_duration = seconds(600),
            Unimplemented,
            "message_retention_duration",
        ),
        (
            |topic| topic.message_storage_policy = Some(in_europe()),
            Unimplemented,
            "message_storage_policy",
        ),
        (
            |topic| topic.kms_key_name = "key".into(),
            Unimplemented,
            "kms_key_name",
        ),
        (
            |topic| topic.schema_settings = some(),
            Unimplemented,
            "schema_settings",
        ),
        (|topic| topic.satisfies_pzs = true, Unimplemented, "satisfies_pzs"),
        (
            |topic| topic.ingestion_data_source_settings = some(),
            Unimplemented,
            "ingestion_data_source_settings",
        ),
        (
            |topic| topic.message_transforms = vec![Default::default()],
            Unimplemented,
            "message_transforms",
        ),
        (|topic| topic.tags = pair("1/a", "b"), Unimplemented, "tags"),
    ];
    for (change, code, says) in cases {
        let mut topic = Topic {
            name: "projects/shop/topics/fresh".into(),
            ..Default::default()
        };
        change(&mut topic);
        refused(client.create_topic(topic).await, code, says);
    }
    let missing = "projects/shop/topics/missing".to_owned();
    let answer = client
        .get_topic(GetTopicRequest {
            topic: missing.clone(),
        })
        .await;
    refused(
        answer,
        NotFound,
        "Resource not found (resource=projects/shop/topics/missing).",
    );
    let bad = GetTopicRequest {
        topic: "projects/shop/topics".into(),
    };
    refused(client.get_topic(bad).await, InvalidArgument, "topic:");
    let gone = DeleteTopicRequest { topic: missing };
    refused(client.delete_topic(gone).await, NotFound, "topics/missing");
    server.stop().await;
}

#[tokio::test]
async fn subscriptions() {
    let server = Server::with_subscription().await;
    let mut client = server.subscriber().await;
    let cases: [Case<Subscription>; 25] = [
        (|asked| asked.name.clear(), InvalidArgument, "name is required"),
        (|asked| asked.name = TOPIC.into(), InvalidArgument, "name:"),
        (
            |asked| asked.name = SUBSCRIPTION.into(),
            AlreadyExists,
            SUBSCRIPTION,
        ),
        (|asked| asked.topic.clear(), InvalidArgument, "topic is required"),
        (
            |asked| asked.topic = "_deleted-topic_".into(),
            InvalidArgument,
            "topic:",
        ),
        (
            |asked| asked.topic = "projects/shop/topics/missing".into(),
            NotFound,
            "topics/missing",
        ),
        (
            |asked| asked.ack_deadline_seconds = 9,
            InvalidArgument,
            "ack_deadline_seconds",
        ),
        (
            |asked| asked.ack_deadline_seconds = 601,
            InvalidArgument,
            "ack_deadline_seconds",
        ),
        (
            |asked| asked.message_retention_duration = seconds(0),
            InvalidArgument,
            "message_retention_duration",
        ),
        (
            |asked| asked.message_retention_duration = seconds(600),
            Unimplemented,
            "message_retention_duration",
        ),
        (
            |asked| asked.expiration_policy = expires(86_399),
            InvalidArgument,
            "expiration_policy.ttl",
        ),
        (
            |asked| asked.expiration_policy = expires(86_400),
            Unimplemented,
            "expiration_policy.ttl",
        ),
        (|asked| asked.detached = true, InvalidArgument, "detached"),
        (
            |asked| asked.push_config = Some(push_to("https://example.com")),
            Unimplemented,
            "push_config.push_endpoint",
        ),
        (
            |asked| asked.push_config = Some(with_token()),
            Unimplemented,
            "push_config",
        ),
        (
            |asked| asked.bigquery_config = some(),
            Unimplemented,
            "bigquery_config",
        ),
        (
            |asked| asked.cloud_storage_config = some(),
            Unimplemented,
            "cloud_storage_config",
        ),
        (
            |asked| asked.bigtable_config = some(),
            Unimplemented,
            "bigtable_config",
        ),
        (
            |asked| asked.retain_acked_messages = true,
            Unimplemented,
            "retain_acked_messages",
        ),
        (
            |asked| asked.enable_exactly_once_delivery = true,
            Unimplemented,
            "enable_exactly_once_delivery",
        ),
        (
            |asked| asked.filter = "attributes:x".into(),
            Unimplemented,
            "filter",
        ),
        (
            |asked| asked.dead_letter_policy = some(),
            Unimplemented,
            "dead_letter_policy",
        ),
        (|asked| asked.retry_policy = some(), Unimplemented, "retry_policy"),
        (
            |asked| asked.message_transforms = vec![Default::default()],
            Unimplemented,
            "message_transforms",
        ),
        (|asked| asked.tags = pair("1/a", "b"), Unimplemented, "tags"),
    ];
    for (change, code, says) in cases {
        let name = "projects/shop/subscriptions/fresh".into();
        let mut asked = Subscription {
            name,
            topic: TOPIC.into(),
            ..Default::default()
        };
        change(&mut asked);
        refused(client.create_subscription(asked).await, code, says);
    }
    server.stop().await;
}
