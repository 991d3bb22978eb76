//! The way in: messages to partitions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures::future::try_join_all;
use parking_lot::RwLock;
use postroad_core::{Command, Reply, Topic};
use postroad_shard::proposer::Permit;
use postroad_types::record::RecordBatch;
use postroad_types::{Error, Message, MessageId, PartitionId, Result, TopicId, TopicName, limits};
use prometheus::IntCounter;

use crate::node::{Node, PERMIT_BYTES, PUBLISH_WAIT};

/// Bytes that a message costs beside its own, in a batch and in the journal.
const MESSAGE_OVERHEAD: usize = 64;

/// The topics that can be published to on this broker.
#[derive(Default)]
pub(crate) struct Topics {
    open: RwLock<HashMap<TopicId, Arc<OpenTopic>>>,
}

/// A topic whose partitions, and the cursors on them, are there.
pub(crate) struct OpenTopic {
    /// How many partitions are ready; a partition is not published to before its subscriptions' cursors are there.
    partitions: AtomicU32,
    /// Whose turn it is for messages without a key.
    turn: AtomicU32,
    messages: IntCounter,
    bytes: IntCounter,
}

impl Topics {
    pub(crate) fn get(&self, id: TopicId) -> Option<Arc<OpenTopic>> {
        self.open.read().get(&id).cloned()
    }

    pub(crate) fn close(&self, id: TopicId) {
        self.open.write().remove(&id);
    }
}

impl Node {
    /// From now on all of the topic's partitions take messages.
    pub(crate) fn topic_is_open(&self, topic: &Topic) {
        let partitions = topic.placement.len() as u32;
        let metrics = &self.inner.metrics;
        let labels = [topic.name.namespace().as_str(), topic.name.name()];
        let mut open = self.inner.topics.open.write();
        let topic = open.entry(topic.id).or_insert_with(|| {
            Arc::new(OpenTopic {
                partitions: AtomicU32::new(0),
                turn: AtomicU32::new(0),
                messages: metrics.published_messages.with_label_values(&labels),
                bytes: metrics.published_bytes.with_label_values(&labels),
            })
        });
        topic.partitions.fetch_max(partitions, Ordering::AcqRel);
    }

    /// Publishes messages, and returns their ids in order once all are durable. Messages with equal keys go to one
    /// partition, in order; those without a key go together to the partition whose turn it is. Messages of one partition are
    /// all there or none; when the call fails with `Unavailable`, messages may be there all the same.
    ///
    /// # Errors
    /// `NotFound`; `ResourceExhausted` when too much waits to become durable; `Unavailable` when the node is not ready or stops.
    pub async fn publish(&self, name: &TopicName, messages: Vec<Message>) -> Result<Vec<MessageId>> {
        let started = Instant::now();
        let topic = self.topic(name)?;
        let open = self.inner.topics.get(topic.id);
        let open =
            open.ok_or_else(|| Error::unavailable(format!("{name} is being made ready; try again")))?;
        if messages.is_empty() {
            return Err(Error::invalid("a publish needs at least one message"));
        }
        let bytes: usize = messages.iter().map(Message::size).sum();
        let place = self.place(bytes + messages.len() * MESSAGE_OVERHEAD).await?;
        let count = messages.len();
        let ids = match open.partitions.load(Ordering::Acquire) {
            0 => {
                return Err(Error::unavailable(format!(
                    "{name} is being made ready; try again"
                )));
            }
            1 => self.append(&topic, 0, &messages, place).await?,
            partitions => self.spread(&topic, &open, partitions, messages, place).await?,
        };
        open.messages.inc_by(count as u64);
        open.bytes.inc_by(bytes as u64);
        self.inner
            .metrics
            .publish_duration
            .observe(started.elapsed().as_secs_f64());
        Ok(ids)
    }

    /// A place for `bytes` among what waits to become durable.
    async fn place(&self, bytes: usize) -> Result<Permit> {
        if bytes > limits::MAX_PUBLISH_BYTES * 2 {
            return Err(Error::invalid(format!("a publish of {bytes} bytes is too big")));
        }
        let permits = u32::try_from(bytes / PERMIT_BYTES + 1).unwrap_or(u32::MAX);
        let place = Arc::clone(&self.inner.publish_bytes).acquire_many_owned(permits);
        let exhausted = "too many publishes wait for the disk; slow down and try again";
        match tokio::time::timeout(PUBLISH_WAIT, place).await {
            Ok(Ok(permit)) => Ok(Arc::new(permit)),
            Ok(Err(_)) => Err(Error::unavailable("the broker is stopping")),
            Err(_) => Err(Error::exhausted(exhausted)),
        }
    }

    async fn spread(
        &self,
        topic: &Topic,
        open: &OpenTopic,
        partitions: u32,
        messages: Vec<Message>,
        permit: Permit,
    ) -> Result<Vec<MessageId>> {
        let turn = open.turn.fetch_add(1, Ordering::Relaxed) % partitions;
        let mut groups: BTreeMap<u32, (Vec<usize>, Vec<Message>)> = BTreeMap::new();
        for (place, message) in messages.into_iter().enumerate() {
            let key = message.key.as_ref().filter(|key| !key.is_empty());
            let partition = key.map_or(turn, |key| murmur2(key) % partitions);
            let (places, messages) = groups.entry(partition).or_default();
            places.push(place);
            messages.push(message);
        }
        let appends = groups.into_iter().map(|(partition, (places, messages))| {
            let permit = Arc::clone(&permit);
            async move {
                let ids = self.append(topic, partition, &messages, permit).await?;
                Ok::<_, Error>(places.into_iter().zip(ids))
            }
        });
        // Messages of different partitions may be there in part when one of them fails.
        let mut placed: Vec<_> = try_join_all(appends).await?.into_iter().flatten().collect();
        placed.sort_unstable_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, id)| id).collect())
    }

    async fn append(
        &self,
        topic: &Topic,
        partition: u32,
        messages: &[Message],
        permit: Permit,
    ) -> Result<Vec<MessageId>> {
        let unavailable =
            || Error::unavailable(format!("partition {partition} of {} is not here", topic.name));
        let shard = topic
            .shard_of(partition)
            .and_then(|shard| self.inner.shard(shard))
            .ok_or_else(unavailable)?;
        let batch = RecordBatch::encode(messages, self.inner.clock.now());
        let batch =
            batch.map_err(|error| Error::invalid(format!("the messages can't be stored: {error}")))?;
        let count = messages.len() as u32;
        let id = PartitionId {
            topic: topic.id,
            index: partition,
        };
        let append = Command::append(id, batch, count);
        match shard.propose_holding(append, Some(permit)).await? {
            Reply::Appended { base_offset } => {
                let offsets = base_offset..base_offset + u64::from(count);
                Ok(offsets.map(|offset| MessageId { partition, offset }).collect())
            }
            other => Err(Error::internal(format!(
                "unexpected reply to an append: {other:?}"
            ))),
        }
    }
}

/// The hash that Kafka's clients choose a key's partition by (murmur2, seed 0x9747b28c, sign bit cleared), so that
/// a key has one partition whichever protocol publishes it.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::murmur2;

    /// Values of Kafka's own test (UtilsTest.testMurmur2), sign bit cleared.
    #[test]
    fn keys_hash_as_kafka_hashes_them() {
        let cases: [(&[u8], i32); 5] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key), (hash as u32) & 0x7fff_ffff);
        }
    }
}
