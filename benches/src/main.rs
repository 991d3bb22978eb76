//! Measures a real broker process on this machine, load generator included: one line a figure.
//!
//! `cargo run --release -p postroad-benches` (the broker's release binary is built when it is missing).

mod load;
mod usage;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use load::Shape;
use postroad_harness::{Broker, BrokerOptions};

/// Measures a real broker: start-up, idle use, latency at a fixed rate, throughput.
#[derive(Parser)]
struct Arguments {
    /// Scales how much is published; 1 takes about a minute.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let calls = |calls: f64| ((calls * arguments.scale) as u64).max(100);
    start_up().await?;
    let broker = Broker::start(BrokerOptions::default()).await?;
    idle(&broker).await?;
    latency(&broker, calls(10_000.0)).await?;
    let shapes = [
        (
            "100 B, batches of 100",
            Shape {
                size: 100,
                batch: 100,
                in_flight: 16,
            },
            calls(20_000.0),
        ),
        (
            "1 KB, batches of 100",
            Shape {
                size: 1_000,
                batch: 100,
                in_flight: 16,
            },
            calls(6_000.0),
        ),
        (
            "100 B, one a call, 32 in flight",
            Shape {
                size: 100,
                batch: 1,
                in_flight: 32,
            },
            calls(100_000.0),
        ),
    ];
    for (number, (name, shape, calls)) in shapes.into_iter().enumerate() {
        throughput(&broker, number, name, shape, calls).await?;
    }
    Ok(())
}

/// From the start of the process on an empty folder to the first acknowledged publish.
async fn start_up() -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let broker = Broker::start(BrokerOptions::default()).await?;
        broker.create_topic("bench", "first", 1).await?;
        let message = vec![b"first".to_vec()];
        broker
            .pubsub()
            .publish("projects/bench/topics/first", "", message)
            .await?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    println!("start to first publish: median {:.0} ms", millis(times[2]));
    Ok(())
}

async fn idle(broker: &Broker) -> Result<()> {
    let (before, period) = (usage::cpu_seconds(broker.pid())?, Duration::from_secs(10));
    tokio::time::sleep(period).await;
    let share = (usage::cpu_seconds(broker.pid())? - before) / period.as_secs_f64() * 100.0;
    println!(
        "idle: {:.1} MiB resident, {share:.2} % of a core",
        usage::resident_mib(broker.pid())?
    );
    Ok(())
}

/// A topic and its subscription, by their full names.
async fn topic(broker: &Broker, name: &str) -> Result<(String, String)> {
    broker.create_topic("bench", name, 1).await?;
    broker.create_subscription("bench", name, name, 60).await?;
    Ok((
        format!("projects/bench/topics/{name}"),
        format!("projects/bench/subscriptions/{name}"),
    ))
}

async fn latency(broker: &Broker, calls: u64) -> Result<()> {
    let (topic, subscription) = topic(broker, "latency").await?;
    let (publisher, consumer) = (broker.pubsub(), broker.pubsub());
    let shape = Shape {
        size: 1_000,
        batch: 1,
        in_flight: 32,
    };
    let interval = Some(Duration::from_millis(1));
    let outcome = load::run(
        (&publisher, &consumer),
        &topic,
        &subscription,
        shape,
        calls,
        interval,
    )
    .await?;
    println!(
        "end to end at 1,000/s of 1 KB: median {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
        millis(outcome.latency(0.5)),
        millis(outcome.latency(0.99)),
        millis(outcome.latency(0.999)),
    );
    Ok(())
}

async fn throughput(broker: &Broker, number: usize, name: &str, shape: Shape, calls: u64) -> Result<()> {
    let (topic, subscription) = topic(broker, &format!("throughput-{number}")).await?;
    let (publisher, consumer) = (broker.pubsub(), broker.pubsub());
    let before = usage::cpu_seconds(broker.pid())?;
    let outcome = load::run((&publisher, &consumer), &topic, &subscription, shape, calls, None).await?;
    let cpu = usage::cpu_seconds(broker.pid())? - before;
    println!(
        "through ({name}): {:.0} messages/s, broker {:.2} µs CPU a message, {:.0} MiB resident after",
        outcome.messages as f64 / outcome.took.as_secs_f64(),
        cpu / outcome.messages as f64 * 1e6,
        usage::resident_mib(broker.pid())?,
    );
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
