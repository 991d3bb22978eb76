//! The JSON that the documentation promises, byte for byte where it matters.

use postroad_admin_api::{
    ApplyRequest, DeleteRequest, Described, ErrorBody, ErrorKind, ItemResult, Kind, Outcome, QueueSpec,
    Resource, Spec, TopicSpec,
};
use serde_json::json;

#[test]
fn what_is_left_out_gets_its_default() {
    let request: ApplyRequest = serde_json::from_value(json!({"owner": "file", "resources": [
        {"kind": "Topic", "namespace": "shop", "name": "orders"},
        {"kind": "Queue", "namespace": "shop", "name": "mails", "spec": {}},
        {"kind": "Subscription", "namespace": "shop", "name": "billing",
         "spec": {"topic": {"namespace": "shop", "name": "orders"}}},
    ]}))
    .unwrap();
    let specs: Vec<Spec> = request
        .resources
        .into_iter()
        .map(|resource| resource.spec)
        .collect();
    assert_eq!(
        specs[0],
        Spec::Topic(TopicSpec {
            partitions: 1,
            labels: Default::default()
        })
    );
    assert_eq!(
        specs[1],
        Spec::Queue(QueueSpec {
            ack_deadline_seconds: 10,
            labels: Default::default()
        })
    );
    let Spec::Subscription(billing) = &specs[2] else {
        panic!("{specs:?}")
    };
    assert_eq!(
        (billing.ack_deadline_seconds, billing.topic.name.as_str()),
        (10, "orders")
    );
}

#[test]
fn a_resource_survives_its_json() {
    let text = json!({"kind": "Topic", "namespace": "shop", "name": "orders",
                      "spec": {"partitions": 3, "labels": {"team": "sales"}}});
    let resource: Resource = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(resource.key().to_string(), "Topic shop/orders");
    assert_eq!(serde_json::to_value(resource).unwrap(), text);
}

#[test]
fn a_request_refuses_what_it_does_not_know() {
    let cases = [
        (
            json!({"kind": "Topic", "namespace": "a", "name": "b", "specs": {}}),
            "specs",
        ),
        (
            json!({"kind": "Topic", "namespace": "a", "name": "b", "spec": {"partition": 1}}),
            "Topic a/b",
        ),
        (
            json!({"kind": "Queue", "namespace": "a", "name": "b", "spec": {"partitions": 1}}),
            "partitions",
        ),
        (
            json!({"kind": "Subscription", "namespace": "a", "name": "b"}),
            "topic",
        ),
        (
            json!({"kind": "topic", "namespace": "a", "name": "b"}),
            "Subscription",
        ),
        (json!({"namespace": "a", "name": "b"}), "kind"),
    ];
    for (resource, part) in cases {
        let error = serde_json::from_value::<Resource>(resource.clone())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(part),
            "{part:?} is not in {error:?} for {resource}"
        );
    }
    let delete =
        json!({"owner": "file", "resources": [{"kind": "Topic", "namespace": "a", "name": "b", "spec": {}}]});
    assert!(
        serde_json::from_value::<DeleteRequest>(delete)
            .unwrap_err()
            .to_string()
            .contains("spec")
    );
}

#[test]
fn results_tell_done_from_failed() {
    for (text, expected) in [
        (
            json!({"outcome": "created", "id": "7"}),
            Ok((Outcome::Created, Some("7".to_owned()))),
        ),
        (json!({"outcome": "absent"}), Ok((Outcome::Absent, None))),
        (
            json!({"error": {"kind": "NotFound", "message": "no"}}),
            Err(ErrorKind::NotFound),
        ),
    ] {
        let result: ItemResult = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&result).unwrap(), text);
        assert_eq!(result.into_result().map_err(|error| error.kind), expected);
    }
}

/// While a cluster is rolled, an operator may talk to a broker that is newer than itself.
#[test]
fn answers_of_a_newer_broker_are_understood() {
    let error: ErrorBody =
        serde_json::from_value(json!({"error": {"kind": "Tired", "message": "zzz", "since": 1}})).unwrap();
    assert_eq!(error.error.kind, ErrorKind::Unknown);
    let described: Described = serde_json::from_value(json!({
        "resource": {"kind": "Topic", "namespace": "a", "name": "b", "spec": {}},
        "owner": "kubernetes", "id": "7", "revision": 3, "created": "2025-01-02T03:04:05.678Z", "mood": "fine",
    }))
    .unwrap();
    assert_eq!(described.resource.kind(), Kind::Topic);
    assert_eq!(described.created.as_millisecond(), 1_735_787_045_678);
}
