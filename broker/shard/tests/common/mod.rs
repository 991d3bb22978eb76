//! A replica of one shard on a real disk, for tests.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use postroad_core::{Command, Effect, Position, Reply};
use postroad_log::{Disk, Journal, JournalOptions, NoObserver};
use postroad_shard::shard::Timing;
use postroad_shard::{EffectObserver, Shard, ShardOptions, Transport};
use postroad_types::record::RecordBatch;
use postroad_types::{Error, Message, PartitionId, ShardId, SubscriptionId, Timestamp, TopicId};

pub const SHARD: ShardId = ShardId(1);
pub const PARTITION: PartitionId = PartitionId {
    topic: TopicId(7),
    index: 0,
};
pub const SUBSCRIPTION: SubscriptionId = SubscriptionId(9);

pub struct Deaf;

impl EffectObserver for Deaf {
    fn applied(&self, _: ShardId, _: &[Effect]) {}
}

/// A shard and the journal under it.
pub struct Replica {
    pub shard: Shard,
    pub journal: Journal,
}

impl Replica {
    pub async fn open(broker: u64, folder: &Path, transport: Arc<dyn Transport>) -> Self {
        let storage = Arc::new(Disk);
        let options = JournalOptions {
            file_bytes: 1 << 20,
            ..JournalOptions::default()
        };
        let journal = Journal::open(
            storage.clone(),
            &folder.join("journal"),
            options,
            Arc::new(NoObserver),
        );
        let journal = journal.expect("the journal opens");
        let shard = Shard::open(ShardOptions {
            shard: SHARD,
            broker,
            journal: journal.clone(),
            storage,
            folder: folder.join("shard"),
            transport,
            observer: Arc::new(Deaf),
            clock: Arc::new(|| Timestamp(1_000)),
            timing: Timing {
                heartbeat: 50,
                election: (200, 400),
            },
        });
        Self {
            shard: shard.await.expect("the shard opens"),
            journal,
        }
    }

    /// Ends it without a checkpoint.
    pub async fn close(self) {
        self.shard.shutdown().await.expect("the shard stops");
        self.journal.close();
    }

    /// The payloads from the first offset that is kept on, with their offsets.
    pub fn contents(&self) -> Vec<(u64, String)> {
        let log = self.shard.partition(PARTITION).expect("the partition is open");
        let mut from = 0;
        let mut found = Vec::new();
        loop {
            let batches = match log.locate(from, 1 << 20) {
                postroad_shard::partition::Located::AtEnd => return found,
                postroad_shard::partition::Located::Memory(batches) => batches,
                postroad_shard::partition::Located::Disk => {
                    log.read_files(from, 1 << 20).expect("segments are sound")
                }
            };
            for batch in batches {
                from = batch.end();
                for record in RecordBatch::parse(batch.bytes.clone())
                    .expect("a sound batch")
                    .records()
                {
                    let record = record.expect("a sound record");
                    let text = String::from_utf8(record.message.data.to_vec()).expect("text");
                    found.push((batch.base_offset + u64::from(record.offset_delta), text));
                }
            }
        }
    }
}

/// Makes the partition and a cursor, so that records are kept.
pub async fn open_partition(shard: &Shard) {
    shard
        .propose(Command::open_partition(PARTITION))
        .await
        .expect("the partition opens");
    let cursor = Command::open_cursor(SUBSCRIPTION, PARTITION, Position::Latest);
    shard.propose(cursor).await.expect("the cursor opens");
}

/// Appends one message and returns its offset.
pub async fn append(shard: &Shard, text: &str) -> Result<u64, Error> {
    let message = Message {
        data: Bytes::copy_from_slice(text.as_bytes()),
        ..Message::default()
    };
    let batch = RecordBatch::encode(&[message], Timestamp(1_000)).expect("a small batch");
    match shard.propose(Command::append(PARTITION, batch, 1)).await? {
        Reply::Appended { base_offset } => Ok(base_offset),
        other => panic!("an append is answered by its place, not by {other:?}"),
    }
}
