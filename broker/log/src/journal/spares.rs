//! Files that are ready to be begun. A thread of its own prepares and recycles them, so that commits do not wait for
//! zeros to reach the disk; only when a file is needed and none is ready does the writer prepare one itself.

use super::file::SpareFile;
use crate::storage::{OpenMode, Storage, StorageFile, write_full};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

const TEMPORARY: &str = "new.tmp";
const CHUNK: usize = 1 << 20;
/// A new journal's first file is not longer than this: a broker's first start waits for its zeros.
const FIRST_FILE: u64 = 4 << 20;

/// The spare files of a journal.
pub(super) struct Spares {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    file_bytes: u64,
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<PathBuf>,
    retired: VecDeque<(PathBuf, u64)>,
    next_number: u64,
    wanted: bool,
    busy: bool,
    /// Set when a file could not be recycled. A later one must not be either: the files in use have no gaps.
    stuck: bool,
    closed: bool,
}

/// The name of a spare.
fn name_of(number: u64) -> String {
    format!("spare-{number:016x}.journal")
}

fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("spare-")?.strip_suffix(".journal")?, 16).ok()
}

/// Writes zeros over the whole length, durably, so that later writes change no metadata.
fn zero_fill(file: &dyn StorageFile, len: u64, go_on: impl Fn() -> bool) -> io::Result<()> {
    let zeros = vec![0; CHUNK.min(len as usize)];
    let mut at = 0;
    while at < len {
        if !go_on() {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the journal is being closed",
            ));
        }
        let chunk = zeros.len().min((len - at) as usize);
        write_full(file, &zeros[..chunk], at)?;
        at += chunk as u64;
    }
    file.sync_data()
}

impl Spares {
    /// Takes over the spares among `names`, the content of the folder; removes what is left of unfinished ones and
    /// those of another length than `file_bytes`. At most `most` are kept.
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        dir: &Path,
        names: &[String],
        (file_bytes, most): (u64, usize),
    ) -> io::Result<Spares> {
        let mut state = State::default();
        for name in names {
            let path = dir.join(name);
            let number = number_of(name);
            state.next_number = state
                .next_number
                .max(number.map_or(0, |number| number.saturating_add(1)));
            let usable = number.is_some()
                && state.ready.len() < most
                && storage.open(&path, OpenMode::Existing)?.len()? == file_bytes;
            if usable {
                state.ready.push(path);
            } else if number.is_some() || name == TEMPORARY {
                storage.remove(&path)?;
            }
        }
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let inner = Arc::new(Inner {
            storage,
            dir: dir.to_owned(),
            file_bytes,
            most,
            state,
            changed,
        });
        let worker = Arc::clone(&inner);
        let thread = std::thread::Builder::new()
            .name("journal-spares".into())
            .spawn(move || worker.work())?;
        Ok(Spares {
            inner,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Gives a file of at least `least` bytes.
    pub(super) fn take(&self, least: u64) -> io::Result<SpareFile> {
        let inner = &*self.inner;
        let mut state = inner.state.lock();
        // One that is being made ready right now is there sooner than one begun now.
        while state.busy
            || !state.retired.is_empty() && state.ready.is_empty() && !state.stuck && !state.closed
        {
            inner.changed.wait(&mut state);
        }
        if least <= inner.file_bytes
            && let Some(path) = state.ready.pop()
        {
            drop(state);
            let file = inner.storage.open(&path, OpenMode::Existing)?;
            return Ok(SpareFile {
                path,
                len: inner.file_bytes,
                file,
            });
        }
        state.busy = true;
        state.wanted = false;
        drop(state);
        let made = inner.prepare(
            inner
                .file_bytes
                .max(least.next_multiple_of(super::file::FRAMES as u64)),
            || true,
        );
        inner.state.lock().busy = false;
        inner.changed.notify_all();
        made
    }

    /// Makes the first file of a new journal, shorter than others, so that it is there soon.
    pub(super) fn take_first(&self) -> io::Result<SpareFile> {
        self.inner.prepare(self.inner.file_bytes.min(FIRST_FILE), || true)
    }

    /// Asks for a spare to be made ready if there is none.
    pub(super) fn want(&self) {
        let mut state = self.inner.state.lock();
        if state.ready.is_empty() && !state.wanted {
            state.wanted = true;
            self.inner.changed.notify_all();
        }
    }

    /// Takes over a file that is not used any more. Files must come in the order of their sequence.
    pub(super) fn retire(&self, path: PathBuf, len: u64) {
        let mut state = self.inner.state.lock();
        if !state.stuck {
            state.retired.push_back((path, len));
            self.inner.changed.notify_all();
        }
    }

    /// How many are ready.
    pub(super) fn ready(&self) -> usize {
        self.inner.state.lock().ready.len()
    }

    /// Lets the thread finish recycling and end, without waiting for it.
    pub(super) fn end(&self) {
        self.inner.state.lock().closed = true;
        self.inner.changed.notify_all();
    }

    /// Finishes recycling and ends the thread.
    pub(super) fn close(&self) {
        self.end();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that prepares journal files panicked");
        }
    }
}

enum Job {
    Recycle(PathBuf, u64),
    Prepare,
}

impl Inner {
    fn work(&self) {
        let mut state = self.state.lock();
        while let Some(job) = self.next_job(&mut state) {
            state.busy = true;
            drop(state);
            let made = match &job {
                Job::Recycle(path, len) => self.recycle(path, *len),
                Job::Prepare => self
                    .prepare(self.file_bytes, || !self.state.lock().closed)
                    .map(|file| Some(file.path)),
            };
            state = self.state.lock();
            state.busy = false;
            match made {
                Ok(path) => state.ready.extend(path),
                Err(error) => note_failure(&mut state, &job, &error),
            }
            self.changed.notify_all();
        }
    }

    fn next_job(&self, state: &mut MutexGuard<'_, State>) -> Option<Job> {
        loop {
            if state.busy {
                self.changed.wait(state);
                continue;
            }
            if let Some((path, len)) = state.retired.pop_front() {
                return Some(Job::Recycle(path, len));
            }
            if state.closed {
                return None;
            }
            if std::mem::take(&mut state.wanted) && state.ready.is_empty() {
                return Some(Job::Prepare);
            }
            self.changed.wait(state);
        }
    }

    /// Makes a retired file a spare, or removes it; durably, so that it may be overwritten. Returns the spare.
    fn recycle(&self, path: &Path, len: u64) -> io::Result<Option<PathBuf>> {
        let spare =
            (len == self.file_bytes && self.state.lock().ready.len() < self.most).then(|| self.new_path());
        match &spare {
            Some(spare) => self.storage.rename(path, spare)?,
            None => self.storage.remove(path)?,
        }
        self.storage.sync_dir(&self.dir)?;
        Ok(spare)
    }

    fn prepare(&self, len: u64, go_on: impl Fn() -> bool) -> io::Result<SpareFile> {
        let temporary = self.dir.join(TEMPORARY);
        let file = self.storage.open(&temporary, OpenMode::Create)?;
        zero_fill(&*file, len, go_on)?;
        let path = self.new_path();
        self.storage.rename(&temporary, &path)?;
        Ok(SpareFile { path, len, file })
    }

    fn new_path(&self) -> PathBuf {
        let mut state = self.state.lock();
        state.next_number += 1;
        self.dir.join(name_of(state.next_number))
    }
}

fn note_failure(state: &mut State, job: &Job, error: &io::Error) {
    match job {
        Job::Recycle(path, _) => {
            tracing::warn!(file = %path.display(), %error, "cannot recycle journal files; they stay until a restart");
            state.stuck = true;
            state.retired.clear();
        }
        // Tried again, and reported, when a file is really needed.
        Job::Prepare if state.closed => {}
        Job::Prepare => tracing::warn!(%error, "cannot prepare a journal file ahead of need"),
    }
}
