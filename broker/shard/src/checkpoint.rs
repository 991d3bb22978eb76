//! Shard state and segments made durable, so that the journal can be recycled (docs/formats/checkpoint.md).
//!
//! A checkpoint is taken in this order, and any crash in between leaves the earlier one whole:
//! records that are only in memory go to segment files, which are synced; the checkpoint file, which names the
//! segments and their lengths, replaces the earlier one; segments that hold nothing any more are deleted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use openraft::{EmptyNode, SnapshotMeta};
use postroad_core::ShardState;
use postroad_log::{SegmentError, SegmentManifest, Storage};
use postroad_types::{PartitionId, ShardId, TopicId};
use prost::Message;

use crate::entry::{self, StoredLogId, StoredMembers};
use crate::machine::Machine;
use crate::partition::{PartitionLog, Unflushed};
use crate::raft_types::{LogId, StoredMembership};

/// The format's version; a broker refuses a checkpoint of a newer one.
const VERSION: u32 = 1;

/// A checkpoint can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file can't be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] postroad_log::CheckpointError),
    /// A segment can't be written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The file's content is no checkpoint.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The task that wrote it ended early.
    #[error("the checkpoint was interrupted: {0}")]
    Interrupted(String),
}

/// What a checkpoint file holds.
pub(crate) struct Checkpoint {
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
    pub(crate) state: ShardState,
    pub(crate) manifests: HashMap<PartitionId, SegmentManifest>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredCheckpoint {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    shard: u32,
    #[prost(message, optional, tag = "3")]
    last: Option<StoredLogId>,
    #[prost(message, optional, tag = "4")]
    members: Option<StoredMembers>,
    #[prost(bytes = "bytes", tag = "5")]
    state: Bytes,
    #[prost(message, repeated, tag = "6")]
    partitions: Vec<StoredPartition>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredPartition {
    #[prost(uint64, tag = "1")]
    topic: u64,
    #[prost(uint32, tag = "2")]
    index: u32,
    #[prost(bytes = "bytes", tag = "3")]
    manifest: Bytes,
}

/// Where a partition's segment files are.
pub(crate) fn partition_folder(shard_folder: &Path, id: PartitionId) -> PathBuf {
    shard_folder.join(id.to_string())
}

/// The partition whose folder has that name.
pub(crate) fn partition_of(name: &str) -> Option<PartitionId> {
    let (topic, index) = name.split_once('-')?;
    Some(PartitionId {
        topic: TopicId(topic.parse().ok()?),
        index: index.parse().ok()?,
    })
}

fn checkpoint_path(shard_folder: &Path) -> PathBuf {
    shard_folder.join("checkpoint")
}

/// Reads a shard's checkpoint; an empty shard when there is none.
pub(crate) fn read(
    storage: &dyn Storage,
    folder: &Path,
    shard: ShardId,
) -> Result<Checkpoint, CheckpointError> {
    let path = checkpoint_path(folder);
    let Some(bytes) = postroad_log::read_checkpoint(storage, &path)? else {
        return Ok(Checkpoint {
            last: None,
            membership: StoredMembership::default(),
            state: ShardState::new(shard),
            manifests: HashMap::new(),
        });
    };
    decode(bytes, shard).map_err(|reason| CheckpointError::Content { path, reason })
}

fn decode(bytes: Bytes, shard: ShardId) -> Result<Checkpoint, String> {
    let stored = StoredCheckpoint::decode(bytes).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!(
            "checkpoint version {} is not {VERSION}: use a newer broker",
            stored.version
        ));
    }
    if stored.shard != shard.0 {
        return Err(format!(
            "the checkpoint is of shard {}, not of {shard}",
            stored.shard
        ));
    }
    let mut manifests = HashMap::new();
    for partition in stored.partitions {
        let id = PartitionId {
            topic: TopicId(partition.topic),
            index: partition.index,
        };
        let manifest = SegmentManifest::decode(&partition.manifest).map_err(|error| error.to_string())?;
        manifests.insert(id, manifest);
    }
    Ok(Checkpoint {
        last: stored.last.as_ref().map(LogId::from),
        membership: stored
            .members
            .as_ref()
            .map(entry::load_membership)
            .unwrap_or_default(),
        state: ShardState::decode(stored.state).map_err(|error| error.to_string())?,
        manifests,
    })
}

/// What openraft knows a checkpoint by.
pub(crate) fn meta(last: Option<LogId>, membership: &StoredMembership) -> SnapshotMeta<u64, EmptyNode> {
    let snapshot_id = last.map_or_else(|| "empty".to_owned(), |id| id.to_string());
    SnapshotMeta {
        last_log_id: last,
        last_membership: membership.clone(),
        snapshot_id,
    }
}

/// Takes a view of the shard between two entries; the view is written later, while entries go on.
pub struct Builder(Option<View>);

impl Builder {
    pub(crate) fn new(machine: Arc<Machine>) -> Self {
        Self(Some(View::of(machine)))
    }

    /// openraft builds one snapshot with a builder.
    pub(crate) fn take(&mut self) -> View {
        self.0.take().expect("a builder builds one snapshot")
    }
}

/// A shard at one entry.
pub(crate) struct View {
    machine: Arc<Machine>,
    last: Option<LogId>,
    membership: StoredMembership,
    state: Bytes,
    partitions: Vec<(Arc<PartitionLog>, Unflushed)>,
    closed: Vec<Arc<PartitionLog>>,
}

impl View {
    fn of(machine: Arc<Machine>) -> Self {
        let (last, membership, state, partitions, closed) = {
            let applied = machine.state.read();
            let partitions = machine.partitions.read();
            let partitions = partitions
                .values()
                .map(|log| (Arc::clone(log), log.unflushed()))
                .collect();
            let closed = machine.closed.lock().clone();
            (
                applied.last,
                applied.membership.clone(),
                applied.state.encode(),
                partitions,
                closed,
            )
        };
        Self {
            machine,
            last,
            membership,
            state,
            partitions,
            closed,
        }
    }

    /// Makes the view durable. Blocks on the disk.
    pub(crate) fn write(self) -> Result<SnapshotMeta<u64, EmptyNode>, CheckpointError> {
        let machine = Arc::clone(&self.machine);
        let _one_at_a_time = machine.checkpointing.lock();
        let mut partitions = Vec::new();
        for (log, unflushed) in &self.partitions {
            if let Some(manifest) = log.flush(unflushed)? {
                let id = log.id();
                partitions.push(StoredPartition {
                    topic: id.topic.0,
                    index: id.index,
                    manifest: manifest.encode(),
                });
            }
        }
        let stored = StoredCheckpoint {
            version: VERSION,
            shard: machine.shard.0,
            last: self.last.map(StoredLogId::from),
            members: Some(entry::store_membership(&self.membership)),
            state: self.state.clone(),
            partitions,
        };
        machine
            .storage
            .create_dir_all(&machine.folder)
            .map_err(|source| CheckpointError::Content {
                path: machine.folder.clone(),
                reason: source.to_string(),
            })?;
        postroad_log::write_checkpoint(
            &*machine.storage,
            &checkpoint_path(&machine.folder),
            &stored.encode_to_vec(),
        )?;
        self.after_durable()?;
        let meta = meta(self.last, &self.membership);
        *machine.last_checkpoint.lock() = Some(meta.clone());
        Ok(meta)
    }

    fn after_durable(&self) -> Result<(), CheckpointError> {
        for (log, unflushed) in &self.partitions {
            let freed = log.flushed(unflushed)?;
            self.machine.freed(freed);
        }
        for log in &self.closed {
            // A leftover's folder may belong to a partition that an entry of the journal has opened since.
            if !self.machine.partitions.read().contains_key(&log.id()) {
                log.delete_files()?;
            }
            self.machine
                .closed
                .lock()
                .retain(|other| !Arc::ptr_eq(other, log));
        }
        Ok(())
    }
}
