//! Whatever goes wrong on the way, the end is the same, and then it is quiet.

use postroad_admin_api::{Kind, Owner};
use rand::Rng;
use serde_json::json;

use crate::fake::faults::Faults;
use crate::world::{CLUSTERS, QUEUES, SUBSCRIPTIONS, TOPICS, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_faults_converges() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    println!("SEED={seed}");
    let world = World::new().await;
    world.api.set_faults(Faults::storm(seed, 15));
    world
        .broker
        .with(|catalog| catalog.faults = Faults::storm(seed ^ 1, 15));
    let operator = world.operator("a");
    world.apply(CLUSTERS, "shop", "main", json!({}));
    for number in 0..20 {
        let policy = if number % 2 == 0 { "Delete" } else { "Retain" };
        world.apply(
            TOPICS,
            "shop",
            &format!("t-{number}"),
            json!({"deletionPolicy": policy}),
        );
        world.apply(QUEUES, "shop", &format!("q-{number}"), json!({}));
        let subscription = json!({"topicRef": {"name": format!("t-{number}")}, "deletionPolicy": policy});
        world.apply(SUBSCRIPTIONS, "shop", &format!("s-{number}"), subscription);
        if number % 5 == 0 {
            world.api.change(crate::fake::store::Store::compact);
        }
    }
    world.ready(SUBSCRIPTIONS, "shop", "s-3").await;
    for number in 0..10 {
        world.delete(SUBSCRIPTIONS, "shop", &format!("s-{number}"));
        world.delete(TOPICS, "shop", &format!("t-{number}"));
        world.apply(
            TOPICS,
            "shop",
            &format!("t-{}", 10 + number),
            json!({"partitions": 3}),
        );
    }
    // A deletion that the watch never tells of.
    world.api.change(crate::fake::store::Store::compact);
    world.api.set_faults(Faults::none());
    world.broker.with(|catalog| catalog.faults = Faults::none());
    for number in 10..20 {
        world.ready(TOPICS, "shop", &format!("t-{number}")).await;
        world.ready(SUBSCRIPTIONS, "shop", &format!("s-{number}")).await;
        world.ready(QUEUES, "shop", &format!("q-{number}")).await;
    }
    until("what was deleted is gone or released", || {
        (0..10).all(|number| {
            let described = world
                .broker
                .described(Kind::Topic, "shop", &format!("t-{number}"));
            let gone = world.get(TOPICS, "shop", &format!("t-{number}")).is_none();
            gone && described.is_none_or(|topic| number % 2 == 1 && topic.owner == Owner::Api)
        })
    })
    .await;
    world.quiet().await;
    let (writes, changes) = (
        world.api.effective_writes().len(),
        world.broker.with(|catalog| catalog.changes.len()),
    );
    world.broker.restart();
    world.api.change(crate::fake::store::Store::compact);
    world.quiet().await;
    assert_eq!(
        world.api.effective_writes().len(),
        writes,
        "no write without a difference"
    );
    assert_eq!(world.broker.with(|catalog| catalog.changes.len()), changes);
    assert_eq!(
        world.broker.with(|catalog| catalog.bootstraps),
        1,
        "formed once, whatever was lost"
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_restarts_writes_nothing() {
    let world = World::new().await;
    let operator = world.operator("a");
    world.cluster().await;
    world.apply(TOPICS, "shop", "orders", json!({"deletionPolicy": "Delete"}));
    world.apply(
        SUBSCRIPTIONS,
        "shop",
        "billing",
        json!({"topicRef": {"name": "orders"}}),
    );
    world.ready(SUBSCRIPTIONS, "shop", "billing").await;
    world.quiet().await;
    operator.kill();
    let (writes, changes) = (
        world.api.effective_writes().len(),
        world.broker.with(|catalog| catalog.changes.len()),
    );
    let operator = world.operator("b");
    until("it looked at everything", || {
        operator.metrics.reconciles("Subscription", "settled") > 0
            && operator.metrics.reconciles("PostroadCluster", "settled") > 0
    })
    .await;
    world.quiet().await;
    assert_eq!(world.api.effective_writes().len(), writes);
    assert_eq!(world.broker.with(|catalog| catalog.changes.len()), changes);
    operator.stop().await;
}
