//! The write-ahead log that carries the Raft logs of all shards of a broker. Format and recovery:
//! `docs/formats/journal.md`. Read in this order:
//!
//! `frame` and `file` (bytes), `state` (which records change what), `index` (the view of one shard), `shared` (view and
//! queue behind one lock), `writer` (the thread that commits), `spares` (files prepared and recycled aside),
//! `recovery`, `reader`.
//!
//! Invariants: a `Done` that says `Ok` follows an fsync that covers its records; after a failed write or sync there is
//! no such `Done` any more; what recovery finds is a prefix of what was submitted that includes everything acknowledged.

mod error;
mod file;
mod frame;
mod index;
mod reader;
mod recovery;
mod shared;
mod spares;
mod state;
mod writer;

pub use error::{JournalError, OpenError};

use crate::storage::Storage;
use bytes::Bytes;
use file::{FRAMES, JournalFile};
use frame::Record;
use parking_lot::Mutex;
use recovery::Recovered;
use shared::Shared;
use spares::Spares;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use writer::{Group, Writer};

/// How a journal is laid out.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// The length of a file, zero-filled before it is used: 64 KiB to 1 GiB, 16 MiB by default. A single frame that
    /// does not fit gets a file of its own size.
    pub file_bytes: u64,
    /// How many files at most are kept for reuse, 1 to 64, 4 by default.
    pub spare_files: usize,
}

impl Default for JournalOptions {
    fn default() -> Self {
        JournalOptions {
            file_bytes: 16 << 20,
            spare_files: 4,
        }
    }
}

/// One entry of a shard's Raft log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFrame {
    /// Its index.
    pub index: u64,
    /// The term of the leader that proposed it.
    pub term: u64,
    /// What it says; opaque here.
    pub payload: Bytes,
}

/// Called once, with how it went: `Ok` means durable. Runs on the journal's writer thread (or on the caller's when
/// the call is refused at once), so it must not block.
pub type Done = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// Is told of each group commit; for metrics.
pub trait JournalObserver: Send + Sync + 'static {
    /// A group of `frames` frames, `bytes` bytes together, was written and synced in `took`.
    fn committed(&self, _took: Duration, _frames: usize, _bytes: usize) {}
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl JournalObserver for NoObserver {}

/// What the journal holds of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredShard {
    /// The latest hard state.
    pub hard_state: Option<Bytes>,
    /// The marker given with the latest purge.
    pub purge_marker: Option<Bytes>,
    /// The index of the first entry held; `None` when there are none.
    pub first_index: Option<u64>,
    /// Index and term of the last entry held; `None` when there are none.
    pub last: Option<(u64, u64)>,
}

/// How full a journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Bytes used in the files that cannot be recycled yet, the active one included.
    pub live_bytes: u64,
    /// Files that hold them.
    pub files: usize,
    /// Files that are ready for reuse.
    pub spare_files: usize,
    /// A shard whose unpurged entries keep the oldest file from being recycled; `None` when only the active file is in
    /// use.
    pub oldest_shard: Option<u32>,
}

/// A handle to the journal; clones share it. The journal is closed when the last one is dropped.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    spares: Arc<Spares>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in `dir` (created when missing; nothing else may be kept in it, and only one process may have
    /// it open, see [`crate::DataDir`]). Cuts a torn tail, and refuses damage.
    pub fn open(
        storage: Arc<dyn Storage>,
        dir: &Path,
        options: JournalOptions,
        observer: Arc<dyn JournalObserver>,
    ) -> Result<Journal, OpenError> {
        options.check()?;
        storage.create_dir_all(dir).map_err(file::failed("create", dir))?;
        // A rename that a killed process did not get to sync must not be undone any more by a later crash.
        storage.sync_dir(dir).map_err(file::failed("sync", dir))?;
        let names = storage.list(dir).map_err(file::failed("list", dir))?;
        let Recovered {
            mut files,
            states,
            shards,
        } = recovery::recover(&*storage, dir, &names)?;
        let sizes = (options.file_bytes, options.spare_files);
        let spares =
            Spares::open(Arc::clone(&storage), dir, &names, sizes).map_err(file::failed("prepare", dir))?;
        let spares = Arc::new(spares);
        if files.is_empty() {
            files.push(first_file(&*storage, dir, &spares, &states.encode())?);
        }
        let (file, offset) = files[files.len() - 1].clone();
        let shared = Arc::new(Shared::new(shards, files));
        let writer = Writer {
            storage,
            dir: dir.to_owned(),
            shared: Arc::clone(&shared),
            spares: Arc::clone(&spares),
            observer,
            states,
            file,
            offset,
            buffer: Vec::new(),
            group: Group::default(),
            unmarked: true,
        };
        let thread = std::thread::Builder::new().name("journal-writer".into());
        let writer = thread
            .spawn(move || writer.run())
            .map_err(file::failed("start the writer of", dir))?;
        Ok(Journal {
            inner: Arc::new(Inner {
                shared,
                spares,
                writer: Mutex::new(Some(writer)),
            }),
        })
    }

    /// What the journal holds of a shard: after `open`, what was recovered; later, what was submitted since as well.
    /// Nothing is known of a new shard.
    pub fn recovered(&self, shard: u32) -> RecoveredShard {
        self.inner.shared.view().recovered(shard)
    }

    /// The shards of which the journal knows anything, ascending.
    pub fn shards(&self) -> Vec<u32> {
        self.inner.shared.view().shards()
    }

    /// Appends entries, each of which must follow the one before ([`JournalError::Gap`] else, and none is taken). They
    /// can be read as soon as this returns; they are durable when `done` says so.
    ///
    /// Whatever waits is written together. There is no bound on what may wait: the caller bounds what it has in flight.
    pub fn append(&self, shard: u32, entries: Vec<EntryFrame>, done: Done) {
        self.inner
            .shared
            .submit(shard, entries.into_iter().map(Record::Entry).collect(), done);
    }

    /// Replaces the shard's hard state (its Raft vote, opaque here).
    pub fn set_hard_state(&self, shard: u32, state: Bytes, done: Done) {
        self.inner
            .shared
            .submit(shard, vec![Record::HardState(state)], done);
    }

    /// Removes the entries from `index` on: those that conflict with a new leader's. None there: nothing happens.
    pub fn truncate_from(&self, shard: u32, index: u64, done: Done) {
        self.inner
            .shared
            .submit(shard, vec![Record::Truncate(index)], done);
    }

    /// Forgets the entries up to and including `index`, which may lie beyond the last one (after a snapshot was
    /// installed): the next entry is then `index + 1`. `marker` is kept with it. A purge below an earlier one changes
    /// nothing. A file whose entries are all forgotten is recycled.
    pub fn purge_through(&self, shard: u32, index: u64, marker: Bytes, done: Done) {
        self.inner
            .shared
            .submit(shard, vec![Record::Purge { index, marker }], done);
    }

    /// Reads the entries of a range that are there, in order, without gaps, of about `max_bytes` together but at least
    /// one if there is any. Each is verified.
    pub fn read(
        &self,
        shard: u32,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<EntryFrame>, JournalError> {
        reader::read(&self.inner.shared, shard, range, max_bytes)
    }

    /// How full the journal is.
    pub fn stats(&self) -> JournalStats {
        let stats = self.inner.shared.view().stats();
        JournalStats {
            spare_files: self.inner.spares.ready(),
            ..stats
        }
    }

    /// The failure after which nothing is acknowledged any more, if there was one.
    pub fn failed(&self) -> Option<JournalError> {
        self.inner.shared.view().failed()
    }

    /// Finishes what waits and ends the threads. Idempotent; later submissions are refused.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.shared.close();
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        if writer.thread().id() == std::thread::current().id() {
            // A callback dropped the last handle: the threads end by themselves after it.
            return self.spares.end();
        }
        // A panic was reported when it happened, and made the journal fail.
        let _ = writer.join();
        self.spares.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl JournalOptions {
    fn check(&self) -> Result<(), OpenError> {
        let within = |option, value, least, most| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(OpenError::Options {
                option,
                value,
                least,
                most,
            }),
        };
        within("file_bytes", self.file_bytes, 64 << 10, 1 << 30)?;
        within("spare_files", self.spare_files as u64, 1, 64)?;
        within("file_bytes modulo 4096", self.file_bytes % FRAMES as u64, 0, 0)
    }
}

/// Begins a new journal.
fn first_file(
    storage: &dyn Storage,
    dir: &Path,
    spares: &Spares,
    states: &[u8],
) -> Result<(Arc<JournalFile>, u32), OpenError> {
    let spare = spares
        .take_first()
        .map_err(file::failed("prepare a file in", dir))?;
    let (file, offset) = JournalFile::begin(storage, dir, spare, (1, 0), states)
        .map_err(|(operation, error)| file::failed(operation, dir)(error))?;
    Ok((Arc::new(file), offset))
}
