//! All segments of a partition.

use super::error::SegmentError;
use super::folder::{cut, list, needed, read_trim, remove, write_trim};
use super::frame::{HEADER, MAX_BATCH};
use super::manifest::{SegmentInfo, SegmentManifest};
use super::opening;
use super::segment::Segment;
use super::{SegmentOptions, StoredBatch};
use crate::storage::Storage;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Segments that do not grow any more are kept open, so many of them.
const OPEN_FILES: usize = 4;
/// What is appended is written in pieces of about this size.
const LARGEST_WRITE: usize = 4 << 20;

/// The segment files of one partition. Reads, one append and one sync may run at the same time.
pub struct PartitionFiles {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    options: SegmentOptions,
    /// Held by whatever changes which segments there are or what is in them.
    changing: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    segments: VecDeque<Arc<Segment>>,
    /// The offset after the last batch, even when its segment has been deleted.
    end_offset: Option<u64>,
    /// Whether names were added or removed since the last sync.
    names_changed: bool,
    /// Base offsets of the segments that were read most recently.
    recent: VecDeque<u64>,
    failed: Option<SegmentError>,
}

impl PartitionFiles {
    /// Opens the files in `dir` as the latest checkpoint knows them: what lies beyond the manifest is cut, and without
    /// a manifest nothing is kept. No batch is read, so that this is quick however much there is. A segment that is
    /// missing or too short is an error that names it. The folder is created by the first append.
    pub fn open(
        storage: Arc<dyn Storage>,
        dir: &Path,
        options: SegmentOptions,
        manifest: Option<&SegmentManifest>,
    ) -> Result<Self, SegmentError> {
        let manifest = manifest.cloned().unwrap_or_default();
        let names = list(&*storage, dir)?;
        let trimmed = read_trim(&*storage, dir, &names)?;
        let mut state = State {
            end_offset: manifest.end_offset(),
            ..State::default()
        };
        let (kept, gone): (Vec<_>, Vec<_>) = manifest
            .segments
            .iter()
            .partition(|info| info.end_offset > trimmed);
        for name in names
            .iter()
            .filter(|name| !needed(name, &kept, &manifest.segments))
        {
            let path = dir.join(name);
            storage.remove(&path).map_err(SegmentError::io("remove", &path))?;
            state.names_changed = true;
        }
        tracing::debug!(dir = %dir.display(), kept = kept.len(), trimmed = gone.len(), "opened a partition's segments");
        for info in kept {
            cut(&*storage, dir, info)?;
            let segment = Segment::existing(&storage, dir, options.index_interval, info);
            state.segments.push_back(Arc::new(segment));
        }
        Ok(PartitionFiles {
            storage,
            dir: dir.to_owned(),
            options,
            changing: Mutex::new(()),
            state: Mutex::new(state),
        })
    }

    /// Appends batches, in ascending order, each at or after the end of the one before; gaps are allowed. They can be
    /// read when this returns, and are durable after the next [`Self::sync`]. After an error
    /// [`Self::end_offset`] says how far it came; the rest may be tried again (when there was no space, say).
    pub fn append(&self, batches: &[StoredBatch]) -> Result<(), SegmentError> {
        let _changing = self.changing.lock();
        self.check(batches)?;
        let mut rest = batches;
        while !rest.is_empty() {
            let active = self.active(rest[0].base_offset)?;
            let room = self.options.segment_bytes.saturating_sub(active.info().len);
            let (now, later) = rest.split_at(piece(rest, room));
            active.append(now)?;
            self.state.lock().end_offset = now.last().map(StoredBatch::end_offset);
            rest = later;
        }
        Ok(())
    }

    /// Makes durable what was appended before; the manifest says what that is. After a failure the partition takes no
    /// more appends: what the disk has is unknown until it is opened again with the manifest before.
    pub fn sync(&self) -> Result<SegmentManifest, SegmentError> {
        let (segments, names_changed) = {
            let _changing = self.changing.lock();
            let mut state = self.state.lock();
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            let segments: Vec<_> = state
                .segments
                .iter()
                .map(|segment| (Arc::clone(segment), segment.info()))
                .collect();
            (segments, std::mem::take(&mut state.names_changed))
        };
        let names = || match names_changed {
            true => self
                .storage
                .sync_dir(&self.dir)
                .map_err(SegmentError::io("sync", &self.dir)),
            false => Ok(()),
        };
        let synced = segments
            .iter()
            .try_for_each(|(segment, info)| segment.sync(info))
            .and_then(|()| names());
        if let Err(error) = synced {
            self.state.lock().failed = Some(error.clone());
            return Err(error);
        }
        let info = segments.into_iter().map(|(_, info)| info);
        Ok(SegmentManifest {
            segments: info.filter(|info| info.end_offset > info.base_offset).collect(),
        })
    }

    /// Reads batches from the first that contains or follows `from_offset`, of about `max_bytes` together but at least
    /// one if there is any. Each is verified.
    pub fn read(&self, from_offset: u64, max_bytes: usize) -> Result<Vec<StoredBatch>, SegmentError> {
        self.unless_trimmed(|| {
            let mut batches = Vec::new();
            let mut budget = max_bytes;
            let mut next = from_offset;
            while let Some(segment) = self.segment_for(next) {
                if !segment.read(from_offset, &mut budget, &mut batches)?
                    || budget == 0 && !batches.is_empty()
                {
                    break;
                }
                let Some(after) = self.base_after(segment.base_offset) else {
                    break;
                };
                next = after;
            }
            Ok(batches)
        })
    }

    /// The base offset of the first batch with a record at or after a time (milliseconds since 1970); `None` when all
    /// are earlier.
    pub fn find_time(&self, timestamp: i64) -> Result<Option<u64>, SegmentError> {
        self.unless_trimmed(|| {
            let segments: Vec<_> = self.state.lock().segments.iter().cloned().collect();
            match segments
                .iter()
                .find(|segment| segment.info().max_timestamp >= timestamp)
            {
                Some(segment) => segment.find_time(timestamp),
                None => Ok(None),
            }
        })
    }

    /// The offset after the last batch that was appended; `None` when there never was one.
    pub fn end_offset(&self) -> Option<u64> {
        self.state.lock().end_offset
    }

    /// The base offset of the first batch that is still in a segment; `None` when there is none.
    pub fn first_offset(&self) -> Option<u64> {
        self.state
            .lock()
            .segments
            .front()
            .map(|segment| segment.base_offset)
    }

    /// How many bytes the segments have together.
    pub fn bytes(&self) -> u64 {
        self.state
            .lock()
            .segments
            .iter()
            .map(|segment| segment.info().len)
            .sum()
    }

    /// Deletes the segments that hold nothing at or above `start_offset`. An older manifest may still name them.
    pub fn trim_to(&self, start_offset: u64) -> Result<(), SegmentError> {
        let _changing = self.changing.lock();
        let segments: Vec<_> = self.state.lock().segments.iter().cloned().collect();
        let deletable = |at: usize, info: SegmentInfo| {
            info.end_offset <= start_offset
                && (at + 1 < segments.len() || info.len >= self.options.retire_bytes)
        };
        let mut end = None;
        let mut count = 0;
        for (at, segment) in segments.iter().enumerate() {
            let info = segment.info();
            if !deletable(at, info) {
                break;
            }
            (end, count) = (Some(info.end_offset), at + 1);
        }
        let Some(end) = end else { return Ok(()) };
        // Durable before anything is missing: until the next checkpoint the old manifest names these segments.
        write_trim(&*self.storage, &self.dir, end)?;
        for segment in &segments[..count] {
            let mut state = self.state.lock();
            state.segments.pop_front();
            state.names_changed = true;
            drop(state);
            for name in [
                opening::name_of(segment.base_offset),
                opening::index_name_of(segment.base_offset),
            ] {
                remove(&*self.storage, &self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Deletes everything, the folder as well.
    pub fn delete(self) -> Result<(), SegmentError> {
        let names = match self.storage.list(&self.dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(SegmentError::io("list", &self.dir)(error)),
        };
        for name in names {
            remove(&*self.storage, &self.dir.join(name))?;
        }
        self.storage
            .remove_dir(&self.dir)
            .map_err(SegmentError::io("remove", &self.dir))?;
        let parent = self.dir.parent().unwrap_or(Path::new("."));
        self.storage
            .sync_dir(parent)
            .map_err(SegmentError::io("sync", parent))
    }

    fn check(&self, batches: &[StoredBatch]) -> Result<(), SegmentError> {
        let state = self.state.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let mut end = state.end_offset.unwrap_or(0);
        for batch in batches {
            let reason = if batch.base_offset < end {
                format!("the batches before it end at offset {end}")
            } else if batch.count == 0 || batch.base_offset.checked_add(batch.count.into()).is_none() {
                format!("its count is {}", batch.count)
            } else if batch.bytes.is_empty() || batch.bytes.len() > MAX_BATCH {
                format!(
                    "it has {} bytes, but 1 to {MAX_BATCH} are allowed",
                    batch.bytes.len()
                )
            } else {
                end = batch.end_offset();
                continue;
            };
            return Err(SegmentError::Invalid {
                dir: self.dir.clone(),
                base_offset: batch.base_offset,
                reason,
            });
        }
        Ok(())
    }

    /// The segment to append to: the last one, or a new one when that is full.
    fn active(&self, base_offset: u64) -> Result<Arc<Segment>, SegmentError> {
        let last = self.state.lock().segments.back().cloned();
        if let Some(last) = &last
            && last.info().len < self.options.segment_bytes
        {
            return Ok(Arc::clone(last));
        }
        self.storage
            .create_dir_all(&self.dir)
            .map_err(SegmentError::io("create", &self.dir))?;
        let new = Segment::create(&self.storage, &self.dir, self.options.index_interval, base_offset)?;
        let new = Arc::new(new);
        let mut state = self.state.lock();
        state.names_changed = true;
        state.segments.push_back(Arc::clone(&new));
        Ok(new)
    }

    /// The last segment that begins at or below an offset, or else the first.
    fn segment_for(&self, offset: u64) -> Option<Arc<Segment>> {
        let mut state = self.state.lock();
        let after = state
            .segments
            .partition_point(|segment| segment.base_offset <= offset);
        let segment = state.segments.get(after.saturating_sub(1)).cloned()?;
        let grows = state
            .segments
            .back()
            .is_some_and(|last| last.base_offset == segment.base_offset);
        if !grows && state.recent.front() != Some(&segment.base_offset) {
            state
                .recent
                .retain(|base_offset| *base_offset != segment.base_offset);
            state.recent.push_front(segment.base_offset);
            while state.recent.len() > OPEN_FILES {
                let oldest = state.recent.pop_back();
                if let Some(oldest) = state
                    .segments
                    .iter()
                    .find(|segment| Some(segment.base_offset) == oldest)
                {
                    oldest.close_file();
                }
            }
        }
        Some(segment)
    }

    fn base_after(&self, base_offset: u64) -> Option<u64> {
        let state = self.state.lock();
        let after = state
            .segments
            .partition_point(|segment| segment.base_offset <= base_offset);
        state.segments.get(after).map(|segment| segment.base_offset)
    }

    /// Reads again when a segment is missing because it was trimmed meanwhile.
    fn unless_trimmed<T>(&self, read: impl Fn() -> Result<T, SegmentError>) -> Result<T, SegmentError> {
        loop {
            let first = self.first_offset();
            match read() {
                Err(SegmentError::Missing { .. }) if self.first_offset() != first => {}
                result => return result,
            }
        }
    }
}

/// How many of the batches to write at once into a segment that has `room` left; at least one.
fn piece(batches: &[StoredBatch], room: u64) -> usize {
    let most = room.min(LARGEST_WRITE as u64);
    let mut bytes = 0;
    for (at, batch) in batches.iter().enumerate() {
        bytes += (HEADER + batch.bytes.len()) as u64;
        if bytes >= most {
            return at + 1;
        }
    }
    batches.len()
}
