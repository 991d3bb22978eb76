//! Data outlives mistakes.

use postroad_admin_api::{Kind, Owner};
use serde_json::json;

use crate::fake::store::Key;
use crate::world::{CLUSTERS, DEFINITIONS, SUBSCRIPTIONS, TOPICS, World, key, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retained_topic_stays_in_the_broker_and_is_taken_over_again() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    assert!(world.get(TOPICS, "shop", "orders").unwrap()["metadata"]["finalizers"].is_null());
    let id = world.broker.described(Kind::Topic, "shop", "orders").unwrap().id;
    world.delete(TOPICS, "shop", "orders");
    let owner = || {
        world
            .broker
            .described(Kind::Topic, "shop", "orders")
            .unwrap()
            .owner
    };
    until("it is released", || owner() == Owner::Api).await;
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    assert_eq!(owner(), Owner::Kubernetes);
    assert_eq!(
        world.get(TOPICS, "shop", "orders").unwrap()["status"]["topicId"],
        json!(id)
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_while_no_operator_ran_is_released_and_what_is_not_watched_is_not() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    for namespace in ["shop", "mall"] {
        world.apply(TOPICS, namespace, "orders", json!({}));
        world.ready(TOPICS, namespace, "orders").await;
    }
    operator.kill();
    world.delete(TOPICS, "shop", "orders");
    let mut settings = World::settings("b");
    settings.watched = postroad_operator::watch::Namespaces::from_list(["shop".to_owned()]);
    let operator = world.run(settings);
    let owner = |namespace| {
        world
            .broker
            .described(Kind::Topic, namespace, "orders")
            .unwrap()
            .owner
    };
    until("it is released", || owner("shop") == Owner::Api).await;
    world.quiet().await;
    assert_eq!(owner("mall"), Owner::Kubernetes);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_delete_the_brokers_resource_goes_first() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    let delete = json!({"deletionPolicy": "Delete"});
    world.apply(TOPICS, "shop", "orders", delete.clone());
    world.apply(
        SUBSCRIPTIONS,
        "shop",
        "billing",
        json!({"topicRef": {"name": "orders"}, "deletionPolicy": "Delete"}),
    );
    world.ready(SUBSCRIPTIONS, "shop", "billing").await;
    assert_eq!(
        world.get(TOPICS, "shop", "orders").unwrap()["metadata"]["finalizers"],
        json!(["postroad.dev/resource"])
    );
    world.broker.with(|catalog| catalog.down = true);
    world
        .reason(CLUSTERS, "shop", "main", "False BrokerNotReady")
        .await;
    world.delete(TOPICS, "shop", "orders");
    world.delete(SUBSCRIPTIONS, "shop", "billing");
    world.quiet().await;
    assert!(
        world.get(TOPICS, "shop", "orders").is_some(),
        "it waits for the broker"
    );
    world.broker.with(|catalog| catalog.down = false);
    until("both are gone", || {
        world.get(TOPICS, "shop", "orders").is_none() && world.get(SUBSCRIPTIONS, "shop", "billing").is_none()
    })
    .await;
    assert!(world.broker.described(Kind::Topic, "shop", "orders").is_none());
    assert!(
        world
            .broker
            .described(Kind::Subscription, "shop", "billing")
            .is_none()
    );
    world.apply(TOPICS, "shop", "changed-mind", delete);
    world.ready(TOPICS, "shop", "changed-mind").await;
    world.apply(TOPICS, "shop", "changed-mind", json!({}));
    until("the finalizer is taken off", || {
        let object = world.get(TOPICS, "shop", "changed-mind").unwrap();
        object["metadata"]["finalizers"]
            .as_array()
            .is_none_or(Vec::is_empty)
    })
    .await;
    operator.stop().await;
}

/// Finalizers hung namespaces in other operators: what they waited for was gone, or never came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finalizer_lets_go_when_there_is_nothing_to_wait_for() {
    let world = World::new().await;
    let operator = world.operator("a");
    let delete = json!({"deletionPolicy": "Delete"});
    world.apply(TOPICS, "shop", "nowhere", delete.clone());
    until("it gets the finalizer", || {
        world.get(TOPICS, "shop", "nowhere").unwrap()["metadata"]["finalizers"].is_array()
    })
    .await;
    world.delete(TOPICS, "shop", "nowhere");
    until("without a cluster it goes", || {
        world.get(TOPICS, "shop", "nowhere").is_none()
    })
    .await;
    world.cluster().await;
    for name in ["foreign", "absent", "orphan"] {
        world.apply(TOPICS, "shop", name, delete.clone());
        world.ready(TOPICS, "shop", name).await;
    }
    world.quiet().await;
    operator.kill();
    world.broker.with(|catalog| {
        catalog.tamper(Kind::Topic, "shop", "foreign", |topic| topic.owner = Owner::File);
        catalog.resources.retain(|key, _| key.name != "absent");
    });
    world.delete(TOPICS, "shop", "foreign");
    world.delete(TOPICS, "shop", "absent");
    let operator_2 = world.operator("b");
    until("both go", || {
        world.get(TOPICS, "shop", "foreign").is_none() && world.get(TOPICS, "shop", "absent").is_none()
    })
    .await;
    assert!(
        world.broker.described(Kind::Topic, "shop", "foreign").is_some(),
        "not Kubernetes' to delete"
    );
    world.broker.with(|catalog| catalog.down = true);
    world.delete(TOPICS, "shop", "orphan");
    world.delete(CLUSTERS, "shop", "main");
    until("it goes with its cluster", || {
        world.get(TOPICS, "shop", "orphan").is_none()
    })
    .await;
    operator_2.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_crd_deletes_no_data() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.apply(CLUSTERS, "shop", "main", json!({"deletionPolicy": "Delete"}));
    world.ready(CLUSTERS, "shop", "main").await;
    world.apply(TOPICS, "shop", "orders", json!({"deletionPolicy": "Delete"}));
    world.ready(TOPICS, "shop", "orders").await;
    for (resource, name) in [(TOPICS, "orders"), (CLUSTERS, "main")] {
        // As the API server does it: first the definition is marked, then its objects are deleted.
        let definition: Key = key(DEFINITIONS, "", resource);
        world.api.change(|store| {
            store.objects.get_mut(&definition).unwrap()["metadata"]["deletionTimestamp"] =
                json!("2026-01-02T00:00:00Z");
        });
        world.delete(resource, "shop", name);
        until("it goes", || world.get(resource, "shop", name).is_none()).await;
    }
    assert!(world.broker.described(Kind::Topic, "shop", "orders").is_some());
    assert!(
        world
            .get("persistentvolumeclaims", "shop", "data-main-0")
            .is_some()
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clusters_volumes_stay_unless_their_deletion_is_asked_for() {
    let world = World::new().await;
    let operator = world.operator("a");
    let claim = || world.get("persistentvolumeclaims", "shop", "data-main-0");
    world.cluster().await;
    world.delete(CLUSTERS, "shop", "main");
    until("the pods go", || {
        world.get("statefulsets.apps", "shop", "main").is_none()
    })
    .await;
    assert!(claim().is_some());
    let id = world.broker.with(|catalog| catalog.cluster_id.clone());
    world.apply(CLUSTERS, "shop", "main", json!({"deletionPolicy": "Delete"}));
    world.ready(CLUSTERS, "shop", "main").await;
    assert_eq!(
        world.get(CLUSTERS, "shop", "main").unwrap()["status"]["clusterId"],
        json!(id)
    );
    world.delete(CLUSTERS, "shop", "main");
    until("everything goes", || {
        world.get(CLUSTERS, "shop", "main").is_none() && claim().is_none()
    })
    .await;
    operator.stop().await;
}

/// The finalizer used to go while the StatefulSet still said that its claims go with it: the volumes went, although whoever
/// deleted the cluster had changed his mind, or only the CRD was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_that_were_being_handed_over_are_taken_back() {
    for only_the_crd_goes in [false, true] {
        let world = World::new().await;
        let operator = world.operator("a");
        world.apply(CLUSTERS, "shop", "main", json!({"deletionPolicy": "Delete"}));
        world.ready(CLUSTERS, "shop", "main").await;
        let claim = || world.get("persistentvolumeclaims", "shop", "data-main-0");
        // One more claim, which Kubernetes does not hand over: the deletion waits.
        let labels = claim().unwrap()["metadata"]["labels"].clone();
        let slow = key("persistentvolumeclaims", "shop", "data-main-1");
        let object = json!({"metadata": {"labels": labels}});
        world.api.change(|store| store.create(&slow, object).unwrap());
        world.delete(CLUSTERS, "shop", "main");
        until("the volume is handed over", || {
            claim().unwrap()["metadata"]["ownerReferences"].is_array()
        })
        .await;
        if only_the_crd_goes {
            let definition: Key = key(DEFINITIONS, "", CLUSTERS);
            world.api.change(|store| {
                store.objects.get_mut(&definition).unwrap()["metadata"]["deletionTimestamp"] =
                    json!("2026-01-02T00:00:00Z");
            });
        } else {
            world.apply(CLUSTERS, "shop", "main", json!({"deletionPolicy": "Retain"}));
        }
        until("the cluster and its StatefulSet go", || {
            world.get(CLUSTERS, "shop", "main").is_none()
                && world.get("statefulsets.apps", "shop", "main").is_none()
        })
        .await;
        let kept = claim().expect("the volume stays");
        assert!(kept["metadata"]["ownerReferences"].is_null(), "{kept}");
        operator.stop().await;
    }
}

/// An object that can't be read kept its finalizer for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_read_goes_all_the_same_and_its_data_stays() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.apply(CLUSTERS, "shop", "main", json!({"deletionPolicy": "Delete"}));
    world.ready(CLUSTERS, "shop", "main").await;
    world.apply(TOPICS, "shop", "orders", json!({"deletionPolicy": "Delete"}));
    world.ready(TOPICS, "shop", "orders").await;
    world.edit(TOPICS, "shop", "orders", json!({"spec": {"partitions": "many"}}));
    world.reason(TOPICS, "shop", "orders", "False Invalid").await;
    world.delete(TOPICS, "shop", "orders");
    until("the topic goes", || world.get(TOPICS, "shop", "orders").is_none()).await;
    assert!(world.broker.described(Kind::Topic, "shop", "orders").is_some());
    world.edit(CLUSTERS, "shop", "main", json!({"spec": {"replicas": "many"}}));
    world.reason(CLUSTERS, "shop", "main", "False Invalid").await;
    world.delete(CLUSTERS, "shop", "main");
    until("the cluster goes", || {
        world.get(CLUSTERS, "shop", "main").is_none()
    })
    .await;
    let claim = world.get("persistentvolumeclaims", "shop", "data-main-0");
    assert!(claim.is_some(), "the volume stays");
    operator.stop().await;
}
