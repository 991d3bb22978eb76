//! A broker is asked to stop (SIGTERM) while clients publish and consume: it ends with status 0 within its grace period, and
//! what it had confirmed is there when it starts again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use postroad_admin_api::{Described, Kind, ResourceKey};
use postroad_harness::{Broker, BrokerOptions};
use postroad_recovery_tests::{Dice, History, Load, Names};

/// The grace period of Kubernetes, with room for a busy machine.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_nothing() -> Result<()> {
    let mut dice = Dice::new("a_stop_under_load_loses_nothing");
    let mut broker = Broker::start(BrokerOptions::default()).await?;
    broker.create_topic("shop", "orders", 2).await?;
    broker
        .create_subscription("shop", "orders", "worker", 600)
        .await?;
    broker.create_subscription("shop", "orders", "audit", 600).await?;
    let worker = "projects/shop/subscriptions/worker".to_owned();
    let names = Names {
        topic: "projects/shop/topics/orders".into(),
        subscription: worker.clone(),
    };
    let history = Arc::new(Mutex::new(History::default()));

    for round in 0..3 {
        let publishers = round * 4..(round + 1) * 4;
        let mut load = Load::start(
            broker.pubsub(),
            names.clone(),
            Arc::clone(&history),
            publishers,
            &mut dice,
        );
        load.confirmed(dice.within(1..1_500)).await?;
        let status = broker.terminate(GRACE).await?;
        ensure!(status.success(), "the broker ended with {status}");
        load.ended().await?;
        broker.start_again().await?;
    }

    let log = broker.pubsub().drain("projects/shop/subscriptions/audit").await?;
    let rest = broker.pubsub().drain(&worker).await?;
    let history = history.lock().unwrap_or_else(PoisonError::into_inner);
    history.check_log(&log)?;
    history.check_consumed(&rest)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_broker_stops_and_starts_with_its_resources() -> Result<()> {
    let mut broker = Broker::start(BrokerOptions::default()).await?;
    broker.create_topic("shop", "orders", 1).await?;
    broker.create_subscription("shop", "orders", "worker", 10).await?;
    let before = described(&broker).await?;
    let cluster = broker.admin().status().await?.cluster_id;

    let status = broker.terminate(GRACE).await?;
    ensure!(status.success(), "the broker ended with {status}");
    broker.start_again().await?;

    let after = described(&broker).await?;
    ensure!(before == after, "before: {before:?}\nafter: {after:?}");
    ensure!(
        cluster == broker.admin().status().await?.cluster_id,
        "the cluster's id changed"
    );
    Ok(())
}

/// Topic and subscription, as the broker has them.
async fn described(broker: &Broker) -> Result<Vec<Described>> {
    let mut found = Vec::new();
    for (kind, name) in [(Kind::Topic, "orders"), (Kind::Subscription, "worker")] {
        let key = ResourceKey {
            kind,
            namespace: "shop".into(),
            name: name.into(),
        };
        found.push(broker.admin().describe(&key).await?);
    }
    Ok(found)
}
