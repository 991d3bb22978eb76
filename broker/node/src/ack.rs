//! Acknowledgements and deadlines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use postroad_core::Command;
use postroad_types::{Error, Result, SubscriptionName};

use crate::delivery::AckId;
use crate::hub::Hub;
use crate::node::Node;
use crate::part::Noted;

impl Node {
    /// Acknowledges deliveries. Returns once that is durable. A stale id counts: its message was processed.
    ///
    /// # Errors
    /// `NotFound`; `InvalidArgument` when an id was not given out by this subscription (the others count all the same);
    /// `Unavailable` when the node stops: then the messages may be delivered again.
    pub async fn acknowledge(&self, name: &SubscriptionName, ids: Vec<AckId>) -> Result<()> {
        let hub = self.hub(name)?;
        let mut invalid = None;
        let mut offsets: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for id in &ids {
            match hub.part(id) {
                Err(error) => invalid = Some(error),
                // One that was acknowledged before may still wait for the disk, or have failed to get there: unless the log
                // has it, it is proposed again, which changes nothing.
                Ok(part) => {
                    let log = match part.acknowledge(id.offset, id.generation) {
                        Noted::New => true,
                        Noted::Again => !hub.in_log(part, id.offset),
                        Noted::Ignored => false,
                    };
                    if log {
                        offsets.entry(id.partition).or_default().push(id.offset);
                    }
                }
            }
        }
        // Credit came back.
        hub.wake.notify_waiters();
        if !offsets.is_empty() {
            // The lease tables have changed: the log must hear of it even when the caller loses interest.
            let node = self.clone();
            let task = tokio::spawn(async move { node.propose_acks(hub, offsets).await });
            task.await.unwrap_or_else(|error| {
                Err(Error::internal(format!("an acknowledgement failed: {error}")))
            })?;
        }
        invalid.map_or(Ok(()), Err)
    }

    async fn propose_acks(&self, hub: Arc<Hub>, offsets: BTreeMap<u32, Vec<u64>>) -> Result<()> {
        let acks = offsets
            .into_iter()
            .map(|(partition, offsets)| self.propose_ack(&hub, partition, offsets));
        let result = try_join_all(acks).await.map(drop);
        if result.is_err() {
            // The lease tables say acknowledged, the log doesn't: they are made anew from the log.
            self.inner.hubs.close(hub.subscription.id);
        }
        result
    }

    async fn propose_ack(&self, hub: &Hub, partition: u32, mut offsets: Vec<u64>) -> Result<()> {
        offsets.sort_unstable();
        let part = &hub.parts[partition as usize];
        let command = Command::ack(hub.subscription.id, part.id, runs(&offsets));
        part.shard.propose(command).await?;
        hub.acknowledged.inc_by(offsets.len() as u64);
        self.tell_successor(hub, partition, &offsets);
        Ok(())
    }

    /// A hub that was made anew while the acknowledgement was on its way read the log before it was there.
    fn tell_successor(&self, hub: &Hub, partition: u32, offsets: &[u64]) {
        let current = self.inner.hubs.existing(hub.subscription.id);
        let Some(current) = current.filter(|current| !std::ptr::eq(&raw const **current, hub)) else {
            return;
        };
        if let Some(part) = current.parts.get(partition as usize) {
            offsets.iter().for_each(|offset| _ = part.acknowledge(*offset, 0));
            current.wake.notify_waiters();
        }
    }

    /// Moves deadlines: each to the duration from now; zero gives the message back for redelivery at once. Stale ids
    /// change nothing.
    ///
    /// # Errors
    /// `NotFound`; `InvalidArgument` when an id was not given out by this subscription (the others count all the same).
    #[allow(
        clippy::unused_async,
        reason = "another broker may hold the leases, once there are many"
    )]
    pub async fn modify_deadline(&self, name: &SubscriptionName, ids: Vec<(AckId, Duration)>) -> Result<()> {
        let hub = self.hub(name)?;
        let now = self.inner.clock.ticks();
        let mut invalid = None;
        let mut given_back = false;
        for (id, duration) in &ids {
            match hub.part(id) {
                Err(error) => invalid = Some(error),
                Ok(part) if duration.is_zero() => given_back |= part.nack(id.offset, id.generation),
                Ok(part) => {
                    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                    part.extend(id.offset, id.generation, now.saturating_add(millis));
                }
            }
        }
        if given_back {
            hub.wake.notify_waiters();
        }
        invalid.map_or(Ok(()), Err)
    }
}

/// Ascending offsets as runs of start and length.
fn runs(offsets: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for offset in offsets {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == *offset => *length += 1,
            Some((start, length)) if *start + *length > *offset => {}
            _ => runs.push((*offset, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn neighbours_make_a_run() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[3, 4, 4, 5, 9]), [(3, 3), (9, 1)]);
    }
}
