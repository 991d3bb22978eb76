//! What a broker can't do yet is named, never dropped in silence.

use postroad_admin_api as admin;
use postroad_crds::convert::{self, ConvertError};
use postroad_crds::manifest::definitions;
use postroad_crds::{QueueSpec, SubscriptionSpec, TopicSpec};
use serde_json::{Map, Value, json};

/// A value other than the default for every field that the broker does not support, by kind.
fn unsupported(kind: &str) -> Value {
    match kind {
        "Topic" => json!({
            "messageRetentionDuration": "1h", "schemaSettings": { "schemaRef": { "name": "s" } },
            "durability": "Replicated", "maxMessageBytes": "1M" }),
        "Subscription" => json!({
            "messageRetentionDuration": "1h", "retainAckedMessages": true,
            "enableExactlyOnceDelivery": true, "filter": "attributes:a", "expirationPolicy": { "ttl": "24h" },
            "deadLetterPolicy": { "deadLetterTopicRef": { "name": "d" } }, "retryPolicy": {},
            "pushConfig": { "pushEndpoint": "https://example.com" } }),
        _ => json!({
            "maxPriority": 3, "messageTTL": "1s", "deliveryDelay": "1s", "maxMessages": 1, "maxBytes": "1",
            "overflow": "DropHead", "deadLetterPolicy": { "deadLetterTopicRef": { "name": "d" } },
            "retryPolicy": {}, "singleActiveConsumer": true }),
    }
}

/// Fields that the conversion, or the operator before it, carries out.
fn supported(kind: &str) -> &'static [&'static str] {
    match kind {
        "Topic" => &[
            "clusterRef",
            "deletionPolicy",
            "labels",
            "partitions",
            "resourceID",
        ],
        "Subscription" => &[
            "ackDeadlineSeconds",
            "deletionPolicy",
            "enableMessageOrdering",
            "labels",
            "resourceID",
            "topicRef",
        ],
        _ => &[
            "ackDeadlineSeconds",
            "clusterRef",
            "deletionPolicy",
            "labels",
            "resourceID",
        ],
    }
}

fn topic_ref() -> admin::TopicRef {
    admin::TopicRef {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    }
}

fn convert(kind: &str, mut spec: Value) -> Result<(), ConvertError> {
    if kind == "Subscription" {
        spec["topicRef"] = json!({ "name": "orders" });
        let spec: SubscriptionSpec = serde_json::from_value(spec).unwrap();
        convert::subscription(&spec, topic_ref()).map(drop)
    } else if kind == "Topic" {
        convert::topic(&serde_json::from_value::<TopicSpec>(spec).unwrap()).map(drop)
    } else {
        convert::queue(&serde_json::from_value::<QueueSpec>(spec).unwrap()).map(drop)
    }
}

#[test]
fn each_field_that_is_not_supported_is_named() {
    for kind in ["Topic", "Subscription", "Queue"] {
        for (field, value) in unsupported(kind).as_object().unwrap() {
            let spec = Value::Object(Map::from_iter([(field.clone(), value.clone())]));
            let error = convert(kind, spec).unwrap_err();
            assert!(
                matches!(&error, ConvertError::Unsupported { fields } if *fields == [format!("spec.{field}")])
            );
            assert!(
                error
                    .to_string()
                    .contains(&format!("does not support spec.{field}; remove it")),
                "{error}"
            );
        }
    }
}

/// A field that someone adds to a CRD and forgets in the conversion would be ignored in silence.
#[test]
fn every_field_of_a_kind_is_either_supported_or_named() {
    for definition in definitions() {
        let kind = definition.spec.names.kind.as_str();
        if kind == "PostroadCluster" {
            continue;
        }
        let schema = definition.spec.versions[0]
            .schema
            .as_ref()
            .unwrap()
            .open_api_v3_schema
            .as_ref()
            .unwrap();
        let fields = schema.properties.as_ref().unwrap()["spec"]
            .properties
            .as_ref()
            .unwrap();
        let unsupported = unsupported(kind);
        for field in fields.keys() {
            let known = supported(kind).contains(&field.as_str()) || unsupported.get(field).is_some();
            assert!(
                known,
                "{kind} spec.{field} is neither supported nor named as unsupported"
            );
        }
    }
}

#[test]
fn all_fields_are_named_at_once() {
    let Err(ConvertError::Unsupported { fields }) = convert("Queue", unsupported("Queue")) else {
        panic!()
    };
    assert_eq!(fields.len(), unsupported("Queue").as_object().unwrap().len());
}

#[test]
fn what_is_supported_reaches_the_broker() {
    let labels = |text: &str| [("team".to_owned(), text.to_owned())].into();
    let spec: TopicSpec =
        serde_json::from_value(json!({ "partitions": 3, "labels": { "team": "a" } })).unwrap();
    assert_eq!(
        convert::topic(&spec),
        Ok(admin::TopicSpec {
            partitions: 3,
            labels: labels("a")
        })
    );
    let spec = json!({ "topicRef": { "name": "x" }, "ackDeadlineSeconds": 30, "enableMessageOrdering": true,
        "labels": { "team": "b" } });
    let spec: SubscriptionSpec = serde_json::from_value(spec).unwrap();
    let wanted = admin::SubscriptionSpec {
        topic: topic_ref(),
        ack_deadline_seconds: 30,
        enable_message_ordering: true,
        labels: labels("b"),
    };
    assert_eq!(convert::subscription(&spec, topic_ref()), Ok(wanted));
    let spec: QueueSpec = serde_json::from_value(json!({})).unwrap();
    assert_eq!(convert::queue(&spec), Ok(admin::QueueSpec::default()));
}
