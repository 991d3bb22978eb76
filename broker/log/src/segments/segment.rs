//! One segment file with its index.

use super::StoredBatch;
use super::error::SegmentError;
use super::frame::{self, FrameHeader, Walk};
use super::index::{Index, IndexEntry};
use super::manifest::SegmentInfo;
use super::opening::{self, HEADER, WALK_CHUNK, index_name_of, name_of};
use crate::storage::{OpenMode, Storage, StorageFile, write_full};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads are made in chunks of at most this size, unless a batch is larger.
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

impl Segment {
    fn new(storage: &Arc<dyn Storage>, dir: &Path, interval: u64, base_offset: u64, state: State) -> Segment {
        let (path, index_path) = (
            dir.join(name_of(base_offset)),
            dir.join(index_name_of(base_offset)),
        );
        let (storage, state) = (Arc::clone(storage), Mutex::new(state));
        Segment {
            base_offset,
            storage,
            path,
            index_path,
            interval,
            state,
        }
    }

    /// A segment that is there, of which `info` is durable. Neither file is opened yet.
    pub(super) fn existing(
        storage: &Arc<dyn Storage>,
        dir: &Path,
        interval: u64,
        info: &SegmentInfo,
    ) -> Segment {
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
        let file = storage
            .open(&path, OpenMode::Create)
            .map_err(SegmentError::io("create", &path))?;
        write_full(&*file, &opening::header(base_offset), 0).map_err(SegmentError::io("write", &path))?;
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
        self.info_of(&self.state.lock())
    }

    /// Appends batches with one write. The caller has checked that they follow, and appends from one thread at a time.
    /// After an error nothing of them is there.
    pub(super) fn append(&self, batches: &[StoredBatch]) -> Result<(), SegmentError> {
        let (file, len) = {
            let mut state = self.state.lock();
            (self.ready(&mut state)?, state.len)
        };
        let mut buffer = Vec::with_capacity(
            batches
                .iter()
                .map(|batch| frame::HEADER + batch.bytes.len())
                .sum(),
        );
        let headers: Vec<FrameHeader> = batches
            .iter()
            .map(|batch| frame::encode(&mut buffer, batch))
            .collect();
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
        self.with_start(
            |index| index.find(from_offset),
            Some(from_offset),
            |file, range| {
                let chunk = budget
                    .saturating_add(frame::HEADER)
                    .clamp(WALK_CHUNK, LARGEST_CHUNK);
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
            },
        )
    }

    /// The base offset of the first batch whose latest timestamp is not before `timestamp`.
    pub(super) fn find_time(&self, timestamp: i64) -> Result<Option<u64>, SegmentError> {
        self.with_start(
            |index| index.find_time(timestamp),
            None,
            |file, range| {
                let mut walk = Walk::new(&self.path, file, range, WALK_CHUNK);
                while let Some(header) = walk.peek()? {
                    if header.max_timestamp >= timestamp {
                        return Ok(Some(header.base_offset));
                    }
                    walk.skip(&header);
                }
                Ok(None)
            },
        )
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
            if entry.is_some_and(|entry| !opening::points_at_frame(&*file, &entry)) {
                tracing::warn!(file = %self.index_path.display(), "an index points at nothing; it is built anew");
                self.rebuild(&mut state, Arc::clone(&file))?;
                entry = state.index.as_ref().and_then(&find);
            }
            let start = entry.map_or(HEADER as u64, |entry| entry.position);
            let ends = state
                .read_ends
                .iter()
                .filter(|(offset, _)| from_offset.is_some_and(|from| *offset <= from));
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
            opening::check_header(&self.path, self.base_offset, &*file)?;
            let hint = Index::load(
                &*self.storage,
                &self.index_path,
                self.base_offset,
                state.len,
                self.interval,
            );
            // What the hint says wrongly would look like damage of the segment.
            let built = match opening::complete(&self.path, &*file, &self.info_of(state), hint) {
                Ok(index) => index,
                Err(SegmentError::Damaged { .. }) => return self.rebuild(state, file),
                Err(error) => return Err(error),
            };
            self.adopt(state, built);
        }
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Builds the index anew from the segment alone.
    fn rebuild(
        &self,
        state: &mut State,
        file: Arc<dyn StorageFile>,
    ) -> Result<Arc<dyn StorageFile>, SegmentError> {
        let index = opening::complete(
            &self.path,
            &*file,
            &self.info_of(state),
            Index::new(self.interval),
        )?;
        self.adopt(state, index);
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn adopt(&self, state: &mut State, mut index: Index) {
        index.store(&*self.storage, &self.index_path, self.base_offset);
        state.index = Some(index);
    }

    fn info_of(&self, state: &State) -> SegmentInfo {
        let State {
            len,
            end_offset,
            max_timestamp,
            ..
        } = *state;
        SegmentInfo {
            base_offset: self.base_offset,
            len,
            end_offset,
            max_timestamp,
        }
    }

    fn open_file(&self) -> Result<Arc<dyn StorageFile>, SegmentError> {
        self.storage
            .open(&self.path, OpenMode::Existing)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SegmentError::Missing {
                    file: self.path.clone(),
                },
                _ => SegmentError::io("open", &self.path)(error),
            })
    }
}
