//! Topic, Queue and Subscription.

use postroad_admin_api::{Kind, Owner, Spec};
use serde_json::json;

use crate::world::{CLUSTERS, QUEUES, SUBSCRIPTIONS, TOPICS, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_declared_is_in_the_broker_and_follows_every_edit() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.apply(
        SUBSCRIPTIONS,
        "shop",
        "billing",
        json!({"topicRef": {"name": "orders"}, "ackDeadlineSeconds": 30}),
    );
    world.apply(QUEUES, "shop", "mails", json!({}));
    world.cluster().await;
    world.ready(QUEUES, "shop", "mails").await;
    world
        .reason(SUBSCRIPTIONS, "shop", "billing", "False TopicNotFound")
        .await;
    let warnings = || world.warnings("billing", "TopicNotFound");
    until("the event", || warnings() == 1).await;
    world.apply(
        TOPICS,
        "shop",
        "orders",
        json!({"partitions": 2, "resourceID": "Orders"}),
    );
    world.ready(TOPICS, "shop", "orders").await;
    world.ready(SUBSCRIPTIONS, "shop", "billing").await;
    let topic = world.broker.described(Kind::Topic, "shop", "Orders").unwrap();
    assert_eq!(topic.owner, Owner::Kubernetes);
    let status = world.get(TOPICS, "shop", "orders").unwrap()["status"].clone();
    assert_eq!(status["topicId"], json!(topic.id));
    assert_eq!(status["resourceName"], "projects/shop/topics/Orders");
    assert_eq!(status["cluster"], "shop/main");
    world.apply(
        TOPICS,
        "shop",
        "orders",
        json!({"partitions": 5, "resourceID": "Orders"}),
    );
    world.ready(TOPICS, "shop", "orders").await;
    let topic = world.broker.described(Kind::Topic, "shop", "Orders").unwrap();
    assert!(matches!(topic.resource.spec, Spec::Topic(spec) if spec.partitions == 5));
    world.quiet().await;
    assert_eq!(warnings(), 1, "only transitions are told");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_carried_out_is_named() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.apply(
        SUBSCRIPTIONS,
        "shop",
        "s",
        json!({"topicRef": {"name": "orders"}, "filter": "attributes:x"}),
    );
    let message = world
        .reason(SUBSCRIPTIONS, "shop", "s", "False Unsupported")
        .await;
    assert!(message.contains("spec.filter"), "{message}");
    world.apply(QUEUES, "shop", "orders", json!({}));
    world.reason(QUEUES, "shop", "orders", "False Conflict").await;
    world.apply(TOPICS, "shop", "twin", json!({"resourceID": "orders"}));
    let message = world.reason(TOPICS, "shop", "twin", "False Conflict").await;
    assert!(message.contains("Topic shop/orders"), "{message}");
    let warnings = || world.warnings("s", "Unsupported");
    until("the event", || warnings() == 1).await;
    world.delete(TOPICS, "shop", "orders");
    world.ready(TOPICS, "shop", "twin").await;
    world.quiet().await;
    assert_eq!(warnings(), 1, "only transitions are told");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_can_not_be_read_stalls_nobody() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "broken", json!({"partitions": "many"}));
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    until("the broken one says so", || {
        world
            .condition(TOPICS, "shop", "broken", "Ready")
            .is_some_and(|(summary, _)| summary == "False Invalid")
    })
    .await;
    until("the event", || world.warnings("broken", "Invalid") == 1).await;
    world.quiet().await;
    let writes = world.api.writes();
    world.annotate(TOPICS, "shop", "broken", json!({"somebody": "looks"}));
    world.quiet().await;
    assert_eq!(
        world.api.writes(),
        writes,
        "nothing differs, so nothing is written"
    );
    assert_eq!(world.warnings("broken", "Invalid"), 1);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changes_in_the_broker_is_set_right() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    for name in ["a-topic", "b-topic", "c-topic"] {
        world.apply(TOPICS, "shop", name, json!({}));
        world.ready(TOPICS, "shop", name).await;
    }
    world.quiet().await;
    world.broker.with(|catalog| {
        catalog.tamper(Kind::Topic, "shop", "a-topic", |topic| topic.owner = Owner::Api);
        catalog.tamper(Kind::Topic, "shop", "b-topic", |topic| {
            if let Spec::Topic(spec) = &mut topic.resource.spec {
                spec.labels.insert("by".to_owned(), "somebody".to_owned());
            }
        });
        catalog.resources.retain(|key, _| key.name != "c-topic");
    });
    until("all three are set right", || {
        ["a-topic", "b-topic", "c-topic"].iter().all(|name| {
            let Some(topic) = world.broker.described(Kind::Topic, "shop", name) else {
                return false;
            };
            let status = &world.get(TOPICS, "shop", name).unwrap()["status"];
            let bare = matches!(&topic.resource.spec, Spec::Topic(spec) if spec.labels.is_empty());
            topic.owner == Owner::Kubernetes && bare && status["topicId"] == json!(topic.id)
        })
    })
    .await;
    world.broker.restart();
    world.quiet().await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_changes_no_status() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    world.quiet().await;
    let before = world.get(TOPICS, "shop", "orders").unwrap();
    world.broker.with(|catalog| catalog.down = true);
    world
        .reason(CLUSTERS, "shop", "main", "False BrokerNotReady")
        .await;
    world.apply(TOPICS, "shop", "bills", json!({}));
    world
        .reason(TOPICS, "shop", "bills", "False ClusterNotReady")
        .await;
    assert_eq!(world.get(TOPICS, "shop", "orders").unwrap(), before);
    world.broker.with(|catalog| catalog.down = false);
    world.ready(TOPICS, "shop", "bills").await;
    world.ready(CLUSTERS, "shop", "main").await;
    assert_eq!(world.get(TOPICS, "shop", "orders").unwrap(), before);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_are_found_stay_and_say_who_may_use_them() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.apply(TOPICS, "shop", "orders", json!({}));
    world
        .reason(TOPICS, "shop", "orders", "False ClusterNotFound")
        .await;
    world.apply(TOPICS, "mall", "far", json!({}));
    world.cluster().await;
    world.ready(TOPICS, "shop", "orders").await;
    world.ready(TOPICS, "mall", "far").await;
    world.apply(
        CLUSTERS,
        "bank",
        "other",
        json!({"allowedNamespaces": {"from": "Same"}}),
    );
    world.ready(CLUSTERS, "bank", "other").await;
    world.apply(TOPICS, "mall", "near", json!({}));
    let message = world
        .reason(TOPICS, "mall", "near", "False ClusterAmbiguous")
        .await;
    assert!(message.contains("bank/other, shop/main"), "{message}");
    world.apply(
        TOPICS,
        "mall",
        "near",
        json!({"clusterRef": {"name": "other", "namespace": "bank"}}),
    );
    world
        .reason(TOPICS, "mall", "near", "False NamespaceNotAllowed")
        .await;
    world.apply(
        CLUSTERS,
        "bank",
        "other",
        json!({"allowedNamespaces": {"from": "List", "names": ["mall"]}}),
    );
    world.ready(TOPICS, "mall", "near").await;
    assert!(world.other.described(Kind::Topic, "mall", "near").is_some());
    world.apply(TOPICS, "mall", "far", json!({"partitions": 2}));
    world.ready(TOPICS, "mall", "far").await;
    let far = world.broker.described(Kind::Topic, "mall", "far").unwrap();
    assert!(
        matches!(far.resource.spec, Spec::Topic(spec) if spec.partitions == 2),
        "it stays where it is"
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_topics_take_few_requests() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    for number in 0..300 {
        world.apply(TOPICS, "shop", &format!("t-{number}"), json!({}));
    }
    for number in 0..300 {
        world.ready(TOPICS, "shop", &format!("t-{number}")).await;
    }
    let requests = world
        .broker
        .with(|catalog| catalog.requests["/v1/resources:apply"]);
    assert!(requests <= 60, "{requests} requests for 300 topics");
    world.quiet().await;
    let writes = world.api.effective_writes();
    let of_topics = writes
        .iter()
        .filter(|write| write.path.contains("/topics/"))
        .count();
    assert_eq!(of_topics, 300, "one status write a topic");
    operator.stop().await;
}

/// The oldest object of a name may be of another cluster: then two younger ones of one cluster took each other for no rival,
/// and overwrote each other for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_each_cluster_the_oldest_object_of_a_name_counts() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(CLUSTERS, "bank", "other", json!({}));
    world.ready(CLUSTERS, "bank", "other").await;
    // Made in the same second, so the names decide.
    let topic = |name: &str, namespace: &str, cluster: &str, partitions: u32| {
        let cluster = json!({"name": cluster, "namespace": namespace});
        let spec = json!({"resourceID": "orders", "clusterRef": cluster, "partitions": partitions});
        world.apply(TOPICS, "shop", name, spec);
    };
    topic("a", "bank", "other", 1);
    topic("b", "shop", "main", 2);
    world.ready(TOPICS, "shop", "a").await;
    world.ready(TOPICS, "shop", "b").await;
    topic("c", "shop", "main", 3);
    let message = world.reason(TOPICS, "shop", "c", "False Conflict").await;
    assert!(message.contains("Topic shop/b"), "{message}");
    world.quiet().await;
    let orders = world.broker.described(Kind::Topic, "shop", "orders").unwrap();
    assert!(matches!(orders.resource.spec, Spec::Topic(spec) if spec.partitions == 2));
    world.delete(TOPICS, "shop", "b");
    world.ready(TOPICS, "shop", "c").await;
    world.quiet().await;
    operator.stop().await;
}
