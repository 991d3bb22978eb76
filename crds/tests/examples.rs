//! The examples are right, and reading and writing them changes nothing.

use std::path::Path;

use postroad_crds::check::Checker;
use postroad_crds::manifest::definitions;
use postroad_crds::{Queue, Subscription, Topic, convert};
use serde::Deserialize;
use serde_json::Value;

fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// The object after a way through its type, and whether a broker can carry it out.
fn through_its_type(object: Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "Topic" => {
            let topic: Topic = serde_json::from_value(object).unwrap();
            convert::topic(&topic.spec).unwrap();
            serde_json::to_value(topic).unwrap()
        }
        "Subscription" => {
            let subscription: Subscription = serde_json::from_value(object).unwrap();
            let topic = &subscription.spec.topic_ref.name;
            let topic = postroad_admin_api::TopicRef {
                namespace: "n".to_owned(),
                name: topic.clone(),
            };
            convert::subscription(&subscription.spec, topic).unwrap();
            serde_json::to_value(subscription).unwrap()
        }
        "Queue" => {
            let queue: Queue = serde_json::from_value(object).unwrap();
            convert::queue(&queue.spec).unwrap();
            serde_json::to_value(queue).unwrap()
        }
        kind => panic!("{kind} in an example"),
    }
}

#[test]
fn every_example_is_right_and_the_same_after_a_round_trip() {
    for file in ["hello.yaml", "shop.yaml"] {
        for document in documents(file)
            .into_iter()
            .filter(|document| document["kind"] != "Namespace")
        {
            let kind = document["kind"].as_str().unwrap();
            let definition = definitions()
                .into_iter()
                .find(|known| known.spec.names.kind == kind)
                .unwrap();
            let checker = Checker::new(&definition).unwrap();
            assert_eq!(checker.create(&document), [], "{file}: {document}");
            let stored = checker.defaulted(&document);
            assert_eq!(through_its_type(stored.clone()), stored, "{file}");
        }
    }
}

#[test]
fn every_reference_of_an_example_leads_somewhere() {
    for file in ["hello.yaml", "shop.yaml"] {
        let documents = documents(file);
        let namespace = documents[0]["metadata"]["name"].clone();
        assert_eq!(
            documents[0]["kind"], "Namespace",
            "{file}: the namespace must be there first"
        );
        let of = |kind: &str| {
            documents
                .iter()
                .filter(|document| document["kind"] == kind)
                .collect::<Vec<_>>()
        };
        for document in &documents[1..] {
            assert_eq!(document["metadata"]["namespace"], namespace, "{file}: {document}");
        }
        for subscription in of("Subscription") {
            let topic = &subscription["spec"]["topicRef"]["name"];
            assert!(
                of("Topic")
                    .iter()
                    .any(|known| known["metadata"]["name"] == *topic),
                "{file}: {topic}"
            );
        }
    }
}
