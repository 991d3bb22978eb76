//! What the tests of the journal share.
#![allow(dead_code)] // each test binary uses another part

pub mod model;
pub mod session;

use bytes::Bytes;
use postroad_log::{
    Done, EntryFrame, FaultyDisk, Journal, JournalError, JournalOptions, NoObserver, OpenError, Storage,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// Small files, so that they are rolled and recycled often.
pub const OPTIONS: JournalOptions = JournalOptions {
    file_bytes: 64 << 10,
    spare_files: 2,
};

/// Where the journal is on a faulty disk.
pub fn dir() -> &'static Path {
    Path::new("/data/journal")
}

pub fn open_on(storage: Arc<dyn Storage>) -> Result<Journal, OpenError> {
    Journal::open(storage, dir(), OPTIONS, Arc::new(NoObserver))
}

pub fn open(disk: &FaultyDisk) -> Journal {
    open_on(disk.mount()).expect("the journal opens")
}

pub fn entry(index: u64, term: u64, payload: impl Into<Bytes>) -> EntryFrame {
    EntryFrame {
        index,
        term,
        payload: payload.into(),
    }
}

/// A callback and where its result arrives.
pub fn done() -> (Done, mpsc::Receiver<Result<(), JournalError>>) {
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| {
        let _ = sender.send(result);
    });
    (done, receiver)
}

pub fn append(journal: &Journal, shard: u32, entries: Vec<EntryFrame>) -> Result<(), JournalError> {
    let (done, result) = done();
    journal.append(shard, entries, done);
    result.recv().expect("done is called")
}

pub fn purge(journal: &Journal, shard: u32, index: u64, marker: &'static str) -> Result<(), JournalError> {
    let (done, result) = done();
    journal.purge_through(shard, index, Bytes::from_static(marker.as_bytes()), done);
    result.recv().expect("done is called")
}

pub fn truncate(journal: &Journal, shard: u32, index: u64) -> Result<(), JournalError> {
    let (done, result) = done();
    journal.truncate_from(shard, index, done);
    result.recv().expect("done is called")
}

pub fn set_hard_state(journal: &Journal, shard: u32, state: &'static str) -> Result<(), JournalError> {
    let (done, result) = done();
    journal.set_hard_state(shard, Bytes::from_static(state.as_bytes()), done);
    result.recv().expect("done is called")
}

/// All entries of a shard.
pub fn entries(journal: &Journal, shard: u32) -> Vec<EntryFrame> {
    journal
        .read(shard, 0..u64::MAX, usize::MAX)
        .expect("the entries can be read")
}

pub fn indexes(journal: &Journal, shard: u32) -> Vec<u64> {
    entries(journal, shard)
        .into_iter()
        .map(|entry| entry.index)
        .collect()
}

/// The journal files in use, oldest first.
pub fn files_in_use(disk: &FaultyDisk) -> Vec<PathBuf> {
    let files = disk
        .files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with(dir()));
    files
        .filter(|path| !path.to_string_lossy().contains("spare") && path.extension().unwrap() == "journal")
        .collect()
}

/// Where in a file some bytes are.
pub fn find(disk: &FaultyDisk, path: &Path, bytes: &[u8]) -> u64 {
    let content = disk.content(path).expect("the file is there");
    content
        .windows(bytes.len())
        .position(|window| window == bytes)
        .expect("the bytes are there") as u64
}
