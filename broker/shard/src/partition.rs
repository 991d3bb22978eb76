//! A partition's records: the newest in memory (the tail), the rest in segment files.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use postroad_log::{PartitionFiles, SegmentError, SegmentManifest, SegmentOptions, Storage, StoredBatch};
use postroad_types::record::RecordBatch;
use postroad_types::{PartitionId, Timestamp};

/// A record batch as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedBatch {
    /// Offset of its first record, whatever the bytes say.
    pub base_offset: u64,
    /// Offsets it covers.
    pub count: u32,
    /// The RecordBatch.
    pub bytes: Bytes,
}

impl FetchedBatch {
    /// The offset after its last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base_offset + u64::from(self.count)
    }

    /// When its first record was published; none when the bytes are no RecordBatch.
    #[must_use]
    pub fn first_timestamp(&self) -> Option<Timestamp> {
        RecordBatch::trusted(self.bytes.clone())
            .ok()
            .map(|batch| batch.first_timestamp())
    }
}

/// Where the records from an offset on are.
#[derive(Debug)]
pub enum Located {
    /// Nothing is there yet.
    AtEnd,
    /// In memory; at least one batch.
    Memory(Vec<FetchedBatch>),
    /// On disk: read them with [`PartitionLog::read_files`], which blocks.
    Disk,
}

/// One partition's records. Appended to and trimmed by the state machine only; read by anyone.
pub struct PartitionLog {
    id: PartitionId,
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    tail: Mutex<Tail>,
    files: Mutex<Files>,
}

/// Invariant: `batches` is in order of offset; every record of `start..end` is in `batches` or, below
/// `files_end`, in the files.
struct Tail {
    batches: VecDeque<FetchedBatch>,
    start: u64,
    end: u64,
    files_end: u64,
}

/// Segment files are opened when first needed: ten thousand idle partitions cost no file handle.
struct Files {
    manifest: Option<SegmentManifest>,
    open: Option<Arc<PartitionFiles>>,
}

impl PartitionLog {
    /// A partition whose records of `start..end` are in the files that `manifest` names.
    #[must_use]
    pub fn new(
        id: PartitionId,
        storage: Arc<dyn Storage>,
        folder: PathBuf,
        start: u64,
        end: u64,
        manifest: Option<SegmentManifest>,
    ) -> Self {
        let tail = Tail {
            batches: VecDeque::new(),
            start,
            end,
            files_end: end,
        };
        Self {
            id,
            storage,
            folder,
            tail: Mutex::new(tail),
            files: Mutex::new(Files { manifest, open: None }),
        }
    }

    /// Which partition it is.
    #[must_use]
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.tail.lock().end
    }

    /// Adds a committed batch.
    pub(crate) fn append(&self, batch: FetchedBatch) {
        let mut tail = self.tail.lock();
        debug_assert_eq!(
            tail.end, batch.base_offset,
            "the core numbers records without a gap"
        );
        tail.end = batch.end();
        tail.batches.push_back(batch);
    }

    /// Forgets records below `start`. Returns the bytes of memory that became free.
    pub(crate) fn trim(&self, start: u64) -> usize {
        let mut tail = self.tail.lock();
        tail.start = tail.start.max(start);
        let mut freed = 0;
        while tail.batches.front().is_some_and(|batch| batch.end() <= start) {
            freed += tail.batches.pop_front().map_or(0, |batch| batch.bytes.len());
        }
        freed
    }

    /// Where the records from `from` on are; from memory, about `max_bytes` of them.
    #[must_use]
    pub fn locate(&self, from: u64, max_bytes: usize) -> Located {
        let tail = self.tail.lock();
        let from = from.max(tail.start);
        if from >= tail.end {
            return Located::AtEnd;
        }
        let first = tail.batches.partition_point(|batch| batch.end() <= from);
        let in_memory = tail
            .batches
            .get(first)
            .is_some_and(|batch| batch.base_offset <= from);
        if !in_memory && from < tail.files_end {
            return Located::Disk;
        }
        let mut bytes = 0;
        let mut found = Vec::new();
        for batch in tail.batches.range(first..) {
            if !found.is_empty() && bytes + batch.bytes.len() > max_bytes {
                break;
            }
            bytes += batch.bytes.len();
            found.push(batch.clone());
        }
        Located::Memory(found)
    }

    /// Reads records from the segment files: about `max_bytes`, from the batch that holds `from` on. Blocks on the disk.
    ///
    /// # Errors
    /// [`SegmentError`] when a file can't be read or is damaged; it names file and place.
    pub fn read_files(&self, from: u64, max_bytes: usize) -> Result<Vec<FetchedBatch>, SegmentError> {
        let from = from.max(self.tail.lock().start);
        let batches = self.files()?.read(from, max_bytes)?;
        Ok(batches.into_iter().map(fetched).collect())
    }

    /// When the record at `offset` was published, as far as memory tells.
    #[must_use]
    pub fn published_at(&self, offset: u64) -> Option<Timestamp> {
        match self.locate(offset, 1) {
            Located::Memory(batches) => batches.first().and_then(FetchedBatch::first_timestamp),
            Located::AtEnd | Located::Disk => None,
        }
    }

    /// What a checkpoint has to write: the batches that are only in memory.
    pub(crate) fn unflushed(&self) -> Unflushed {
        let tail = self.tail.lock();
        let first = tail
            .batches
            .partition_point(|batch| batch.base_offset < tail.files_end);
        Unflushed {
            batches: tail.batches.range(first..).cloned().collect(),
            start: tail.start,
            end: tail.end,
        }
    }

    /// Writes and syncs what [`Self::unflushed`] returned. Blocks on the disk.
    pub(crate) fn flush(&self, unflushed: &Unflushed) -> Result<Option<SegmentManifest>, SegmentError> {
        if unflushed.batches.is_empty() {
            return self.manifest();
        }
        let stored: Vec<StoredBatch> = unflushed.batches.iter().map(stored).collect();
        let files = self.files()?;
        files.append(&stored)?;
        Ok(Some(files.sync()?))
    }

    /// The manifest when nothing has to be written.
    fn manifest(&self) -> Result<Option<SegmentManifest>, SegmentError> {
        let files = self.files.lock();
        match &files.open {
            Some(open) => open.sync().map(Some),
            None => Ok(files.manifest.clone()),
        }
    }

    /// After the checkpoint that names the flushed files is durable: frees memory, deletes segments that hold nothing
    /// any more. Returns the bytes of memory that became free.
    pub(crate) fn flushed(&self, unflushed: &Unflushed) -> Result<usize, SegmentError> {
        let freed = {
            let mut tail = self.tail.lock();
            tail.files_end = tail.files_end.max(unflushed.end);
            let files_end = tail.files_end;
            let mut freed = 0;
            while tail
                .batches
                .front()
                .is_some_and(|batch| batch.base_offset < files_end)
            {
                freed += tail.batches.pop_front().map_or(0, |batch| batch.bytes.len());
            }
            freed
        };
        let open = self.files.lock().open.clone();
        if let Some(open) = open {
            open.trim_to(unflushed.start)?;
        }
        Ok(freed)
    }

    fn files(&self) -> Result<Arc<PartitionFiles>, SegmentError> {
        let mut files = self.files.lock();
        if let Some(open) = &files.open {
            return Ok(Arc::clone(open));
        }
        let options = SegmentOptions::default();
        let open = PartitionFiles::open(
            self.storage.clone(),
            &self.folder,
            options,
            files.manifest.as_ref(),
        )?;
        let open = Arc::new(open);
        files.open = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Deletes the files of a partition that is gone.
    pub(crate) fn delete_files(&self) -> Result<(), SegmentError> {
        // Without a manifest nothing is kept.
        PartitionFiles::open(
            Arc::clone(&self.storage),
            &self.folder,
            SegmentOptions::default(),
            None,
        )?
        .delete()
    }

    /// Where its segment files are.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}

/// A view of a tail at one moment.
pub(crate) struct Unflushed {
    batches: Vec<FetchedBatch>,
    start: u64,
    end: u64,
}

fn fetched(batch: StoredBatch) -> FetchedBatch {
    FetchedBatch {
        base_offset: batch.base_offset,
        count: batch.count,
        bytes: batch.bytes,
    }
}

/// The form for a segment: with the base offset in the bytes too, so that a segment can be read by itself.
fn stored(batch: &FetchedBatch) -> StoredBatch {
    let max_timestamp = RecordBatch::trusted(batch.bytes.clone()).map_or(0, |batch| batch.max_timestamp().0);
    let mut bytes = BytesMut::from(&batch.bytes[..]);
    bytes[..8].copy_from_slice(&batch.base_offset.to_be_bytes());
    StoredBatch {
        base_offset: batch.base_offset,
        count: batch.count,
        max_timestamp,
        bytes: bytes.freeze(),
    }
}
