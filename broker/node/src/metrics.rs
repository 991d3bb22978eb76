//! The node's metrics, by Prometheus' conventions; docs/metrics.md describes them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use postroad_log::JournalObserver;
use postroad_shard::PartitionLog;
use postroad_shard::partition::Located;
use postroad_types::{PartitionId, SubscriptionName, Timestamp, TopicName};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets,
};

use crate::node::{Inner, Node};

/// Counters and histograms that the node's parts write.
pub(crate) struct Metrics {
    pub(crate) published_messages: IntCounterVec,
    pub(crate) published_bytes: IntCounterVec,
    pub(crate) delivered_messages: IntCounterVec,
    pub(crate) delivered_bytes: IntCounterVec,
    pub(crate) acknowledged_messages: IntCounterVec,
    pub(crate) publish_duration: Histogram,
    pub(crate) end_to_end: Histogram,
    pub(crate) checkpoint_duration: Histogram,
    journal: Arc<JournalMetrics>,
}

struct JournalMetrics {
    fsync: Histogram,
    entries: IntCounter,
    bytes: IntCounter,
}

impl JournalObserver for JournalMetrics {
    fn committed(&self, took: Duration, frames: usize, bytes: usize) {
        self.fsync.observe(took.as_secs_f64());
        self.entries.inc_by(frames as u64);
        self.bytes.inc_by(bytes as u64);
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let topic = ["namespace", "topic"];
        let subscription = ["namespace", "subscription"];
        Ok(Self {
            published_messages: counters(
                registry,
                "postroad_messages_published_total",
                "Messages that were published and are durable.",
                &topic,
            )?,
            published_bytes: counters(
                registry,
                "postroad_bytes_published_total",
                "Bytes of published messages.",
                &topic,
            )?,
            delivered_messages: counters(
                registry,
                "postroad_messages_delivered_total",
                "Messages given to consumers, each time counted.",
                &subscription,
            )?,
            delivered_bytes: counters(
                registry,
                "postroad_bytes_delivered_total",
                "Bytes of messages given to consumers.",
                &subscription,
            )?,
            acknowledged_messages: counters(
                registry,
                "postroad_messages_acknowledged_total",
                "Messages that consumers acknowledged.",
                &subscription,
            )?,
            publish_duration: histogram(
                registry,
                "postroad_publish_duration_seconds",
                "From a publish's arrival until it is durable.",
                0.0001,
            )?,
            end_to_end: histogram(
                registry,
                "postroad_end_to_end_latency_seconds",
                "From a message's publish time until it is given to a consumer for the first time.",
                0.001,
            )?,
            checkpoint_duration: histogram(
                registry,
                "postroad_checkpoint_duration_seconds",
                "Taking a shard's checkpoint.",
                0.001,
            )?,
            journal: Arc::new(JournalMetrics {
                fsync: histogram(
                    registry,
                    "postroad_journal_fsync_duration_seconds",
                    "One group commit of the journal: write and fdatasync.",
                    0.0001,
                )?,
                entries: counter(
                    registry,
                    "postroad_journal_frames_total",
                    "Frames written to the journal.",
                )?,
                bytes: counter(
                    registry,
                    "postroad_journal_bytes_total",
                    "Bytes written to the journal.",
                )?,
            }),
        })
    }

    pub(crate) fn journal_observer(&self) -> Arc<dyn JournalObserver> {
        Arc::clone(&self.journal) as Arc<dyn JournalObserver>
    }

    /// Series of what is gone would only cost memory. That one was never written is no error.
    pub(crate) fn forget_topic(&self, name: &TopicName) {
        let labels = [name.namespace().as_str(), name.name()];
        for family in [&self.published_messages, &self.published_bytes] {
            drop(family.remove_label_values(&labels));
        }
    }

    pub(crate) fn forget_subscription(&self, name: &SubscriptionName) {
        let labels = [name.namespace().as_str(), name.name()];
        for family in [
            &self.delivered_messages,
            &self.delivered_bytes,
            &self.acknowledged_messages,
        ] {
            drop(family.remove_label_values(&labels));
        }
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// Sixteen buckets, each twice the one before.
fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    first: f64,
) -> Result<Histogram, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(exponential_buckets(first, 2.0, 16)?);
    let histogram = Histogram::with_opts(options)?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

/// Registers what is read from the node when `/metrics` is asked for.
pub(crate) fn register_collector(node: &Node) -> Result<(), prometheus::Error> {
    let collector = NodeCollector::new(Arc::downgrade(&node.inner))?;
    node.inner.registry.register(Box::new(collector))
}

struct NodeCollector {
    inner: Weak<Inner>,
    backlog: IntGaugeVec,
    leased: IntGaugeVec,
    oldest: IntGaugeVec,
    retained: IntGaugeVec,
    role: IntGaugeVec,
    journal_bytes: IntGaugeVec,
    ready: IntGaugeVec,
    /// Gathering resets the gauges, so one gathers at a time.
    gathering: Mutex<()>,
}

impl NodeCollector {
    fn new(inner: Weak<Inner>) -> Result<Self, prometheus::Error> {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let subscription = ["namespace", "subscription"];
        Ok(Self {
            inner,
            backlog: gauges(
                "postroad_subscription_backlog_messages",
                "Messages that are not acknowledged.",
                &subscription,
            )?,
            leased: gauges(
                "postroad_subscription_leased_messages",
                "Messages in consumers' hands.",
                &subscription,
            )?,
            oldest: gauges(
                "postroad_subscription_oldest_unacked_age_seconds",
                "Age of the oldest message that is not acknowledged.",
                &subscription,
            )?,
            retained: gauges(
                "postroad_topic_retained_messages",
                "Messages that are kept.",
                &["namespace", "topic"],
            )?,
            role: gauges(
                "postroad_shard_role",
                "1 for the role this broker has in the shard.",
                &["shard", "role"],
            )?,
            journal_bytes: gauges(
                "postroad_journal_live_bytes",
                "Bytes of journal files in use.",
                &[],
            )?,
            ready: gauges("postroad_ready", "1 when this broker serves clients.", &[])?,
            gathering: Mutex::new(()),
        })
    }

    fn families(&self) -> [&IntGaugeVec; 7] {
        [
            &self.backlog,
            &self.leased,
            &self.oldest,
            &self.retained,
            &self.role,
            &self.journal_bytes,
            &self.ready,
        ]
    }

    fn read(&self, node: &Node) {
        let status = node.status();
        self.ready
            .with_label_values::<&str>(&[])
            .set(i64::from(status.ready));
        self.journal_bytes
            .with_label_values::<&str>(&[])
            .set(gauge(node.inner.journal.stats().live_bytes));
        for shard in &status.shards {
            self.role
                .with_label_values(&[shard.id.to_string().as_str(), shard.role.as_str()])
                .set(1);
        }
        let Ok((topics, subscriptions)) = node.inner.catalog(|catalog| {
            let topics: Vec<_> = catalog
                .topics(None, None)
                .map(|topic| topic.name.clone())
                .collect();
            let subscriptions: Vec<_> = catalog
                .subscriptions(None, None)
                .map(|found| found.name.clone())
                .collect();
            (topics, subscriptions)
        }) else {
            return;
        };
        // One that is deleted meanwhile has no numbers.
        for name in topics {
            let Ok(stats) = node.topic_stats(&name) else {
                continue;
            };
            let labels = [name.namespace().as_str(), name.name()];
            self.retained
                .with_label_values(&labels)
                .set(gauge(stats.retained_messages));
        }
        for name in subscriptions {
            let Ok(stats) = node.subscription_stats(&name) else {
                continue;
            };
            let labels = [name.namespace().as_str(), name.name()];
            self.backlog
                .with_label_values(&labels)
                .set(gauge(stats.backlog_messages));
            self.leased
                .with_label_values(&labels)
                .set(gauge(stats.leased_messages));
            self.oldest
                .with_label_values(&labels)
                .set(gauge(stats.oldest_unacked_seconds));
        }
    }
}

impl Collector for NodeCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.families().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(inner) = self.inner.upgrade() else {
            return Vec::new();
        };
        let _one_at_a_time = self.gathering.lock();
        self.families().into_iter().for_each(IntGaugeVec::reset);
        self.read(&Node { inner });
        self.families().into_iter().flat_map(Collector::collect).collect()
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// When the oldest unacknowledged messages were published: read from disk once, then kept until the cursor moves.
#[derive(Default)]
pub(crate) struct OldestCache {
    known: Mutex<HashMap<(PartitionId, u64), Timestamp>>,
}

/// Entries kept; more are for partitions that are gone.
const OLDEST_ENTRIES: usize = 100_000;

impl OldestCache {
    /// When the record at `offset` was published; none when it can't be told.
    pub(crate) fn published_at(&self, log: &PartitionLog, offset: u64) -> Option<Timestamp> {
        if let Some(time) = log.published_at(offset) {
            return Some(time);
        }
        if let Some(time) = self.known.lock().get(&(log.id(), offset)) {
            return Some(*time);
        }
        if !matches!(log.locate(offset, 1), Located::Disk) {
            return None;
        }
        let batches = match log.read_files(offset, 1) {
            Ok(batches) => batches,
            Err(error) => {
                tracing::error!(partition = %log.id(), offset, %error, "records can't be read");
                return None;
            }
        };
        let time = batches.first()?.first_timestamp()?;
        let mut known = self.known.lock();
        if known.len() >= OLDEST_ENTRIES {
            known.clear();
        }
        known.insert((log.id(), offset), time);
        Some(time)
    }
}
