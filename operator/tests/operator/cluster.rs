//! PostroadCluster: coming up, changing, refusing, losing data.

use serde_json::json;

use crate::world::{CLUSTERS, TOPICS, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_comes_up_is_formed_once_and_is_left_alone() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    let cluster = world.get(CLUSTERS, "shop", "main").unwrap();
    let id = world.broker.with(|catalog| catalog.cluster_id.clone()).unwrap();
    assert_eq!(cluster["status"]["clusterId"], json!(id));
    assert_eq!(cluster["status"]["version"], "1.2.3");
    assert_eq!(cluster["status"]["endpoints"]["pubsub"], "main.shop.svc:8085");
    assert_eq!(cluster["status"]["readyReplicas"], 1);
    for (resource, name) in [
        ("statefulsets.apps", "main"),
        ("services", "main"),
        ("services", "main-headless"),
        ("configmaps", "main-config"),
        ("secrets", "main-admin-token"),
        ("serviceaccounts", "main-broker"),
        ("poddisruptionbudgets.policy", "main"),
    ] {
        let object = world
            .get(resource, "shop", name)
            .unwrap_or_else(|| panic!("no {resource} {name}"));
        assert_eq!(
            object["metadata"]["ownerReferences"][0]["uid"], cluster["metadata"]["uid"],
            "{resource} {name}"
        );
    }
    assert!(
        world
            .get("persistentvolumeclaims", "shop", "data-main-0")
            .unwrap()["metadata"]["ownerReferences"]
            .is_null()
    );
    world.quiet().await;
    let writes = world.api.writes();
    world.annotate(CLUSTERS, "shop", "main", json!({"somebody": "looks"}));
    world.quiet().await;
    assert_eq!(
        world.api.writes(),
        writes,
        "nothing differs, so nothing is written"
    );
    assert_eq!(world.broker.with(|catalog| catalog.bootstraps), 1);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changes_or_deletes_comes_back_and_the_token_is_never_written_over() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.edit(
        "secrets",
        "shop",
        "main-admin-token",
        json!({"data": {"token": "bXktb3duLXRva2VuLTEyMzQ="}}),
    );
    world.edit(
        "statefulsets.apps",
        "shop",
        "main",
        json!({"spec": {"replicas": 7}}),
    );
    world.delete("services", "shop", "main");
    until("the StatefulSet is set back", || {
        world.get("statefulsets.apps", "shop", "main").unwrap()["spec"]["replicas"] == 1
    })
    .await;
    until("the Service is back", || {
        world.get("services", "shop", "main").is_some()
    })
    .await;
    world.quiet().await;
    let secret = world.get("secrets", "shop", "main-admin-token").unwrap();
    assert_eq!(secret["data"]["token"], "bXktb3duLXRva2VuLTEyMzQ=");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_configuration_replaces_the_pod_and_removing_a_field_counts() {
    let world = World::new().await;
    let operator = world.operator("a");
    let pod = || {
        world
            .get("pods", "shop", "main-0")
            .map(|pod| pod["metadata"]["uid"].clone())
    };
    world.cluster().await;
    let first = pod();
    world.apply(
        CLUSTERS,
        "shop",
        "main",
        json!({"logging": {"level": "debug"}, "nodeSelector": {"disk": "fast"}}),
    );
    until("the pod is replaced", || pod().is_some() && pod() != first).await;
    world.ready(CLUSTERS, "shop", "main").await;
    world.quiet().await;
    let config = world.get("configmaps", "shop", "main-config").unwrap();
    assert!(
        config["data"]["broker.yaml"]
            .as_str()
            .unwrap()
            .contains("level: debug")
    );
    let second = pod();
    world.quiet().await;
    assert_eq!(pod(), second, "a pod that is up to date is left alone");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_this_version_does_not_do_is_refused_and_what_runs_goes_on() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.quiet().await;
    let before = world.get("statefulsets.apps", "shop", "main").unwrap()["spec"].clone();
    world.apply(CLUSTERS, "shop", "main", json!({"replicas": 3}));
    let message = world.reason(CLUSTERS, "shop", "main", "False Unsupported").await;
    assert!(message.contains("spec.replicas is 3"), "{message}");
    world.apply(CLUSTERS, "shop", "main", json!({"storage": {"size": "20Gi"}}));
    world.quiet().await;
    let message = world.reason(CLUSTERS, "shop", "main", "False Unsupported").await;
    assert!(message.contains("spec.storage.size"), "{message}");
    assert_eq!(
        world.get("statefulsets.apps", "shop", "main").unwrap()["spec"],
        before
    );
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    world.apply(CLUSTERS, "shop", "main", json!({}));
    world.ready(CLUSTERS, "shop", "main").await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_somebody_else_is_not_touched() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.apply("services", "shop", "main", json!({"ports": [{"port": 80}]}));
    world.apply(CLUSTERS, "shop", "main", json!({}));
    let message = world.reason(CLUSTERS, "shop", "main", "False NameConflict").await;
    assert!(message.contains("Service main"), "{message}");
    assert_eq!(
        world.get("services", "shop", "main").unwrap()["spec"],
        json!({"ports": [{"port": 80}]})
    );
    world.delete("services", "shop", "main");
    world.annotate(CLUSTERS, "shop", "main", json!({"look": "again"}));
    world.ready(CLUSTERS, "shop", "main").await;
    operator.stop().await;
}

/// A crash between recording the id and the bootstrap, and one between the bootstrap and recording it, both go on with the
/// same id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_forming_goes_on_with_the_recorded_id() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.broker.with(|catalog| catalog.down = true);
    world.apply(CLUSTERS, "shop", "main", json!({}));
    world
        .reason(CLUSTERS, "shop", "main", "False Bootstrapping")
        .await;
    operator.kill();
    let intended = json!({"status": {"clusterId": "recorded", "conditions": [
        {"type": "Bootstrapped", "status": "False", "reason": "Bootstrapping", "message": "",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    world.edit(CLUSTERS, "shop", "main", intended);
    world.broker.with(|catalog| catalog.down = false);
    let operator = world.operator("b");
    world.ready(CLUSTERS, "shop", "main").await;
    assert_eq!(
        world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"],
        "recorded"
    );
    assert_eq!(
        world.broker.with(|catalog| catalog.cluster_id.clone()).as_deref(),
        Some("recorded")
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_volume_is_reported_and_the_cluster_formed_anew_only_when_the_loss_is_accepted() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    let old = world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"]
        .as_str()
        .unwrap()
        .to_owned();
    world.broker.lose_disk();
    let message = world.reason(CLUSTERS, "shop", "main", "False DataLost").await;
    assert!(
        message.contains(&format!("postroad.dev/accept-data-loss={old}")),
        "{message}"
    );
    world
        .reason(TOPICS, "shop", "orders", "False ClusterNotReady")
        .await;
    world.annotate(
        CLUSTERS,
        "shop",
        "main",
        json!({"postroad.dev/accept-data-loss": "another"}),
    );
    world.quiet().await;
    assert_eq!(
        world.broker.with(|catalog| catalog.cluster_id.clone()),
        None,
        "not formed by itself"
    );
    world.annotate(
        CLUSTERS,
        "shop",
        "main",
        json!({"postroad.dev/accept-data-loss": old}),
    );
    world.ready(CLUSTERS, "shop", "main").await;
    let new = world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"].clone();
    assert_ne!(new, json!(old));
    world.ready(TOPICS, "shop", "orders").await;
    world.broker.lose_disk();
    world.reason(CLUSTERS, "shop", "main", "False DataLost").await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_of_another_cluster_is_not_used_and_a_kept_volume_brings_its_id() {
    let world = World::new().await;
    let operator = world.operator("a");
    world
        .broker
        .with(|catalog| catalog.cluster_id = Some("kept".to_owned()));
    world.cluster().await;
    assert_eq!(
        world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"],
        "kept"
    );
    world
        .broker
        .with(|catalog| catalog.cluster_id = Some("foreign".to_owned()));
    world.annotate(CLUSTERS, "shop", "main", json!({"look": "again"}));
    let message = world
        .reason(CLUSTERS, "shop", "main", "False IdentityMismatch")
        .await;
    assert!(
        message.contains("foreign") && message.contains("kept"),
        "{message}"
    );
    operator.stop().await;
}

/// Reporting that a cluster can't be read erased that it had been formed. When its data was lost, an empty cluster was formed
/// in its place, and nobody was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_can_not_be_read_stays_formed() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.quiet().await;
    let id = world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"].clone();
    world.edit(CLUSTERS, "shop", "main", json!({"spec": {"replicas": "many"}}));
    let message = world.reason(CLUSTERS, "shop", "main", "False Invalid").await;
    assert!(message.contains("many"), "{message}");
    until("the event", || world.warnings("main", "Invalid") == 1).await;
    let formed = world
        .condition(CLUSTERS, "shop", "main", "Bootstrapped")
        .unwrap()
        .0;
    assert_eq!(formed, "True Bootstrapped");
    world.broker.lose_disk();
    world.apply(CLUSTERS, "shop", "main", json!({}));
    world.reason(CLUSTERS, "shop", "main", "False DataLost").await;
    assert_eq!(
        world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"],
        id
    );
    assert_eq!(world.broker.with(|catalog| catalog.bootstraps), 1);
    operator.stop().await;
}
