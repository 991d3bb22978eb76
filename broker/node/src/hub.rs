//! One subscription's leases on this broker, shared by all its consumers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use postroad_core::{LeaseTable, Subscription, Topic};
use postroad_types::{Error, ErrorKind, Result, SubscriptionId, SubscriptionName, TopicId};
use prometheus::IntCounter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::delivery::{AckId, Delivery};
use crate::leases::Leases;
use crate::node::{Inner, Node};
use crate::part::{Leased, Part, Stop, Want};

/// One subscription on this broker.
pub(crate) struct Hub {
    /// As it was when the hub was opened. Number, name and topic stay; deadline, labels and owner may have changed since,
    /// and are to be asked of the catalog.
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) parts: Vec<Part>,
    /// Something may be deliverable, or credit came back.
    pub(crate) wake: Notify,
    /// The subscription is gone, or has other partitions: consumers ask for its hub anew.
    pub(crate) closed: CancellationToken,
    /// Where the next take begins, so that every partition has its turn.
    turn: AtomicUsize,
    holders: AtomicU64,
    sessions: AtomicUsize,
    delivered: IntCounter,
    delivered_bytes: IntCounter,
    pub(crate) acknowledged: IntCounter,
}

impl Hub {
    fn open(inner: &Inner, subscription: Arc<Subscription>) -> Result<Self> {
        let topic = subscription.topic_id.and_then(|id| inner.topic_by_id(id));
        let parts = match topic {
            None => Vec::new(),
            Some(topic) => open_parts(inner, &subscription, &topic)?,
        };
        let labels = [subscription.name.namespace().as_str(), subscription.name.name()];
        let metrics = &inner.metrics;
        Ok(Self {
            parts,
            wake: Notify::new(),
            closed: CancellationToken::new(),
            turn: AtomicUsize::new(0),
            holders: AtomicU64::new(1),
            sessions: AtomicUsize::new(0),
            delivered: metrics.delivered_messages.with_label_values(&labels),
            delivered_bytes: metrics.delivered_bytes.with_label_values(&labels),
            acknowledged: metrics.acknowledged_messages.with_label_values(&labels),
            subscription,
        })
    }

    /// Whether the log has the acknowledgement of an offset.
    pub(crate) fn in_log(&self, part: &Part, offset: u64) -> bool {
        part.shard.with_state(|state| {
            let cursor = state
                .partition(&part.id)
                .and_then(|partition| partition.cursor(self.subscription.id));
            cursor.is_none_or(|cursor| cursor.is_acked(offset))
        })
    }

    /// A session begins; it says so when it ends.
    pub(crate) fn enter(&self) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
    }

    /// A session ends. Without one, decoded records would only take memory.
    pub(crate) fn leave(&self) {
        if self.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.parts.iter().for_each(Part::clear);
        }
    }

    /// A number for a new consumer.
    pub(crate) fn new_holder(&self) -> u64 {
        self.holders.fetch_add(1, Ordering::Relaxed)
    }

    /// Leases what is deliverable and wanted; empty when nothing is.
    pub(crate) async fn take(&self, inner: &Inner, mut want: Want) -> Result<Vec<Delivery>> {
        let mut leased = Vec::new();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        for turn in 0..self.parts.len() {
            let part = &self.parts[(first + turn) % self.parts.len()];
            loop {
                match part.take(&mut want, &mut leased)? {
                    Stop::Empty => break,
                    Stop::Satisfied => return Ok(self.delivered(inner, leased)),
                    // What is leased already goes out first: the disk may take its time.
                    Stop::OnDisk(_) if !leased.is_empty() => return Ok(self.delivered(inner, leased)),
                    Stop::OnDisk(offset) => part.load_from_disk(offset).await?,
                }
            }
        }
        Ok(self.delivered(inner, leased))
    }

    fn delivered(&self, inner: &Inner, leased: Vec<Leased>) -> Vec<Delivery> {
        let now = inner.clock.now();
        let mut bytes = 0;
        let deliveries: Vec<Delivery> = leased
            .into_iter()
            .map(|leased| {
                bytes += leased.message.size() as u64;
                if leased.attempt == 1 {
                    inner
                        .metrics
                        .end_to_end
                        .observe(now.since(leased.published).as_secs_f64());
                }
                self.delivery(leased)
            })
            .collect();
        self.delivered.inc_by(deliveries.len() as u64);
        self.delivered_bytes.inc_by(bytes);
        deliveries
    }

    fn delivery(&self, leased: Leased) -> Delivery {
        let Leased {
            partition,
            offset,
            generation,
            attempt,
            published,
            message,
        } = leased;
        Delivery {
            ack_id: AckId {
                subscription: self.subscription.id,
                partition,
                offset,
                generation,
            },
            message_id: postroad_types::MessageId { partition, offset },
            published,
            attempt,
            message,
        }
    }

    /// When the next lease runs out, in the node's ticks.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.parts.iter().filter_map(Part::next_deadline).min()
    }

    /// Messages in consumers' hands.
    pub(crate) fn leased(&self) -> u64 {
        self.parts.iter().map(Part::leased).sum()
    }

    /// Messages and bytes in one consumer's hands.
    pub(crate) fn held_by(&self, holder: u64) -> (u64, u64) {
        let held = self.parts.iter().map(|part| part.held_by(holder));
        held.fold((0, 0), |(messages, bytes), (m, b)| (messages + m, bytes + b))
    }

    /// The part an ack id speaks of.
    ///
    /// # Errors
    /// `InvalidArgument` when this subscription never gave such an id.
    pub(crate) fn part(&self, id: &AckId) -> Result<&Part> {
        let part = self.parts.get(id.partition as usize);
        let part = part.filter(|part| id.subscription == self.subscription.id && id.offset < part.end());
        part.ok_or_else(|| {
            Error::invalid(format!(
                "ack id {id} was not given out by subscription {}",
                self.subscription.name
            ))
        })
    }
}

fn open_parts(inner: &Inner, subscription: &Subscription, topic: &Topic) -> Result<Vec<Part>> {
    let starting = || Error::unavailable(format!("{} is being made ready; try again", subscription.name));
    let mut parts = Vec::new();
    for (id, shard) in topic.partitions() {
        let shard = inner.shard(shard).ok_or_else(starting)?;
        let log = shard.partition(id).ok_or_else(starting)?;
        let leases = shard.with_state(|state| {
            let cursor = state.partition(&id)?.cursor(subscription.id)?;
            Some(LeaseTable::new(cursor.floor(), cursor.acked()))
        });
        // A start of its own makes it unlikely that an ack id from before a restart names a lease of now.
        let leases = leases
            .ok_or_else(starting)?
            .starting_at_generation(rand::random());
        let leases = Leases::new(leases, subscription.spec.enable_message_ordering);
        parts.push(Part::new(id, shard, log, leases));
    }
    Ok(parts)
}

/// The hubs of a broker: one for each subscription that has been consumed since it came or its partitions changed.
#[derive(Default)]
pub(crate) struct Hubs {
    maps: RwLock<Maps>,
}

#[derive(Default)]
struct Maps {
    by_subscription: HashMap<SubscriptionId, Arc<Hub>>,
    by_topic: HashMap<TopicId, Vec<Arc<Hub>>>,
}

impl Hubs {
    /// The hub, when there is one.
    pub(crate) fn existing(&self, id: SubscriptionId) -> Option<Arc<Hub>> {
        self.maps.read().by_subscription.get(&id).cloned()
    }

    /// Wakes the consumers of a topic.
    pub(crate) fn wake(&self, topic: TopicId) {
        if let Some(hubs) = self.maps.read().by_topic.get(&topic) {
            hubs.iter().for_each(|hub| hub.wake.notify_waiters());
        }
    }

    fn get_or_open(&self, inner: &Inner, subscription: Arc<Subscription>) -> Result<Arc<Hub>> {
        if let Some(hub) = self.existing(subscription.id) {
            return Ok(hub);
        }
        let opened = Arc::new(Hub::open(inner, subscription)?);
        let mut maps = self.maps.write();
        let subscription = &opened.subscription;
        if let Some(hub) = maps.by_subscription.get(&subscription.id) {
            return Ok(Arc::clone(hub));
        }
        if let Some(topic) = subscription.topic_id {
            maps.by_topic.entry(topic).or_default().push(Arc::clone(&opened));
        }
        maps.by_subscription.insert(subscription.id, Arc::clone(&opened));
        Ok(Arc::clone(&opened))
    }

    /// Ends a subscription's hub; its consumers open another or learn that the subscription is gone.
    pub(crate) fn close(&self, id: SubscriptionId) {
        let mut maps = self.maps.write();
        if let Some(hub) = maps.by_subscription.remove(&id) {
            if let Some(topic) = hub.subscription.topic_id
                && let Some(hubs) = maps.by_topic.get_mut(&topic)
            {
                hubs.retain(|other| !Arc::ptr_eq(other, &hub));
                if hubs.is_empty() {
                    maps.by_topic.remove(&topic);
                }
            }
            hub.closed.cancel();
        }
    }

    /// Ends the hubs of a topic's subscriptions.
    pub(crate) fn close_topic(&self, topic: TopicId) {
        let of_topic: Vec<_> = self
            .maps
            .read()
            .by_topic
            .get(&topic)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        of_topic.iter().for_each(|hub| self.close(hub.subscription.id));
    }
}

impl Node {
    /// The subscription's hub on this broker.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while node or subscription are not ready.
    pub(crate) fn hub(&self, name: &SubscriptionName) -> Result<Arc<Hub>> {
        let subscription = self.subscription(name)?;
        if let Some(hub) = self.inner.hubs.existing(subscription.id) {
            return Ok(hub);
        }
        let hub = self.inner.hubs.get_or_open(&self.inner, subscription)?;
        match self.subscription(name) {
            Ok(now) if now.id == hub.subscription.id => Ok(hub),
            // A broker that begins to stop meanwhile says so; the subscription is not gone for that.
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            // Deleted while its hub was opened: nobody else would close that.
            Ok(_) | Err(_) => {
                self.inner.hubs.close(hub.subscription.id);
                self.inner.metrics.forget_subscription(name);
                Err(Error::not_found(name))
            }
        }
    }
}

#[cfg(test)]
mod tests;
