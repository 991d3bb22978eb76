//! Load on one topic with one subscription: publishers with a number of calls in flight, one streaming consumer that
//! acknowledges what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postroad_harness::Pubsub;
use postroad_pubsub::proto::pubsub::{PublishRequest, PubsubMessage, StreamingPullRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// What is published how.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Bytes of a message's data; at least 8 (the sending time is in it).
    pub size: usize,
    /// Messages of a call.
    pub batch: usize,
    /// Calls on their way at a time.
    pub in_flight: usize,
}

/// What a run showed.
pub struct Outcome {
    /// Messages that were published, delivered and acknowledged.
    pub messages: u64,
    /// From the first call to the last acknowledgement.
    pub took: Duration,
    /// From a message's sending to its arrival, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// The latency that `share` (0 to 1) of the messages did not exceed.
    pub fn latency(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// Publishes `calls` calls as fast as they go, or at a fixed interval, and receives everything.
pub async fn run(
    clients: (&Pubsub, &Pubsub),
    topic: &str,
    subscription: &str,
    shape: Shape,
    calls: u64,
    interval: Option<Duration>,
) -> Result<Outcome> {
    let expected = calls * shape.batch as u64;
    let epoch = Instant::now();
    let consumer = tokio::spawn(consume(
        clients.1.clone(),
        subscription.to_owned(),
        expected,
        epoch,
    ));
    let next = Arc::new(AtomicU64::new(0));
    let mut publishers = Vec::new();
    for _ in 0..shape.in_flight {
        let (client, topic, next) = (clients.0.clone(), topic.to_owned(), Arc::clone(&next));
        publishers.push(tokio::spawn(async move {
            loop {
                let call = next.fetch_add(1, Ordering::Relaxed);
                if call >= calls {
                    return anyhow::Ok(());
                }
                if let Some(interval) = interval {
                    let due = epoch + interval * u32::try_from(call)?;
                    tokio::time::sleep_until(due.into()).await;
                }
                let messages = (0..shape.batch).map(|_| message(shape.size, epoch)).collect();
                client
                    .publisher
                    .clone()
                    .publish(PublishRequest {
                        topic: topic.clone(),
                        messages,
                    })
                    .await?;
            }
        }));
    }
    for publisher in publishers {
        publisher.await??;
    }
    let mut latencies = consumer.await??;
    let took = epoch.elapsed();
    latencies.sort_unstable();
    Ok(Outcome {
        messages: expected,
        took,
        latencies,
    })
}

fn message(size: usize, epoch: Instant) -> PubsubMessage {
    let mut data = vec![b'x'; size.max(8)];
    let sent = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
    data[..8].copy_from_slice(&sent.to_be_bytes());
    PubsubMessage {
        data: data.into(),
        ..PubsubMessage::default()
    }
}

async fn consume(
    client: Pubsub,
    subscription: String,
    expected: u64,
    epoch: Instant,
) -> Result<Vec<Duration>> {
    let (requests, stream) = mpsc::channel(64);
    let first = StreamingPullRequest {
        subscription,
        stream_ack_deadline_seconds: 60,
        ..StreamingPullRequest::default()
    };
    requests.send(first).await?;
    let mut answers = client
        .subscriber
        .clone()
        .streaming_pull(ReceiverStream::new(stream))
        .await?
        .into_inner();
    let mut latencies = Vec::new();
    while (latencies.len() as u64) < expected {
        let answer = answers.message().await?.context("the stream ended early")?;
        let now = epoch.elapsed();
        let mut ack_ids = Vec::with_capacity(answer.received_messages.len());
        for received in answer.received_messages {
            let data = received.message.context("a message")?.data;
            let sent = u64::from_be_bytes(data[..8].try_into()?);
            latencies.push(now.saturating_sub(Duration::from_nanos(sent)));
            ack_ids.push(received.ack_id);
        }
        requests
            .send(StreamingPullRequest {
                ack_ids,
                ..StreamingPullRequest::default()
            })
            .await?;
    }
    Ok(latencies)
}
