//! openraft's log on the journal. Recent entries are kept decoded, since Raft reads each of them right after it
//! wrote it; older ones are read back from the journal.

#![allow(
    clippy::result_large_err,
    reason = "openraft's traits ask for its StorageError"
)]

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, OptionalSend, RaftLogReader, StorageIOError};
use parking_lot::Mutex;
use postroad_log::{EntryFrame, Journal, JournalError};
use postroad_types::ShardId;
use tokio::sync::oneshot;

use crate::entry::{self, EntryError};
use crate::raft_types::{Entry, LogId, StorageError, TypeConfig, Vote};

/// Bytes of recent entries that are kept decoded, for each shard. Their payloads are shared with the partitions' tails.
const CACHE_BYTES: usize = 4 << 20;
/// Bytes that one read from the journal returns at most.
const READ_BYTES: usize = 4 << 20;

/// One shard's log; clones share it.
#[derive(Clone)]
pub struct LogStore {
    shard: ShardId,
    journal: Journal,
    recent: Arc<Mutex<Recent>>,
}

/// The newest entries, without a gap, oldest first.
#[derive(Default)]
struct Recent {
    entries: VecDeque<(usize, Entry)>,
    bytes: usize,
    last: Option<LogId>,
    purged: Option<LogId>,
}

impl Recent {
    fn push(&mut self, size: usize, entry: Entry) {
        self.last = Some(entry.log_id);
        self.bytes += size;
        self.entries.push_back((size, entry));
        while self.bytes > CACHE_BYTES && self.entries.len() > 1 {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some((size, _)) = self.entries.pop_front() {
            self.bytes -= size;
        }
    }

    fn truncate_from(&mut self, index: u64) {
        while self
            .entries
            .back()
            .is_some_and(|(_, entry)| entry.log_id.index >= index)
        {
            if let Some((size, _)) = self.entries.pop_back() {
                self.bytes -= size;
            }
        }
    }

    fn purge_through(&mut self, index: u64) {
        while self
            .entries
            .front()
            .is_some_and(|(_, entry)| entry.log_id.index <= index)
        {
            self.pop_front();
        }
    }

    /// The entries of `start..end`, when the first of them is here.
    fn get(&self, start: u64, end: u64) -> Option<Vec<Entry>> {
        let first = self.entries.front()?.1.log_id.index;
        let skip = usize::try_from(start.checked_sub(first)?).ok()?;
        let count = usize::try_from(end - start).ok()?;
        Some(
            self.entries
                .iter()
                .skip(skip)
                .take(count)
                .map(|(_, entry)| entry.clone())
                .collect(),
        )
    }
}

impl LogStore {
    /// The shard's log as the journal has it.
    ///
    /// # Errors
    /// [`LogStoreError`] when the journal's newest entry or purge marker of this shard can't be decoded.
    pub fn open(shard: ShardId, journal: Journal) -> Result<Self, LogStoreError> {
        let recovered = journal.recovered(shard.0);
        let purged = recovered.purge_marker.map(entry::decode_log_id).transpose()?;
        let mut recent = Recent {
            purged,
            last: purged,
            ..Recent::default()
        };
        if let Some((index, _)) = recovered.last {
            let frame = journal.read(shard.0, index..index + 1, READ_BYTES)?.pop();
            let frame = frame.ok_or(LogStoreError::Missing { shard, index })?;
            let size = frame.payload.len();
            recent.push(size, entry::decode_entry(frame.index, frame.term, frame.payload)?);
        }
        Ok(Self {
            shard,
            journal,
            recent: Arc::new(Mutex::new(recent)),
        })
    }

    /// Index of the newest entry; 0 when there is none.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.recent.lock().last.map_or(0, |id| id.index)
    }

    fn read(&self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        let (start, end) = {
            let recent = self.recent.lock();
            let first = recent.purged.map_or(0, |id| id.index + 1);
            let next = recent.last.map_or(0, |id| id.index + 1);
            let (start, end) = (start.max(first), end.min(next));
            if start >= end {
                return Ok(Vec::new());
            }
            if let Some(entries) = recent.get(start, end) {
                return Ok(entries);
            }
            (start, end)
        };
        self.read_journal(start, end)
            .map_err(|error| StorageIOError::read_logs(AnyError::new(&error)).into())
    }

    fn read_journal(&self, start: u64, end: u64) -> Result<Vec<Entry>, LogStoreError> {
        let mut entries = Vec::new();
        let mut next = start;
        while next < end {
            let frames = self.journal.read(self.shard.0, next..end, READ_BYTES)?;
            if frames.is_empty() {
                return Err(LogStoreError::Missing {
                    shard: self.shard,
                    index: next,
                });
            }
            for frame in frames {
                next = frame.index + 1;
                entries.push(entry::decode_entry(frame.index, frame.term, frame.payload)?);
            }
        }
        Ok(entries)
    }

    async fn durable(&self, start: impl FnOnce(postroad_log::Done)) -> Result<(), StorageError> {
        let (sender, receiver) = oneshot::channel();
        start(Box::new(move |result| {
            // The receiver is gone only when the shard is being dropped.
            let _ = sender.send(result);
        }));
        let result = receiver.await.unwrap_or(Err(JournalError::Closed));
        result.map_err(|error| StorageIOError::write_logs(AnyError::new(&error)).into())
    }
}

/// The log as the journal has it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogStoreError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An entry can't be decoded.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An entry that should be there is not.
    #[error("entry {index} of shard {shard} is missing from the journal")]
    Missing {
        /// The shard.
        shard: ShardId,
        /// The entry's index.
        index: u64,
    },
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.read(start, end)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let recent = self.recent.lock();
        Ok(LogState {
            last_purged_log_id: recent.purged,
            last_log_id: recent.last,
        })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let bytes = entry::encode_vote(vote);
        self.durable(|done| self.journal.set_hard_state(self.shard.0, bytes, done))
            .await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let stored = self.journal.recovered(self.shard.0).hard_state;
        let vote = stored.map(entry::decode_vote).transpose();
        vote.map_err(|error| StorageIOError::read_vote(AnyError::new(&error)).into())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut frames = Vec::new();
        {
            let mut recent = self.recent.lock();
            for entry in entries {
                let payload = entry::encode_entry(&entry);
                let size = payload.len();
                frames.push(EntryFrame {
                    index: entry.log_id.index,
                    term: entry.log_id.leader_id.term,
                    payload,
                });
                recent.push(size, entry);
            }
        }
        let done = move |result: Result<(), JournalError>| {
            callback.log_io_completed(result.map_err(io::Error::other));
        };
        self.journal.append(self.shard.0, frames, Box::new(done));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.durable(|done| self.journal.truncate_from(self.shard.0, log_id.index, done))
            .await?;
        let previous = match log_id.index.checked_sub(1) {
            None => None,
            Some(index) => self.read(index, index + 1)?.pop().map(|entry| entry.log_id),
        };
        let mut recent = self.recent.lock();
        recent.truncate_from(log_id.index);
        recent.last = previous.or(recent.purged);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let marker = entry::encode_log_id(log_id);
        self.durable(|done| {
            self.journal
                .purge_through(self.shard.0, log_id.index, marker, done)
        })
        .await?;
        let mut recent = self.recent.lock();
        recent.purge_through(log_id.index);
        recent.purged = Some(log_id);
        recent.last = recent.last.max(Some(log_id));
        Ok(())
    }
}
