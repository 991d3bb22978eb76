//! A broker that dies while messages are being published.

use std::time::Duration;

use anyhow::ensure;
use postroad_kubernetes_tests::broker::Life;
use postroad_kubernetes_tests::client::{Clients, acknowledged, until_acknowledged};
use postroad_kubernetes_tests::scenario;
use serde_json::json;

/// How many messages are published, and how many a second.
const MESSAGES: u32 = 4_000;
const RATE: u32 = 150;

#[test]
#[ignore = "needs a cluster: set KUBECONFIG and POSTROAD_IMAGE"]
fn a_killed_broker_loses_nothing_that_was_acknowledged() {
    scenario("crash", |installation| {
        let queue = json!({
            "apiVersion": "postroad.dev/v1alpha1",
            "kind": "Queue",
            "metadata": {"name": "jobs"},
        });
        installation.apps.apply(&queue.to_string())?;
        installation.apps.condition("queue/jobs", "Ready", "True", None)?;
        let clients = Clients::connect(installation)?;
        let record = installation.files.path().join("acknowledged.jsonl");
        let first = Life::ready(&installation.system)?;

        let mut publisher = clients.start_publishing("jobs", MESSAGES, RATE, &record)?;
        until_acknowledged(&mut publisher, &record, 500)?;
        first.delete(&installation.system)?;
        let second = first.next(&installation.system)?;
        ensure!(second.uid != first.uid, "the deleted pod lives on: {second:?}");

        let before = acknowledged(&record)?;
        until_acknowledged(&mut publisher, &record, before + 500)?;
        second.kill(installation)?;
        let third = second.next(&installation.system)?;

        let before = acknowledged(&record)?;
        until_acknowledged(&mut publisher, &record, before + 500)?;
        third.kill(installation)?;
        third.next(&installation.system)?;

        println!("{}", publisher.finish(Duration::from_secs(180))?);
        ensure!(
            acknowledged(&record)? > 1_500,
            "hardly anything was acknowledged: the test proves nothing"
        );
        println!("{}", clients.verify("jobs", &[&record])?);
        installation.ready()
    });
}
