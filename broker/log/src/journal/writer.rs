//! The one thread that writes: it takes everything that waits, writes it as groups, one write and one sync each, and
//! only then tells the callers.

use super::error::JournalError;
use super::file::{FRAMES, JournalFile, Location};
use super::frame::{self, HEADER, Kind, Record};
use super::shared::{Operation, Shared, Written};
use super::spares::Spares;
use super::state::States;
use super::{Done, JournalObserver};
use crate::storage::{Storage, write_full};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A group is not made longer than this, but for a single frame.
const MAX_GROUP: usize = 4 << 20;
/// The buffer is given back when a frame has made it larger than this.
const KEEP_BUFFER: usize = 2 * MAX_GROUP;

/// The writer's own state. Invariant: `buffer` and `group` hold what was encoded for `file` at `offset` but not
/// written; everything before `offset` is durable.
pub(super) struct Writer {
    pub storage: Arc<dyn Storage>,
    pub dir: PathBuf,
    pub shared: Arc<Shared>,
    pub spares: Arc<Spares>,
    pub observer: Arc<dyn JournalObserver>,
    /// What all frames up to the end of the buffer amount to.
    pub states: States,
    pub file: Arc<JournalFile>,
    pub offset: u32,
    pub buffer: Vec<u8>,
    pub group: Group,
    /// Whether frames follow the last Mark.
    pub unmarked: bool,
}

/// What is in the buffer.
#[derive(Default)]
pub(super) struct Group {
    frames: usize,
    written: Vec<Written>,
    dones: Vec<Done>,
    last_operation: u64,
}

impl Writer {
    /// Works until the journal is closed or has failed.
    pub(super) fn run(mut self) {
        let guard = PanicGuard(Arc::clone(&self.shared), self.file.path.clone());
        self.recycle();
        while let Some(operations) = self.shared.take_all() {
            if let Err(error) = self.write(operations) {
                tracing::error!(%error, "the journal has failed; nothing is acknowledged any more");
                return refuse(self.shared.fail(&error), &error);
            }
        }
        self.mark();
        drop(guard);
    }

    /// Writes all operations. After an error every one that was not told of success has been told of the error.
    fn write(&mut self, operations: Vec<Operation>) -> Result<(), JournalError> {
        let mut operations = operations.into_iter();
        while let Some(operation) = operations.next() {
            if let Err(error) = self.add(&operation) {
                self.abandon(&error);
                refuse(std::iter::once(operation).chain(operations), &error);
                return Err(error);
            }
            self.group.dones.push(operation.done);
            self.group.last_operation = operation.id;
        }
        self.flush().inspect_err(|error| self.abandon(error))
    }

    fn abandon(&mut self, error: &JournalError) {
        // Sticky before anyone is told, so that nobody who was told can still submit.
        let waiting = self.shared.fail(error);
        for done in std::mem::take(&mut self.group.dones) {
            done(Err(error.clone()));
        }
        refuse(waiting, error);
    }

    fn add(&mut self, operation: &Operation) -> Result<(), JournalError> {
        for record in &operation.records {
            let len = record.frame_len();
            if self.end() + len > self.room() {
                self.flush()?;
                self.roll(len)?;
            } else if self.buffer.len() + len > MAX_GROUP {
                self.flush()?;
            }
            self.encode(operation, record, len);
        }
        Ok(())
    }

    /// Where the buffer will end in the file.
    fn end(&self) -> usize {
        self.offset as usize + self.buffer.len()
    }

    /// How far the frames of shards may go: behind them is room for a Next frame.
    fn room(&self) -> usize {
        self.file.len as usize - HEADER
    }

    fn encode(&mut self, operation: &Operation, record: &Record, len: usize) {
        if let Record::Entry(entry) = record {
            let offset = self.end() as u32;
            let location = Location {
                sequence: self.file.sequence,
                offset,
                len: len as u32,
            };
            let (operation, shard) = (operation.id, operation.shard);
            self.group.written.push(Written {
                operation,
                shard,
                index: entry.index,
                location,
            });
        }
        frame::encode(
            &mut self.buffer,
            self.file.binding,
            self.offset,
            operation.shard,
            record,
        );
        self.group.frames += 1;
        // Entries were checked to follow when they were submitted.
        let _ = self.states.apply(operation.shard, record);
    }

    /// Makes the buffer durable and tells whom it concerns.
    fn flush(&mut self) -> Result<(), JournalError> {
        if !self.buffer.is_empty() {
            let begun = Instant::now();
            self.write_buffer()?;
            self.observer
                .committed(begun.elapsed(), self.group.frames, self.buffer.len());
            self.offset += self.buffer.len() as u32;
            self.buffer.clear();
            self.buffer.shrink_to(KEEP_BUFFER);
            self.unmarked = true;
        }
        let group = std::mem::take(&mut self.group);
        self.shared
            .view()
            .committed(group.written, self.offset.into(), group.last_operation);
        self.recycle();
        for done in group.dones {
            done(Ok(()));
        }
        if u64::from(self.offset) > self.file.len / 2 {
            self.spares.want();
        }
        Ok(())
    }

    fn write_buffer(&self) -> Result<(), JournalError> {
        let file = &self.file;
        write_full(&*file.file, &self.buffer, self.offset.into()).map_err(failed("write", &file.path))?;
        file.file.sync_data().map_err(failed("sync", &file.path))
    }

    /// Begins the next file, with room for a frame of `len` bytes. The buffer must be empty.
    fn roll(&mut self, len: usize) -> Result<(), JournalError> {
        let states = self.states.encode();
        let least = FRAMES + frame::padded(HEADER + states.len()) + len + HEADER;
        let spare = self
            .spares
            .take(least as u64)
            .map_err(failed("prepare a file in", &self.dir))?;
        let place = (self.file.sequence + 1, self.offset.into());
        let path = spare.path.clone();
        let (file, offset) = JournalFile::begin(&*self.storage, &self.dir, spare, place, &states)
            .map_err(|(operation, error)| failed(operation, &path)(error))?;
        self.point_to_next();
        self.file = Arc::new(file);
        self.offset = offset;
        self.shared.view().add_file(Arc::clone(&self.file), offset);
        Ok(())
    }

    /// Notes at the end of the file that the next one was begun, so that its loss would be noticed. Not synced: the
    /// kernel writes it in its own time, and nothing waits for it.
    fn point_to_next(&mut self) {
        frame::encode_plain(&mut self.buffer, self.file.binding, self.offset, Kind::Next, &[]);
        if let Err(error) = write_full(&*self.file.file, &self.buffer, self.offset.into()) {
            tracing::warn!(file = %self.file.path.display(), %error, "could not note the beginning of the next file");
        }
        self.buffer.clear();
    }

    fn recycle(&self) {
        let unused = self.shared.view().take_unused();
        for file in unused {
            self.spares.retire(file.path.clone(), file.len);
        }
    }

    /// At an orderly end: a frame that vouches for everything before it. Its loss costs nothing but that.
    fn mark(&mut self) {
        if !self.unmarked || self.end() + HEADER > self.room() {
            return;
        }
        frame::encode_plain(&mut self.buffer, self.file.binding, self.offset, Kind::Mark, &[]);
        if let Err(error) = self.write_buffer() {
            tracing::warn!(%error, "could not mark the journal's end; everything in it is durable");
        }
    }
}

fn refuse(operations: impl IntoIterator<Item = Operation>, error: &JournalError) {
    for operation in operations {
        (operation.done)(Err(error.clone()));
    }
}

/// The error of a failed operation on a file.
fn failed(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| {
        let (file, source) = (file.to_owned(), Arc::new(source));
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            JournalError::Full { file, source }
        } else {
            JournalError::Failed {
                operation,
                file,
                source,
            }
        }
    }
}

/// Makes a panic on the writer thread (of a callback, say) a failure of the journal instead of a silence.
struct PanicGuard(Arc<Shared>, PathBuf);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = failed("go on writing", &self.1)(io::Error::other("the writer thread panicked"));
            refuse(self.0.fail(&error), &error);
        }
    }
}
