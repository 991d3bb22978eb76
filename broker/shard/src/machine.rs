//! Committed entries applied to the core, and the core's effects carried out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, SnapshotMeta, StorageIOError};
use parking_lot::{Mutex, RwLock};
use postroad_core::{Effect, ShardState};
use postroad_log::Storage;
use postroad_types::{PartitionId, ShardId};

use crate::checkpoint::{self, Checkpoint, CheckpointError};
use crate::partition::{FetchedBatch, PartitionLog};
use crate::raft_types::{
    CheckpointHandle, Entry, LogId, Replies, StorageError, StoredMembership, TypeConfig,
};

/// Told about every effect, on every replica, right after it took place and before the reply leaves.
pub trait EffectObserver: Send + Sync + 'static {
    /// `effects` took place in `shard`. Must not block.
    fn applied(&self, shard: ShardId, effects: &[Effect]);
}

/// What a shard knows, shared by Raft, readers and checkpoints.
pub struct Machine {
    pub(crate) shard: ShardId,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) folder: PathBuf,
    pub(crate) state: RwLock<Applied>,
    pub(crate) partitions: RwLock<HashMap<PartitionId, Arc<PartitionLog>>>,
    /// Partitions that were closed; their files go once a checkpoint without them is durable.
    pub(crate) closed: Mutex<Vec<Arc<PartitionLog>>>,
    pub(crate) last_checkpoint: Mutex<Option<SnapshotMeta<u64, openraft::EmptyNode>>>,
    /// One checkpoint at a time.
    pub(crate) checkpointing: Mutex<()>,
    unflushed_bytes: AtomicUsize,
    observer: Arc<dyn EffectObserver>,
}

/// The state and how far it got.
pub struct Applied {
    pub(crate) state: ShardState,
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

impl Machine {
    /// The shard as its checkpoint in `folder` has it; empty when there is none.
    ///
    /// # Errors
    /// [`CheckpointError`] when the checkpoint is damaged or of a newer version.
    pub fn open(
        shard: ShardId,
        storage: Arc<dyn Storage>,
        folder: PathBuf,
        observer: Arc<dyn EffectObserver>,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = checkpoint::read(&*storage, &folder, shard)?;
        let mut partitions = HashMap::new();
        for (id, partition) in checkpoint.state.partitions() {
            let manifest = checkpoint.manifests.get(&id).cloned();
            let (start, end) = (partition.start_offset(), partition.end_offset());
            let files = checkpoint::partition_folder(&folder, id);
            let log = PartitionLog::new(id, storage.clone(), files, start, end, manifest);
            partitions.insert(id, Arc::new(log));
        }
        let closed = leftovers(&storage, &folder, &partitions)?;
        let Checkpoint {
            state,
            last,
            membership,
            ..
        } = checkpoint;
        let meta = last.map(|last| checkpoint::meta(Some(last), &membership));
        Ok(Self {
            shard,
            storage,
            folder,
            state: RwLock::new(Applied {
                state,
                last,
                membership,
            }),
            partitions: RwLock::new(partitions),
            closed: Mutex::new(closed),
            last_checkpoint: Mutex::new(meta),
            checkpointing: Mutex::new(()),
            unflushed_bytes: AtomicUsize::new(0),
            observer,
        })
    }

    /// Bytes of records that are only in memory and in the journal.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.unflushed_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn freed(&self, bytes: usize) {
        self.unflushed_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Index of the newest entry that is in a checkpoint; 0 when there is none.
    #[must_use]
    pub fn checkpoint_index(&self) -> u64 {
        self.last_checkpoint
            .lock()
            .as_ref()
            .and_then(|meta| meta.last_log_id)
            .map_or(0, |id| id.index)
    }

    fn apply_entry(&self, applied: &mut Applied, entry: Entry) -> Replies {
        applied.last = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Replies::default(),
            EntryPayload::Membership(membership) => {
                applied.membership = StoredMembership::new(Some(entry.log_id), membership);
                Replies::default()
            }
            EntryPayload::Normal(commands) => {
                let results = applied.state.apply(entry.log_id.index, &commands.0);
                let replies = results.into_iter().map(|result| {
                    self.carry_out(&result.effects);
                    result.reply
                });
                Replies(replies.collect())
            }
        }
    }

    fn carry_out(&self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Appended {
                    partition,
                    base_offset,
                    count,
                    batch,
                } => {
                    self.unflushed_bytes.fetch_add(batch.len(), Ordering::Relaxed);
                    let batch = FetchedBatch {
                        base_offset: *base_offset,
                        count: *count,
                        bytes: batch.clone(),
                    };
                    self.existing(*partition).append(batch);
                }
                Effect::Trimmed {
                    partition,
                    start_offset,
                } => {
                    let freed = self.existing(*partition).trim(*start_offset);
                    self.freed(freed);
                }
                Effect::Opened { partition } => self.open_partition(*partition),
                Effect::Closed { partition } => self.close_partition(*partition),
                Effect::CursorOpened { .. } | Effect::CursorClosed { .. } | Effect::CatalogChanged { .. } => {
                }
            }
        }
        if !effects.is_empty() {
            self.observer.applied(self.shard, effects);
        }
    }

    /// The core names only partitions that it has opened, and so has this.
    fn existing(&self, id: PartitionId) -> Arc<PartitionLog> {
        let partitions = self.partitions.read();
        Arc::clone(
            partitions
                .get(&id)
                .expect("an effect names a partition that is open"),
        )
    }

    fn open_partition(&self, id: PartitionId) {
        let files = checkpoint::partition_folder(&self.folder, id);
        let log = PartitionLog::new(id, self.storage.clone(), files, 0, 0, None);
        self.partitions.write().insert(id, Arc::new(log));
    }

    fn close_partition(&self, id: PartitionId) {
        if let Some(log) = self.partitions.write().remove(&id) {
            self.freed(log.trim(u64::MAX));
            self.closed.lock().push(log);
        }
    }
}

/// Folders of partitions that the checkpoint doesn't know: closed before it, and not deleted before a crash; or opened
/// after it, by an entry that is applied again, and then they are not deleted.
fn leftovers(
    storage: &Arc<dyn Storage>,
    folder: &Path,
    known: &HashMap<PartitionId, Arc<PartitionLog>>,
) -> Result<Vec<Arc<PartitionLog>>, CheckpointError> {
    let names = match storage.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(CheckpointError::Content {
                path: folder.to_owned(),
                reason: error.to_string(),
            });
        }
    };
    let ids = names.iter().filter_map(|name| checkpoint::partition_of(name));
    let unknown = ids.filter(|id| !known.contains_key(id));
    let log = |id| {
        let files = checkpoint::partition_folder(folder, id);
        Arc::new(PartitionLog::new(id, Arc::clone(storage), files, 0, 0, None))
    };
    Ok(unknown.map(log).collect())
}

/// The handle that Raft owns.
#[derive(Clone)]
pub struct MachineHandle(pub Arc<Machine>);

impl RaftStateMachine<TypeConfig> for MachineHandle {
    type SnapshotBuilder = checkpoint::Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let applied = self.0.state.read();
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Replies>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = self.0.state.write();
        Ok(entries
            .into_iter()
            .map(|entry| self.0.apply_entry(&mut applied, entry))
            .collect())
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        checkpoint::Builder::new(Arc::clone(&self.0))
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<CheckpointHandle>, StorageError> {
        Err(no_transfer())
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta<u64, openraft::EmptyNode>,
        _snapshot: Box<CheckpointHandle>,
    ) -> Result<(), StorageError> {
        Err(no_transfer())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let meta = self.0.last_checkpoint.lock().clone();
        Ok(meta.map(|meta| Snapshot {
            meta,
            snapshot: Box::new(CheckpointHandle),
        }))
    }
}

fn no_transfer() -> StorageError {
    let error = AnyError::error(
        "checkpoints do not travel between brokers yet: a replica can only catch up from the log",
    );
    StorageIOError::new(
        openraft::ErrorSubject::Snapshot(None),
        openraft::ErrorVerb::Write,
        error,
    )
    .into()
}

impl RaftSnapshotBuilder<TypeConfig> for checkpoint::Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        let view = self.take();
        let result = tokio::task::spawn_blocking(move || view.write()).await;
        let result = result.unwrap_or_else(|error| Err(CheckpointError::Interrupted(error.to_string())));
        match result {
            Ok(meta) => Ok(Snapshot {
                meta,
                snapshot: Box::new(CheckpointHandle),
            }),
            Err(error) => Err(StorageIOError::new(
                openraft::ErrorSubject::Snapshot(None),
                openraft::ErrorVerb::Write,
                AnyError::new(&error),
            )
            .into()),
        }
    }
}
