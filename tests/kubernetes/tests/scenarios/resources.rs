//! Topics, subscriptions and queues: changed, deleted, made again, and wrong ones.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use postroad_kubernetes_tests::client::Clients;
use postroad_kubernetes_tests::kubectl::Kubectl;
use postroad_kubernetes_tests::{Installation, scenario};
use serde_json::{Value, json};

#[test]
#[ignore = "needs a cluster: set KUBECONFIG and POSTROAD_IMAGE"]
fn a_topic_is_changed_deleted_and_made_again() {
    scenario("lives", |installation| {
        let apps = &installation.apps;
        apps.apply(&topic(json!({})).to_string())?;
        apps.apply(&subscription(json!({"topicRef": {"name": "orders"}})).to_string())?;
        apps.condition("topic/orders", "Ready", "True", None)?;
        apps.condition("subscription/billing", "Ready", "True", None)?;
        let id = topic_id(apps)?;

        let clients = Clients::connect(installation)?;
        let record = installation.files.path().join("before.jsonl");
        clients.publish("orders", 500, &record)?;

        change(apps)?;
        ensure!(topic_id(apps)? == id, "a change made another topic of it");
        let while_deleted = installation.files.path().join("while-deleted.jsonl");
        retained(apps, &clients, &id, &while_deleted)?;
        println!("{}", clients.verify("billing", &[&record, &while_deleted])?);
        println!("{}", clients.publish_and_receive("orders", "billing", 500)?);
        made_anew(apps, &id)
    });
}

/// More partitions and a label.
fn change(apps: &Kubectl) -> Result<()> {
    apps.apply(&topic(json!({"partitions": 4, "labels": {"team": "sales"}})).to_string())?;
    apps.condition("topic/orders", "Ready", "True", None)?;
    let refusal = apps.apply_refused(&topic(json!({"partitions": 2})).to_string())?;
    ensure!(
        refusal.contains("partitions can only grow"),
        "the refusal should say why: {refusal}"
    );
    Ok(())
}

/// By default a deleted Topic leaves the topic where it was: messages and id are there when it is declared again.
fn retained(apps: &Kubectl, clients: &Clients<'_>, id: &str, record: &Path) -> Result<()> {
    apps.delete("topic/orders")?;
    clients
        .publish("orders", 100, record)
        .context("the topic is gone although it should be retained")?;
    apps.apply(&topic(json!({"partitions": 4})).to_string())?;
    apps.condition("topic/orders", "Ready", "True", None)?;
    ensure!(topic_id(apps)? == id, "the retained topic was not taken over");
    Ok(())
}

/// With deletionPolicy Delete it goes, and one of the same name is another topic.
fn made_anew(apps: &Kubectl, id: &str) -> Result<()> {
    apps.apply(&topic(json!({"partitions": 4, "deletionPolicy": "Delete"})).to_string())?;
    apps.condition("topic/orders", "Ready", "True", None)?;
    apps.delete("topic/orders")?;
    apps.apply(&topic(json!({})).to_string())?;
    apps.condition("topic/orders", "Ready", "True", None)?;
    ensure!(topic_id(apps)? != id, "the deleted topic came back");
    Ok(())
}

#[test]
#[ignore = "needs a cluster: set KUBECONFIG and POSTROAD_IMAGE"]
fn what_is_wrong_says_so() {
    scenario("wrong", |installation| {
        refused_by_the_api_server(&installation.apps)?;
        unsupported_field(&installation.apps)?;
        missing_topic(&installation.apps)?;
        three_brokers(installation)
    });
}

/// Rules of the resource types: `kubectl apply` fails and says why.
fn refused_by_the_api_server(apps: &Kubectl) -> Result<()> {
    let cases = [
        (topic(json!({"partitions": 0})), "spec.partitions"),
        (topic(json!({"resourceID": "google"})), "must not start with goog"),
        (
            topic(json!({"messageRetentionDuration": "5m"})),
            "must be 10m to 744h",
        ),
        (topic(json!({"partition": 3})), "unknown field \"spec.partition\""),
        (subscription(json!({})), "spec.topicRef"),
        (
            subscription(json!({"topicRef": {"name": "orders"}, "ackDeadlineSeconds": 5})),
            "spec.ackDeadlineSeconds",
        ),
    ];
    for (document, mentions) in cases {
        let refusal = apps.apply_refused(&document.to_string())?;
        ensure!(
            refusal.contains(mentions),
            "the refusal of {document} should mention {mentions:?}: {refusal}"
        );
    }
    Ok(())
}

/// A field that the API has and this version's broker has not: a condition and an event name it.
fn unsupported_field(apps: &Kubectl) -> Result<()> {
    apps.apply(&topic(json!({"messageRetentionDuration": "24h"})).to_string())?;
    let ready = apps.condition("topic/orders", "Ready", "False", Some("Unsupported"))?;
    mentions(&ready["message"], "spec.messageRetentionDuration")?;
    let told = apps.event("Topic", "orders", "Unsupported")?;
    ensure!(
        told.contains("spec.messageRetentionDuration"),
        "the event should name the field: {told}"
    );

    apps.apply(&topic(json!({})).to_string())?;
    apps.condition("topic/orders", "Ready", "True", None).map(drop)
}

/// A subscription may be declared before its topic: it waits, says for what, and goes on by itself.
fn missing_topic(apps: &Kubectl) -> Result<()> {
    apps.apply(&subscription(json!({"topicRef": {"name": "returns"}})).to_string())?;
    let ready = apps.condition("subscription/billing", "Ready", "False", Some("TopicNotFound"))?;
    mentions(&ready["message"], "returns")?;
    let told = apps.event("Subscription", "billing", "TopicNotFound")?;
    ensure!(
        told.contains("returns"),
        "the event should name the topic: {told}"
    );

    let mut returns = topic(json!({}));
    returns["metadata"]["name"] = json!("returns");
    apps.apply(&returns.to_string())?;
    apps.condition("subscription/billing", "Ready", "True", None)
        .map(drop)
}

/// Several brokers are refused by this version, and the one that runs goes on running.
fn three_brokers(installation: &Installation) -> Result<()> {
    let system = &installation.system;
    scale(system, 3)?;
    let ready = system.condition("postroadcluster/postroad", "Ready", "False", Some("Unsupported"))?;
    mentions(&ready["message"], "spec.replicas")?;
    system.event("PostroadCluster", "postroad", "Unsupported")?;
    Clients::connect(installation)?.publish("orders", 10, &installation.files.path().join("three.jsonl"))?;
    scale(system, 1)?;
    installation.ready()
}

fn scale(system: &Kubectl, replicas: u32) -> Result<()> {
    system
        .run(&[
            "scale",
            "postroadcluster/postroad",
            &format!("--replicas={replicas}"),
        ])
        .map(drop)
}

fn mentions(message: &Value, what: &str) -> Result<()> {
    ensure!(
        message.as_str().is_some_and(|message| message.contains(what)),
        "should mention {what:?}: {message}"
    );
    Ok(())
}

fn topic(spec: Value) -> Value {
    json!({"apiVersion": "postroad.dev/v1alpha1", "kind": "Topic", "metadata": {"name": "orders"}, "spec": spec})
}

fn subscription(spec: Value) -> Value {
    json!({
        "apiVersion": "postroad.dev/v1alpha1",
        "kind": "Subscription",
        "metadata": {"name": "billing"},
        "spec": spec,
    })
}

fn topic_id(apps: &Kubectl) -> Result<String> {
    let topic = apps.get("topic/orders")?;
    topic["status"]["topicId"]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no topicId: {}", topic["status"]))
}
