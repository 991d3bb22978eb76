//! One segment file with its index.

use super::error::SegmentError;
use super::frame::{self, FrameHeader, Walk};
use super::index::{Index, IndexEntry};
use super::manifest::SegmentInfo;
use super::StoredBatch;
use crate::storage::{OpenMode, Storage, StorageFile, read_full, write_full};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"PRSEGMNT";
const VERSION: u32 = 1;
/// Where the frames begin.
pub(super) const HEADER: usize = 64;
const WALK_CHUNK: usize = 64 << 10;
const LARGEST_CHUNK: usize = 1 << 20;
/// Ends of so many reads are remembered, so that a reader goes on where it stopped.
const READ_ENDS: usize = 8;

/// One segment. Only the last of a partition grows; reads go on meanwhile.
pub(super) struct Segment {
    pub base_offset: u64,
    storage: Arc<dyn Storage>,
    path: PathBuf,
    index_path: PathBuf,
    interval: u64,
    state: Mutex<State>,
}

struct State {
    len: u64,
    end_offset: u64,
    max_timestamp: i64,
    /// How many bytes have been synced.
    synced: u64,
    file: Option<Arc<dyn StorageFile>>,
    /// `None` until the segment is used for the first time.
    index: Option<Index>,
    /// Offset and position at which reads ended.
    read_ends: VecDeque<(u64, u64)>,
}

/// The name of a segment.
pub(super) fn name_of(base_offset: u64) -> String {
    format!("{base_offset:020}.segment")
}

/// The name of a segment's index.
pub(super) fn index_name_of(base_offset: u64) -> String {
    format!("{base_offset:020}.index")
}

/// The base offset that the name of a segment or index stands for.
pub(super) fn base_offset_of(name: &str) -> Option<u64> {
    name.strip_suffix(".segment").or_else(|| name.strip_suffix(".index"))?.parse().ok()
}

fn header(base_offset: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&base_offset.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

impl Segment {
    fn new(storage: &Arc<dyn Storage>, dir: &Path, interval: u64, base_offset: u64, state: State) -> Segment {
        let (path, index_path) = (dir.join(name_of(base_offset)), dir.join(index_name_of(base_offset)));
        let (storage, state) = (Arc::clone(storage), Mutex::new(state));
        Segment { base_offset, storage, path, index_path, interval, state }
    }

    /// A segment that is there, of which `info` is durable. Neither file is opened yet.
    pub(super) fn existing(storage: &Arc<dyn Storage>, dir: &Path, interval: u64, info: &SegmentInfo) -> Segment {
        let state = State {
            len: info.len,
            end_offset: info.end_offset,
            max_timestamp: info.max_timestamp,
            synced: info.len,
            file: None,
            index: None,
            read_ends: VecDeque::new(),
        };
        Segment::new(storage, dir, interval, info.base_offset, state)
    }

    /// Creates a segment without batches.
    pub(super) fn create(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        interval: u64,
        base_offset: u64,
    ) -> Result<Segment, SegmentError> {
        let path = dir.join(name_of(base_offset));
        let file = storage.open(&path, OpenMode::Create).map_err(SegmentError::io("create", &path))?;
        write_full(&*file, &header(base_offset), 0).map_err(SegmentError::io("write", &path))?;
        let state = State {
            len: HEADER as u64,
            end_offset: base_offset,
            max_timestamp: i64::MIN,
            synced: 0,
            file: Some(file),
            index: Some(Index::new(interval)),
            read_ends: VecDeque::new(),
        };
        Ok(Segment::new(storage, dir, interval, base_offset, state))
    }

    /// What it holds now.
    pub(super) fn info(&self) -> SegmentInfo {
        let state = self.state.lock();
        SegmentInfo {
            base_offset: self.base_offset,
            len: state.len,
            end_offset: state.end_offset,
            max_timestamp: state.max_timestamp,
        }
    }

    /// Appends batches with one write. The caller has checked that they follow, and appends from one thread at a time.
    /// After an error nothing of them is there.
    pub(super) fn append(&self, batches: &[StoredBatch]) -> Result<(), SegmentError> {
        let (file, len) = {
            let mut state = self.state.lock();
            (self.ready(&mut state)?, state.len)
        };
        let mut buffer = Vec::with_capacity(batches.iter().map(|batch| frame::HEADER + batch.bytes.len()).sum());
        let headers: Vec<FrameHeader> = batches.iter().map(|batch| frame::encode(&mut buffer, batch)).collect();
        write_full(&*file, &buffer, len).map_err(SegmentError::io("write", &self.path))?;
        let mut state = self.state.lock();
        let state = &mut *state;
        for header in &headers {
            if let Some(index) = &mut state.index {
                index.note(header, state.len, state.max_timestamp);
            }
            state.len += header.frame_len();
            state.end_offset = header.end_offset();
            state.max_timestamp = state.max_timestamp.max(header.max_timestamp);
        }
        Ok(())
    }

    /// Makes durable what `info` says; the index follows, without a sync.
    pub(super) fn sync(&self, info: &SegmentInfo) -> Result<(), SegmentError> {
        let file = {
            let state = self.state.lock();
            if state.synced >= info.len {
                return Ok(());
            }
            state.file.clone()
        };
        // The handle that wrote is kept until a sync, since the error of a failed write-back is told to it.
        let file = match file {
            Some(file) => file,
            None => self.open_file()?,
        };
        file.sync_data().map_err(SegmentError::io("sync", &self.path))?;
        let mut state = self.state.lock();
        state.synced = state.synced.max(info.len);
        if let Some(index) = &mut state.index {
            index.store(&*self.storage, &self.index_path, self.base_offset);
        }
        Ok(())
    }

    /// Gives the file's handle back to the system if it is not needed for a sync.
    pub(super) fn close_file(&self) {
        let mut state = self.state.lock();
        if state.synced == state.len {
            state.file = None;
        }
    }

    /// Adds batches from the first that contains or follows `from_offset` to `batches`, as long as they are `budget`
    /// bytes together at most; the very first is added whatever its size. `false` when the budget was used up.
    pub(super) fn read(
        &self,
        from_offset: u64,
        budget: &mut usize,
        batches: &mut Vec<StoredBatch>,
    ) -> Result<bool, SegmentError> {
        if self.state.lock().end_offset <= from_offset {
            return Ok(true);
        }
        self.with_start(|index| index.find(from_offset), Some(from_offset), |file, range| {
            let chunk = budget.saturating_add(frame::HEADER).clamp(WALK_CHUNK, LARGEST_CHUNK);
            let mut walk = Walk::new(&self.path, file, range, chunk);
            while let Some(header) = walk.peek()? {
                if header.end_offset() <= from_offset {
                    walk.skip(&header);
                    continue;
                }
                if header.len as usize > *budget && !batches.is_empty() {
                    self.remember(batches.last().map(StoredBatch::end_offset), walk.position());
                    return Ok(false);
                }
                *budget = budget.saturating_sub(header.len as usize);
                batches.push(walk.take(&header)?);
            }
            self.remember(batches.last().map(StoredBatch::end_offset), walk.position());
            Ok(true)
        })
    }

    /// The base offset of the first batch whose latest timestamp is not before `timestamp`.
    pub(super) fn find_time(&self, timestamp: i64) -> Result<Option<u64>, SegmentError> {
        self.with_start(|index| index.find_time(timestamp), None, |file, range| {
            let mut walk = Walk::new(&self.path, file, range, WALK_CHUNK);
            while let Some(header) = walk.peek()? {
                if header.max_timestamp >= timestamp {
                    return Ok(Some(header.base_offset));
                }
                walk.skip(&header);
            }
            Ok(None)
        })
    }

    /// Calls `read` with the file and the range in it that begins at the entry that `find` chooses. An entry that
    /// turns out wrong makes the index be built anew from the segment.
    fn with_start<T>(
        &self,
        find: impl Fn(&Index) -> Option<IndexEntry>,
        from_offset: Option<u64>,
        read: impl FnOnce(&dyn StorageFile, (u64, u64)) -> Result<T, SegmentError>,
    ) -> Result<T, SegmentError> {
        let (file, start, len) = {
            let mut state = self.state.lock();
            let file = self.ready(&mut state)?;
            let mut entry = state.index.as_ref().and_then(&find);
            if entry.is_some_and(|entry| !points_at_frame(&*file, &entry)) {
                tracing::warn!(file = %self.index_path.display(), "an index points at nothing; it is built anew");
                self.build(&mut state, &*file, Index::new(self.interval))?;
                entry = state.index.as_ref().and_then(&find);
            }
            let start = entry.map_or(HEADER as u64, |entry| entry.position);
            let ends = state.read_ends.iter().filter(|(offset, _)| from_offset.is_some_and(|from| *offset <= from));
            let start = ends.map(|(_, position)| *position).fold(start, u64::max);
            (file, start, state.len)
        };
        read(&*file, (start, len))
    }

    fn remember(&self, end: Option<u64>, position: u64) {
        let Some(end) = end else { return };
        let mut state = self.state.lock();
        state.read_ends.retain(|(offset, _)| *offset != end);
        state.read_ends.truncate(READ_ENDS - 1);
        state.read_ends.push_front((end, position));
    }

    /// Opens the file and completes the index, if that was not done before.
    fn ready(&self, state: &mut State) -> Result<Arc<dyn StorageFile>, SegmentError> {
        let file = match &state.file {
            Some(file) => Arc::clone(file),
            None => self.open_file()?,
        };
        if state.index.is_none() {
            self.check_header(&*file)?;
            let index =
                Index::load(&*self.storage, &self.index_path, self.base_offset, state.len, self.interval);
            let trusted = index.last().is_none_or(|last| points_at_frame(&*file, &last));
            let empty = index.last().is_none();
            let index = if trusted { index } else { Index::new(self.interval) };
            match self.build(state, &*file, index) {
                Err(SegmentError::Damaged { .. }) if trusted && !empty => {
                    self.build(state, &*file, Index::new(self.interval))?;
                }
                built => built?,
            }
        }
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn open_file(&self) -> Result<Arc<dyn StorageFile>, SegmentError> {
        self.storage.open(&self.path, OpenMode::Existing).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SegmentError::Missing { file: self.path.clone() },
            _ => SegmentError::io("open", &self.path)(error),
        })
    }

    fn check_header(&self, file: &dyn StorageFile) -> Result<(), SegmentError> {
        let mut bytes = [0; HEADER];
        let read = read_full(file, &mut bytes, 0).map_err(SegmentError::io("read", &self.path))?;
        let expected = header(self.base_offset);
        if read == HEADER && bytes == expected {
            return Ok(());
        }
        let version = u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + i]));
        let intact = crc32c::crc32c(&bytes[..60]).to_le_bytes() == bytes[60..];
        if intact && bytes[..8] == MAGIC[..] && version > VERSION {
            return Err(SegmentError::Version { file: self.path.clone(), found: version, supported: VERSION });
        }
        Err(SegmentError::damaged(&self.path, 0, "the segment's header is not what was written"))
    }

    /// Completes an index by a walk from its last entry to the end, which must be where the state says.
    fn build(&self, state: &mut State, file: &dyn StorageFile, mut index: Index) -> Result<(), SegmentError> {
        let from = index.last();
        let start = from.map_or(HEADER as u64, |entry| entry.position);
        let mut latest = from.map_or(i64::MIN, |entry| entry.max_before);
        let mut end_offset = self.base_offset;
        let mut walk = Walk::new(&self.path, file, (start, state.len), WALK_CHUNK);
        while let Some(header) = walk.peek()? {
            index.note(&header, walk.position(), latest);
            latest = latest.max(header.max_timestamp);
            end_offset = header.end_offset();
            walk.skip(&header);
        }
        if (end_offset, latest) != (state.end_offset, state.max_timestamp) {
            let reason = format!(
                "its batches end at offset {end_offset} and time {latest}, but should at {} and {}",
                state.end_offset, state.max_timestamp
            );
            return Err(SegmentError::damaged(&self.path, state.len, reason));
        }
        index.store(&*self.storage, &self.index_path, self.base_offset);
        state.index = Some(index);
        Ok(())
    }
}

/// Whether the frame that an entry names is where it says.
fn points_at_frame(file: &dyn StorageFile, entry: &IndexEntry) -> bool {
    let mut bytes = [0; frame::HEADER];
    let read = read_full(file, &mut bytes, entry.position);
    let header = FrameHeader::decode(&bytes);
    read.is_ok_and(|read| read == bytes.len())
        && header.is_ok_and(|header| (header.crc, header.base_offset) == (entry.header_crc, entry.base_offset))
}
