//! What the definitions refuse, and with which words: types, bounds, unknown fields, CEL rules.

use postroad_crds::check::Checker;
use postroad_crds::manifest::definitions;
use serde_json::{Value, json};

fn checker(kind: &str) -> Checker {
    let definition = definitions()
        .into_iter()
        .find(|definition| definition.spec.names.kind == kind)
        .unwrap();
    Checker::new(&definition).unwrap()
}

fn object(kind: &str, spec: Value) -> Value {
    json!({ "apiVersion": "postroad.dev/v1alpha1", "kind": kind,
        "metadata": { "name": "it", "namespace": "shop" }, "spec": spec })
}

/// What is wrong with a new object, one line each.
fn create(kind: &str, spec: Value) -> Vec<String> {
    checker(kind)
        .create(&object(kind, spec))
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn update(kind: &str, old: Value, new: Value) -> Vec<String> {
    checker(kind)
        .update(&object(kind, new), &object(kind, old))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[track_caller]
fn assert_refused(violations: &[String], start: &str, word: &str) {
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(
        violations[0].starts_with(start) && violations[0].contains(word),
        "{violations:?}"
    );
}

#[test]
fn the_smallest_objects_are_right() {
    for (kind, spec) in [
        ("PostroadCluster", json!({})),
        ("Topic", json!({})),
        ("Queue", json!({})),
        ("Subscription", json!({ "topicRef": { "name": "orders" } })),
    ] {
        assert_eq!(create(kind, spec), Vec::<String>::new(), "{kind}");
    }
    for kind in ["PostroadCluster", "Topic", "Queue"] {
        let bare =
            json!({ "apiVersion": "postroad.dev/v1alpha1", "kind": kind, "metadata": { "name": "it" } });
        assert_eq!(checker(kind).create(&bare), [], "{kind} without a spec");
    }
}

#[test]
fn the_fullest_objects_are_right() {
    let subscription = json!({
        "topicRef": { "name": "orders", "namespace": "sales" }, "resourceID": "Billing_1",
        "ackDeadlineSeconds": 600, "messageRetentionDuration": "168h", "retainAckedMessages": true,
        "enableMessageOrdering": true, "filter": "attributes:region", "expirationPolicy": { "ttl": "24h" },
        "deadLetterPolicy": { "deadLetterTopicRef": { "name": "dead" }, "maxDeliveryAttempts": 100 },
        "retryPolicy": { "minimumBackoff": "0s", "maximumBackoff": "1m30s" },
        "pushConfig": { "pushEndpoint": "https://example.com/push", "attributes": { "x-goog-version": "v1" },
            "oidcToken": { "serviceAccountEmail": "push@example.com" }, "noWrapper": { "writeMetadata": true } },
        "labels": { "team": "billing" }, "deletionPolicy": "Delete" });
    assert_eq!(create("Subscription", subscription), Vec::<String>::new());
    let topic = json!({
        "clusterRef": { "name": "main", "namespace": "infra" }, "partitions": 1024, "labels": { "team": "a" },
        "messageRetentionDuration": "744h", "durability": "Replicated", "maxMessageBytes": "1Mi",
        "schemaSettings": { "schemaRef": { "name": "order" }, "encoding": "BINARY" } });
    assert_eq!(create("Topic", topic), Vec::<String>::new());
    let queue = json!({
        "maxPriority": 255, "messageTTL": "1h", "deliveryDelay": "5s", "maxMessages": 10, "maxBytes": "1Gi",
        "overflow": "DropHead", "singleActiveConsumer": true, "ackDeadlineSeconds": 10 });
    assert_eq!(create("Queue", queue), Vec::<String>::new());
    let cluster = json!({
        "replicas": 3, "image": "postroad:1", "shards": 32, "storage": { "size": "1Ti", "storageClassName": "fast" },
        "resources": { "requests": { "cpu": 1, "memory": "1Gi" } }, "logging": { "level": "debug", "format": "text" },
        "service": { "type": "LoadBalancer", "annotations": { "a/b": "c" } },
        "tolerations": [{ "key": "dedicated", "operator": "Exists" }],
        "allowedNamespaces": { "from": "List", "names": ["shop"] }, "deletionPolicy": "Delete" });
    assert_eq!(create("PostroadCluster", cluster), Vec::<String>::new());
}

#[test]
fn an_unknown_field_is_refused_with_the_known_ones() {
    let violations = create("Topic", json!({ "partition": 3 }));
    assert_refused(
        &violations,
        "spec.partition: unknown field. Did you mean partitions?",
        "deletionPolicy",
    );
    let violations = create(
        "Subscription",
        json!({ "topicRef": { "name": "orders" }, "ackDeadline": 3 }),
    );
    assert_refused(
        &violations,
        "spec.ackDeadline: unknown field. Allowed here:",
        "ackDeadlineSeconds",
    );
}

#[test]
fn a_value_of_the_wrong_type_or_range_is_refused_with_what_is_allowed() {
    let topic = |spec| create("Topic", spec);
    assert_refused(
        &topic(json!({ "partitions": 0 })),
        "spec.partitions:",
        "1 to 1024",
    );
    assert_refused(
        &topic(json!({ "partitions": 1025 })),
        "spec.partitions:",
        "1 to 1024",
    );
    assert_refused(
        &topic(json!({ "partitions": "3" })),
        "spec.partitions:",
        "must be a whole number",
    );
    assert_refused(
        &topic(json!({ "partitions": 1.5 })),
        "spec.partitions:",
        "must be a whole number",
    );
    assert_refused(
        &topic(json!({ "deletionPolicy": "Keep" })),
        "spec.deletionPolicy:",
        "Retain, Delete",
    );
    assert_refused(
        &topic(json!({ "messageRetentionDuration": "7d" })),
        "spec.messageRetentionDuration:",
        "such as 10s",
    );
    assert_refused(
        &topic(json!({ "maxMessageBytes": "1MB" })),
        "spec.maxMessageBytes:",
        "such as 10Gi",
    );
    assert_refused(
        &topic(json!({ "resourceID": "a b" })),
        "spec.resourceID:",
        "does not match",
    );
    assert_refused(
        &topic(json!({ "resourceID": "ab" })),
        "spec.resourceID:",
        "at least 3",
    );
    assert_refused(
        &create("Subscription", json!({})),
        "spec: topicRef is required",
        "",
    );
    let violations = create(
        "Subscription",
        json!({ "topicRef": { "name": "t" }, "filter": "x".repeat(257) }),
    );
    assert_refused(&violations, "spec.filter:", "at most 256");
    let labels: serde_json::Map<_, _> = (0..65).map(|n| (format!("l{n}"), json!("v"))).collect();
    assert_refused(&topic(json!({ "labels": labels })), "spec.labels:", "at most 64");
}

#[test]
fn durations_sizes_and_names_have_bounds_too() {
    let topic = |spec| create("Topic", spec);
    assert_refused(
        &topic(json!({ "messageRetentionDuration": "9m" })),
        "spec.messageRetentionDuration",
        "10m to 744h",
    );
    assert_refused(
        &topic(json!({ "messageRetentionDuration": "745h" })),
        "spec.messageRetentionDuration",
        "10m to 744h",
    );
    assert_refused(
        &topic(json!({ "maxMessageBytes": "11M" })),
        "spec.maxMessageBytes",
        "1 to 10M",
    );
    assert_refused(
        &topic(json!({ "resourceID": "google" })),
        "spec.resourceID",
        "goog",
    );
    let retry = json!({ "topicRef": { "name": "t" }, "retryPolicy": { "minimumBackoff": "20s", "maximumBackoff": "10s" } });
    assert_refused(
        &create("Subscription", retry),
        "spec.retryPolicy",
        "minimumBackoff",
    );
    let expiry = json!({ "topicRef": { "name": "t" }, "expirationPolicy": { "ttl": "1h" } });
    assert_refused(
        &create("Subscription", expiry),
        "spec.expirationPolicy.ttl",
        "24h",
    );
    let storage = json!({ "storage": { "size": "512Mi" } });
    assert_refused(&create("PostroadCluster", storage), "spec.storage.size", "1Gi");
    assert_refused(
        &create("PostroadCluster", json!({ "replicationFactor": 2 })),
        "spec.replicationFactor",
        "1, 3 or 5",
    );
}

#[test]
fn fields_that_do_not_go_together_are_refused() {
    let both = json!({ "topicRef": { "name": "t" }, "enableExactlyOnceDelivery": true,
        "pushConfig": { "pushEndpoint": "https://example.com/" } });
    assert_refused(
        &create("Subscription", both),
        "spec",
        "does not go with pushConfig",
    );
    let allowed = |value| create("PostroadCluster", json!({ "allowedNamespaces": value }));
    assert_refused(
        &allowed(json!({ "from": "Same", "names": ["a"] })),
        "spec.allowedNamespaces",
        "from: List only",
    );
    assert_refused(
        &allowed(json!({ "from": "List" })),
        "spec.allowedNamespaces",
        "needs names",
    );
}

#[test]
fn a_long_cluster_name_is_refused_because_object_names_are_built_from_it() {
    let mut cluster = object("PostroadCluster", json!({}));
    cluster["metadata"]["name"] = json!("x".repeat(41));
    let violations = checker("PostroadCluster").create(&cluster);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].message.contains("40 characters"));
}

#[test]
fn metadata_is_checked_as_the_api_server_does() {
    let wrong = |field: &str, value: Value| {
        let mut topic = object("Topic", json!({}));
        topic["metadata"][field] = value;
        checker("Topic")
            .create(&topic)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_refused(&wrong("name", json!("Orders")), "metadata.name:", "lower-case");
    assert_refused(
        &wrong("namespace", json!("a.b")),
        "metadata.namespace:",
        "lower-case",
    );
    assert_refused(
        &wrong("lables", json!({})),
        "metadata.lables: unknown field. Did you mean labels?",
        "annotations",
    );
    assert_refused(
        &wrong("labels", json!({ "a": 1 })),
        "metadata.labels.a:",
        "must be a string",
    );
    assert_eq!(wrong("uid", json!("1-2-3")), Vec::<String>::new());
    let mut topic = object("Topic", json!({}));
    topic.as_object_mut().unwrap().remove("metadata");
    let violations = checker("Topic").create(&topic);
    assert_refused(&[violations[0].to_string()], "metadata is required", "");
}

#[test]
fn what_is_immutable_stays() {
    let topic = |old, new| update("Topic", old, new);
    assert_refused(
        &topic(json!({ "partitions": 3 }), json!({ "partitions": 2 })),
        "spec.partitions",
        "only grow",
    );
    assert_refused(
        &topic(json!({ "partitions": 3 }), json!({})),
        "spec.partitions",
        "only grow",
    );
    assert_refused(
        &topic(json!({ "resourceID": "one" }), json!({})),
        "spec",
        "resourceID cannot be changed",
    );
    assert_refused(
        &topic(json!({}), json!({ "resourceID": "one" })),
        "spec",
        "resourceID cannot be changed",
    );
    let moved = topic(
        json!({ "clusterRef": { "name": "a" } }),
        json!({ "clusterRef": { "name": "b" } }),
    );
    assert_refused(&moved, "spec", "stays in its cluster");

    let subscription = |field: &str, old: Value, new: Value| {
        let with = |value: Value| json!({ "topicRef": { "name": "t" }, field: value });
        update("Subscription", with(old), with(new))
    };
    assert_refused(
        &subscription("topicRef", json!({ "name": "a" }), json!({ "name": "b" })),
        "spec.topicRef",
        "changed",
    );
    assert_refused(
        &subscription("filter", json!("attributes:a"), json!("attributes:b")),
        "spec",
        "filter cannot",
    );
    assert_refused(
        &subscription("enableMessageOrdering", json!(false), json!(true)),
        "spec.enableMessage",
        "changed",
    );

    let cluster = |old, new| update("PostroadCluster", old, new);
    assert_refused(
        &cluster(json!({ "shards": 16 }), json!({ "shards": 32 })),
        "spec.shards",
        "cannot be changed",
    );
    // A size that only the operator refused could not be set back either: nothing was applied any more.
    let size = |size: &str| json!({ "storage": { "size": size } });
    for new in ["9Gi", "20Gi"] {
        let refusal = cluster(size("10Gi"), size(new));
        assert_refused(&refusal, "spec.storage.size", "cannot be changed in this version");
    }
    let class = |class: &str| json!({ "storage": { "storageClassName": class } });
    assert_refused(
        &cluster(class("a"), class("b")),
        "spec.storage",
        "storageClassName cannot be changed",
    );
}

#[test]
fn what_may_change_may_change() {
    let old = json!({ "partitions": 1, "labels": { "a": "b" } });
    let new = json!({ "partitions": 4, "deletionPolicy": "Delete", "clusterRef": { "name": "main" } });
    assert_eq!(update("Topic", old, new), Vec::<String>::new());
    let size = |size: &str| json!({ "storage": { "size": size }, "replicas": 3 });
    assert_eq!(
        update("PostroadCluster", size("1024Mi"), size("1Gi")),
        Vec::<String>::new()
    );
}
