//! The official Python client's other calls: topics and subscriptions, and Pull, Acknowledge and ModifyAckDeadline.

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
