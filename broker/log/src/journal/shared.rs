//! What callers and the writer share: the queue of what waits to be written, and the view of every shard. One lock
//! guards both, so that the view and the order of the queue never disagree.

use super::error::JournalError;
use super::file::{JournalFile, Location};
use super::frame::{MAX_PAYLOAD, Record};
use super::index::{Place, ShardIndex};
use super::{Done, JournalStats, RecoveredShard};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// One call of a caller: records of one shard that are written in order, and whom to tell.
pub(super) struct Operation {
    pub id: u64,
    pub shard: u32,
    pub records: Vec<Record>,
    pub done: Done,
}

/// See the module's documentation.
pub(super) struct Shared {
    state: Mutex<View>,
    submitted: Condvar,
}

/// What the lock guards.
pub(super) struct View {
    shards: BTreeMap<u32, ShardIndex>,
    queue: Vec<Operation>,
    /// The id of the latest operation.
    last_operation: u64,
    files: BTreeMap<u64, FileUse>,
    /// Entries that the view does not need since an operation; they count until that operation is durable.
    freed: VecDeque<Freed>,
    failed: Option<JournalError>,
    closed: bool,
}

struct FileUse {
    file: Arc<JournalFile>,
    /// Entries in it that some shard needs.
    entries: u64,
    /// Where its frames end.
    end: u64,
}

struct Freed {
    operation: u64,
    sequence: u64,
    entries: u64,
}

/// An entry that was written: by which operation, and where.
pub(super) struct Written {
    pub operation: u64,
    pub shard: u32,
    pub index: u64,
    pub location: Location,
}

impl Shared {
    /// The view after recovery.
    pub(super) fn new(shards: BTreeMap<u32, ShardIndex>, files: Vec<(Arc<JournalFile>, u32)>) -> Shared {
        let mut view = View {
            shards,
            queue: Vec::new(),
            last_operation: 0,
            files: BTreeMap::new(),
            freed: VecDeque::new(),
            failed: None,
            closed: false,
        };
        for (file, end) in files {
            view.add_file(file, end);
        }
        for index in view.shards.values() {
            for (sequence, entries) in index.by_file() {
                if let Some(used) = view.files.get_mut(&sequence) {
                    used.entries += entries;
                }
            }
        }
        Shared {
            state: Mutex::new(view),
            submitted: Condvar::new(),
        }
    }

    /// Puts records into the view and the queue, or refuses them all through `done`.
    pub(super) fn submit(&self, shard: u32, records: Vec<Record>, done: Done) {
        let mut view = self.state.lock();
        if let Err(error) = view.check(shard, &records) {
            drop(view);
            return done(Err(error));
        }
        view.last_operation += 1;
        let id = view.last_operation;
        let index = view.shards.entry(shard).or_default();
        let freed: Vec<_> = records
            .iter()
            .flat_map(|record| index.submit(id, record))
            .collect();
        view.freed
            .extend(freed.into_iter().map(|(sequence, entries)| Freed {
                operation: id,
                sequence,
                entries,
            }));
        view.queue.push(Operation {
            id,
            shard,
            records,
            done,
        });
        drop(view);
        self.submitted.notify_one();
    }

    /// Waits for operations and takes all; `None` when the journal is closed and nothing is left.
    pub(super) fn take_all(&self) -> Option<Vec<Operation>> {
        let mut view = self.state.lock();
        while view.queue.is_empty() {
            if view.closed {
                return None;
            }
            self.submitted.wait(&mut view);
        }
        Some(std::mem::take(&mut view.queue))
    }

    /// Ends submission; what waits is still written.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.submitted.notify_all();
    }

    /// Makes a failure sticky and gives what waits, to be refused.
    pub(super) fn fail(&self, error: &JournalError) -> Vec<Operation> {
        let mut view = self.state.lock();
        view.failed.get_or_insert_with(|| error.clone());
        std::mem::take(&mut view.queue)
    }

    /// The view, locked.
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.state.lock()
    }
}

impl View {
    fn check(&self, shard: u32, records: &[Record]) -> Result<(), JournalError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.closed {
            return Err(JournalError::Closed);
        }
        let mut bounds = self
            .shards
            .get(&shard)
            .map(|index| index.state.bounds)
            .unwrap_or_default();
        for record in records {
            let (what, bytes) = match record {
                Record::Entry(entry) => ("an entry", entry.payload.len()),
                Record::HardState(state) => ("the hard state", state.len()),
                Record::Purge { marker, .. } => ("the purge marker", marker.len()),
                Record::Truncate(_) => continue,
            };
            if bytes > MAX_PAYLOAD {
                return Err(JournalError::TooLarge {
                    what,
                    shard,
                    bytes,
                    most: MAX_PAYLOAD,
                });
            }
            if let Record::Entry(entry) = record {
                let got = entry.index;
                bounds
                    .append(got)
                    .map_err(|expected| JournalError::Gap { shard, expected, got })?;
            }
        }
        Ok(())
    }

    /// Adds the newest file.
    pub(super) fn add_file(&mut self, file: Arc<JournalFile>, end: u32) {
        self.files.insert(
            file.sequence,
            FileUse {
                file,
                entries: 0,
                end: end.into(),
            },
        );
    }

    /// Notes a group that is durable: its entries are found in the newest file from now on, which ends at `end`, and
    /// what operations up to `last` have freed is free.
    pub(super) fn committed(&mut self, written: Vec<Written>, end: u64, last: u64) {
        for Written {
            operation,
            shard,
            index,
            location,
        } in written
        {
            let needed = self
                .shards
                .get_mut(&shard)
                .is_some_and(|log| log.place(operation, index, location));
            if !needed {
                // Removed again by an operation that waits: needed until that is durable.
                let operation = self.last_operation;
                self.freed.push_back(Freed {
                    operation,
                    sequence: location.sequence,
                    entries: 1,
                });
            }
            if let Some(used) = self.files.get_mut(&location.sequence) {
                used.entries += 1;
            }
        }
        if let Some(mut newest) = self.files.last_entry() {
            newest.get_mut().end = end;
        }
        while let Some(freed) = self.freed.front()
            && freed.operation <= last
        {
            if let Some(used) = self.files.get_mut(&freed.sequence) {
                used.entries -= freed.entries;
            }
            self.freed.pop_front();
        }
    }

    /// Takes out the oldest files that no shard needs, never the newest.
    pub(super) fn take_unused(&mut self) -> Vec<Arc<JournalFile>> {
        let mut unused = Vec::new();
        while self.files.len() > 1
            && let Some(oldest) = self.files.first_entry()
            && oldest.get().entries == 0
        {
            unused.push(oldest.remove().file);
        }
        unused
    }

    /// What the journal holds of a shard.
    pub(super) fn recovered(&self, shard: u32) -> RecoveredShard {
        let Some(index) = self.shards.get(&shard) else {
            return RecoveredShard::default();
        };
        RecoveredShard {
            hard_state: index.state.hard_state.clone(),
            purge_marker: index.state.marker.clone(),
            first_index: index.first(),
            last: index.last(),
        }
    }

    /// The shards of which there is anything.
    pub(super) fn shards(&self) -> Vec<u32> {
        self.shards.keys().copied().collect()
    }

    /// Where the entries of a range are, with the files they are in: those that are there, up to `max_bytes`, but at
    /// least one.
    pub(super) fn places(
        &self,
        shard: u32,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Vec<(Place, Option<Arc<JournalFile>>)> {
        let Some(log) = self.shards.get(&shard) else {
            return Vec::new();
        };
        let Some(first) = log.first() else {
            return Vec::new();
        };
        let mut bytes = 0;
        let mut places = Vec::new();
        for index in range.start.max(first)..range.end {
            let Some(place) = log.find(index) else { break };
            let (len, file) = match &place {
                Place::Memory(entry) => (entry.payload.len(), None),
                Place::File(_, at) => (
                    at.len as usize,
                    self.files.get(&at.sequence).map(|used| Arc::clone(&used.file)),
                ),
            };
            if !places.is_empty() && bytes + len > max_bytes {
                break;
            }
            bytes += len;
            places.push((place, file));
        }
        places
    }

    /// Whether an entry is still where it was.
    pub(super) fn is_at(&self, shard: u32, index: u64, location: Location) -> bool {
        let place = self.shards.get(&shard).and_then(|log| log.find(index));
        matches!(place, Some(Place::File(_, at)) if at == location)
    }

    /// How full the journal is, but for the spare files.
    pub(super) fn stats(&self) -> JournalStats {
        let oldest = self.files.keys().next().copied().filter(|_| self.files.len() > 1);
        JournalStats {
            live_bytes: self.files.values().map(|used| used.end).sum(),
            files: self.files.len(),
            spare_files: 0,
            oldest_shard: self
                .shards
                .iter()
                .find(|(_, log)| oldest.is_some() && log.oldest_file() == oldest)
                .map(|(shard, _)| *shard),
        }
    }

    /// The sticky failure.
    pub(super) fn failed(&self) -> Option<JournalError> {
        self.failed.clone()
    }
}
