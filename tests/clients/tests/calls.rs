//! The official Python client's other calls: topics and subscriptions, Pull, Acknowledge and ModifyAckDeadline, and ordering.

use anyhow::Result;
use postroad_client_tests::Client;
use postroad_harness::{Broker, BrokerOptions};

#[tokio::test]
async fn topics_and_subscriptions_are_managed() -> Result<()> {
    let broker = Broker::start(BrokerOptions::default()).await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    client.run("admin_calls.py", &["--project", "shop"]).await?;
    Ok(())
}

#[tokio::test]
async fn messages_are_pulled_acknowledged_and_redelivered() -> Result<()> {
    let broker = Broker::start(BrokerOptions::default()).await?;
    broker.create_topic("shop", "orders", 1).await?;
    broker
        .create_subscription("shop", "orders", "billing", 10)
        .await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    let arguments = [
        "--project",
        "shop",
        "--topic",
        "orders",
        "--subscription",
        "billing",
    ];
    client.run("unary_calls.py", &arguments).await?;
    Ok(())
}

#[tokio::test]
async fn ordering_keys_are_delivered_in_order() -> Result<()> {
    let broker = Broker::start(BrokerOptions::default()).await?;
    broker.create_topic("shop", "orders", 3).await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    let arguments = ["--project", "shop", "--topic", "orders"];
    client.run("ordered_delivery.py", &arguments).await?;
    Ok(())
}
