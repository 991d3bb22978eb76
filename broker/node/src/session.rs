//! A consumer's stream, and the single pull.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postroad_types::{Error, Result, SubscriptionName};
use tokio::time::Instant;

use crate::delivery::Delivery;
use crate::hub::Hub;
use crate::node::Node;
use crate::part::Want;

/// Messages of one batch of deliveries.
const BATCH_MESSAGES: usize = 1_000;
/// Bytes of one batch of deliveries, unless one message alone has more.
const BATCH_BYTES: u64 = 2 << 20;
/// Unacknowledged messages of a session that sets no bound.
const SESSION_MESSAGES: u64 = 100_000;
/// Unacknowledged bytes of a session that sets no bound.
const SESSION_BYTES: u64 = 256 << 20;
/// Unacknowledged messages of a subscription that were pulled one call at a time.
const PULL_MESSAGES: u64 = 1_000_000;
/// The holder of messages that were pulled one call at a time: they count against no session. (See [`pull_holder`].)
const PULL_HOLDER: u64 = 0;

/// What a streaming consumer asks for.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// The deadline of each delivery; none = the subscription's.
    pub ack_deadline: Option<Duration>,
    /// At most this many unacknowledged messages at a time; 0 = the broker's bound (100,000).
    pub max_messages: u64,
    /// At most this many unacknowledged bytes at a time, unless one message alone has more; 0 = the broker's bound (256 MiB).
    pub max_bytes: u64,
}

/// A consumer's stream. Dropping it leaves its leases to run out.
pub struct Session {
    node: Node,
    name: SubscriptionName,
    hub: Arc<Hub>,
    holder: u64,
    max_messages: u64,
    max_bytes: u64,
    /// Milliseconds; 0 = the subscription's.
    ack_deadline: AtomicU64,
}

impl Node {
    /// Opens a stream of a subscription's messages.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while node or subscription are not ready.
    #[allow(
        clippy::unused_async,
        reason = "another broker may hold the leases, once there are many"
    )]
    pub async fn open_session(&self, name: &SubscriptionName, options: SessionOptions) -> Result<Session> {
        let hub = self.hub(name)?;
        hub.enter();
        let bound = |asked: u64, bound: u64| if asked == 0 { bound } else { asked.min(bound) };
        Ok(Session {
            node: self.clone(),
            name: name.clone(),
            holder: hub.new_holder(),
            hub,
            max_messages: bound(options.max_messages, SESSION_MESSAGES),
            max_bytes: bound(options.max_bytes, SESSION_BYTES),
            ack_deadline: AtomicU64::new(options.ack_deadline.map_or(0, millis)),
        })
    }

    /// Up to `max` messages (at least 1); waits up to `wait` for the first. Empty when none came.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while the node is not ready or when it stops.
    pub async fn pull(&self, name: &SubscriptionName, max: usize, wait: Duration) -> Result<Vec<Delivery>> {
        let until = Instant::now() + wait;
        loop {
            let hub = self.hub(name)?;
            let woken = hub.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if pulled(&hub) >= PULL_MESSAGES {
                return Err(Error::exhausted(format!(
                    "{PULL_MESSAGES} messages of {name} were pulled and are not acknowledged: acknowledge some first"
                )));
            }
            let now = self.inner.clock.ticks();
            let want = Want {
                holder: pull_holder(&hub),
                now,
                deadline: now + self.lease_millis(&hub)?,
                messages: max.clamp(1, BATCH_MESSAGES),
                bytes: BATCH_BYTES,
                credit: u64::MAX,
                first: true,
                empty_handed: true,
            };
            let messages = hub.take(&self.inner, want).await?;
            if !messages.is_empty() || Instant::now() >= until {
                return Ok(messages);
            }
            tokio::select! {
                () = &mut woken => {}
                () = hub.closed.cancelled() => {}
                () = sleep_until(self, hub.next_deadline()) => {}
                () = tokio::time::sleep_until(until) => {}
                () = self.inner.stopping.cancelled() => return Err(Error::unavailable("the broker is stopping")),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hub.leave();
    }
}

impl Session {
    /// The next batch of messages, as credit allows; waits for it. Cancelling the future loses nothing that was leased
    /// unless it was about to return; such messages are delivered again after their deadline.
    ///
    /// # Errors
    /// `NotFound` when the subscription was deleted, `Unavailable` when the node stops.
    pub async fn next(&mut self) -> Result<Vec<Delivery>> {
        loop {
            let hub = Arc::clone(&self.hub);
            let woken = hub.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if hub.closed.is_cancelled() {
                let hub = self.node.hub(&self.name)?;
                hub.enter();
                std::mem::replace(&mut self.hub, hub).leave();
                self.holder = self.hub.new_holder();
                continue;
            }
            if let Some(want) = self.want()? {
                let messages = hub.take(&self.node.inner, want).await?;
                if !messages.is_empty() {
                    return Ok(messages);
                }
            }
            let stopping = &self.node.inner.stopping;
            tokio::select! {
                () = &mut woken => {}
                () = hub.closed.cancelled() => {}
                () = sleep_until(&self.node, hub.next_deadline()) => hub_expired(&self.node, &hub),
                () = stopping.cancelled() => return Err(Error::unavailable("the broker is stopping")),
            }
        }
    }

    /// The deadline of deliveries from now on.
    pub fn set_ack_deadline(&self, deadline: Duration) {
        self.ack_deadline.store(millis(deadline), Ordering::Relaxed);
    }

    /// What credit is left; none when it is used up.
    fn want(&self) -> Result<Option<Want>> {
        let (held_messages, held_bytes) = self.hub.held_by(self.holder);
        let messages = self.max_messages.saturating_sub(held_messages);
        let credit = self.max_bytes.saturating_sub(held_bytes);
        if messages == 0 || credit == 0 {
            return Ok(None);
        }
        let deadline = match self.ack_deadline.load(Ordering::Relaxed) {
            0 => self.node.lease_millis(&self.hub)?,
            millis => millis,
        };
        let now = self.node.inner.clock.ticks();
        Ok(Some(Want {
            holder: self.holder,
            now,
            deadline: now + deadline,
            messages: usize::try_from(messages)
                .unwrap_or(usize::MAX)
                .min(BATCH_MESSAGES),
            bytes: BATCH_BYTES,
            credit,
            first: true,
            empty_handed: held_bytes == 0,
        }))
    }
}

impl Node {
    /// How long a delivery is leased when the consumer doesn't say. Asked of the catalog each time: the deadline may change
    /// while the hub, and with it what is leased, stays.
    fn lease_millis(&self, hub: &Hub) -> Result<u64> {
        let subscription = &hub.subscription;
        let seconds = self.inner.catalog(|catalog| {
            let current = catalog.subscription_by_id(subscription.id)?;
            Some(u64::from(current.spec.ack_deadline_seconds))
        })?;
        let seconds = seconds.ok_or_else(|| Error::not_found(&subscription.name))?;
        Ok(seconds * 1_000)
    }
}

/// A session without credit must learn that leases ran out, its own among them.
fn hub_expired(node: &Node, hub: &Hub) {
    let now = node.inner.clock.ticks();
    hub.parts.iter().for_each(|part| part.expire(now));
    hub.wake.notify_waiters();
}

/// Messages in the hands of those who pull one call at a time; of an ordered subscription, in anybody's hands.
fn pulled(hub: &Hub) -> u64 {
    if hub.subscription.spec.enable_message_ordering {
        hub.leased()
    } else {
        hub.held_by(PULL_HOLDER).0
    }
}

/// Every pull of an ordered subscription is a holder of its own: what one got holds its ordering keys against the next.
fn pull_holder(hub: &Hub) -> u64 {
    if hub.subscription.spec.enable_message_ordering {
        hub.new_holder()
    } else {
        PULL_HOLDER
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Until a tick of the node's clock; for ever when there is none.
async fn sleep_until(node: &Node, tick: Option<u64>) {
    match tick {
        Some(tick) => {
            // One more, since a tick that has begun is not over.
            let wait = tick.saturating_sub(node.inner.clock.ticks()) + 1;
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        None => std::future::pending().await,
    }
}
