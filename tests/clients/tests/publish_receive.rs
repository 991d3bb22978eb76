//! The official Python client publishes and receives by streaming pull; every message is compared, byte for byte.

use anyhow::{Result, ensure};
use postroad_client_tests::Client;
use postroad_harness::{Broker, BrokerOptions};

const ARGUMENTS: [&str; 6] = [
    "--project",
    "shop",
    "--topic",
    "orders",
    "--subscription",
    "billing",
];

async fn broker(partitions: u32) -> Result<Broker> {
    let broker = Broker::start(BrokerOptions::default()).await?;
    broker.create_topic("shop", "orders", partitions).await?;
    broker
        .create_subscription("shop", "orders", "billing", 60)
        .await?;
    Ok(broker)
}

#[tokio::test]
async fn every_message_comes_as_it_was_sent() -> Result<()> {
    let broker = broker(1).await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    let arguments = [&ARGUMENTS[..], &["--count", "1500"]].concat();
    let summary = client.run("publish_receive.py", &arguments).await?;
    ensure!(summary.contains(r#""received": 1500"#), "{summary}");
    Ok(())
}

#[tokio::test]
async fn partitions_keep_the_order_of_each_key() -> Result<()> {
    let broker = broker(5).await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    let arguments = [
        &ARGUMENTS[..],
        &["--count", "600", "--seed", "2", "--max-messages", "7"],
    ]
    .concat();
    let summary = client.run("publish_receive.py", &arguments).await?;
    ensure!(summary.contains(r#""received": 600"#), "{summary}");
    Ok(())
}

#[tokio::test]
async fn a_publisher_rides_out_kills_and_a_later_receiver_finds_everything() -> Result<()> {
    let mut broker = broker(2).await?;
    let Some(client) = Client::of(broker.pubsub_host())? else {
        return Ok(());
    };
    let record = broker.scratch().join("acknowledged.jsonl");
    let file = record.to_str().unwrap_or_default().to_owned();

    let publish = [
        &ARGUMENTS[..4],
        &[
            "--count",
            "3000",
            "--rate",
            "1000",
            "--publish-only",
            "--record",
            &file,
        ],
    ]
    .concat();
    let mut publishing = std::pin::pin!(client.run("publish_receive.py", &publish));
    for acknowledged in [100, 1_000, 2_000] {
        let reached = lines_written(&record, acknowledged);
        tokio::select! {
            early = &mut publishing => anyhow::bail!("the publisher ended before the kills: {early:?}"),
            reached = reached => reached?,
        }
        broker.kill()?;
        broker.start_again().await?;
    }
    let summary = publishing.await?;
    ensure!(summary.contains(r#""failed": 0"#), "{summary}");

    let verify = [
        &ARGUMENTS[..2],
        &ARGUMENTS[4..],
        &["--receive-only", "--verify", &file],
    ]
    .concat();
    let summary = client.run("publish_receive.py", &verify).await?;
    ensure!(summary.contains(r#""acknowledged": 3000"#), "{summary}");
    Ok(())
}

/// Waits until the record has `lines` lines.
async fn lines_written(record: &std::path::Path, lines: usize) -> Result<()> {
    let limit = std::time::Duration::from_secs(120);
    postroad_harness::eventually("enough acknowledged messages", limit, async || {
        let text = std::fs::read_to_string(record).unwrap_or_default();
        Ok((text.lines().count() >= lines).then_some(()))
    })
    .await
}
