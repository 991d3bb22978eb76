//! The release itself: upgraded, uninstalled, installed again.

use anyhow::{Context, Result, ensure};
use postroad_kubernetes_tests::broker::Life;
use postroad_kubernetes_tests::client::Clients;
use postroad_kubernetes_tests::{Installation, scenario};
use serde_json::{Value, json};

#[test]
#[ignore = "needs a cluster: set KUBECONFIG and POSTROAD_IMAGE"]
fn an_upgrade_and_an_uninstall_keep_every_message() {
    scenario("release", |installation| {
        let declared = json!({
            "apiVersion": "postroad.dev/v1alpha1",
            "kind": "Queue",
            "metadata": {"name": "jobs"},
        });
        installation.apps.apply(&declared.to_string())?;
        installation.apps.condition("queue/jobs", "Ready", "True", None)?;
        let record = |name: &str| installation.files.path().join(name);
        let clients = Clients::connect(installation)?;

        clients.publish("jobs", 300, &record("before-upgrade.jsonl"))?;
        upgrade(installation)?;
        println!("{}", clients.verify("jobs", &[&record("before-upgrade.jsonl")])?);

        clients.publish("jobs", 300, &record("before-uninstall.jsonl"))?;
        let before = identities(installation)?;
        uninstall(installation)?;
        clients
            .publish("jobs", 300, &record("uninstalled.jsonl"))
            .context("the brokers do not go on serving")?;

        println!("{}", installation.release.install(&changed_values(installation))?);
        installation.ready()?;
        installation.apps.condition("queue/jobs", "Ready", "True", None)?;
        ensure!(
            identities(installation)? == before,
            "the cluster that came back is another one"
        );
        println!(
            "{}",
            clients.verify(
                "jobs",
                &[&record("before-uninstall.jsonl"), &record("uninstalled.jsonl")]
            )?
        );
        Ok(())
    });
}

/// A changed value reaches the brokers: their pod is replaced, once, by one that has it.
fn upgrade(installation: &Installation) -> Result<()> {
    let old = Life::ready(&installation.system)?;
    println!("{}", installation.release.upgrade(&changed_values(installation))?);
    let new = old.next(&installation.system)?;
    installation.ready()?;
    let pod = installation.system.get(&format!("pod/{}", new.pod))?;
    let memory = &pod["spec"]["containers"][0]["resources"]["requests"]["memory"];
    ensure!(
        memory == "96Mi",
        "the new pod does not have the new value: {memory}"
    );
    Ok(())
}

/// The operator goes; types, resources, brokers and volumes stay.
fn uninstall(installation: &Installation) -> Result<()> {
    let pod = Life::ready(&installation.system)?;
    println!("{}", installation.release.uninstall()?);
    let system = &installation.system;
    ensure!(
        system.find("deployment/postroad-operator")?.is_none(),
        "the operator is still there"
    );
    for kept in [
        "crd/postroadclusters.postroad.dev",
        "crd/queues.postroad.dev",
        "postroadcluster/postroad",
    ] {
        ensure!(system.find(kept)?.is_some(), "{kept} was removed");
    }
    ensure!(
        installation.apps.find("queue/jobs")?.is_some(),
        "the queue was removed"
    );
    ensure!(Life::ready(system)? == pod, "the broker was restarted");
    Ok(())
}

fn changed_values(installation: &Installation) -> Value {
    let mut values = installation.values();
    values["cluster"]["spec"]["resources"] = json!({"requests": {"cpu": "50m", "memory": "96Mi"}});
    values
}

/// What must be the same after all of it: the cluster, the queue, and the volume.
fn identities(installation: &Installation) -> Result<Vec<Value>> {
    let cluster = installation.system.get("postroadcluster/postroad")?;
    let queue = installation.apps.get("queue/jobs")?;
    let volumes = installation.system.list("persistentvolumeclaims", "")?;
    let mut all = vec![
        cluster["status"]["clusterId"].clone(),
        queue["status"]["queueId"].clone(),
    ];
    all.extend(
        volumes
            .into_iter()
            .map(|volume| volume["metadata"]["uid"].clone()),
    );
    ensure!(
        all.len() == 3 && all.iter().all(Value::is_string),
        "an identity is missing: {all:?}"
    );
    Ok(all)
}
