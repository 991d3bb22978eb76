//! The seam between this crate and a file system: a few plain operations, so that a faulty twin is easily written
//! (see [`crate::faulty`]).

use std::io;
use std::path::Path;
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading and writing; fails with `NotFound` when there is no such file.
    Existing,
    /// For reading and writing; created when missing, emptied when there.
    Create,
}

/// What came of an attempt to lock a file.
pub enum Lock {
    /// The lock is held until the guard is dropped or the process ends.
    Taken(Box<dyn Send + Sync>),
    /// Another process holds it; the text is what that process wrote about itself.
    Held(String),
}

/// A file system. Nothing is durable before `sync_data` of the file, and of a new, renamed or removed name before
/// `sync_dir` of its folder.
pub trait Storage: Send + Sync + 'static {
    /// Creates a folder and its parents, durably: the names of those that were missing are synced.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names (not paths) of what is in a folder, in no particular order. `NotFound` when there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>>;
    /// Renames a file, replacing what has the new name, atomically. Durable after `sync_dir` of the folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Tries to lock a file, exclusively against other processes, and writes `owner` into it for whoever fails to.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<Lock>;
}

/// An open file. All methods may be called from several threads.
pub trait StorageFile: Send + Sync {
    /// Reads at an offset; may read less than asked for, and reads nothing at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at an offset; may write less than asked for.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes content and length durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// Reads until the buffer is full or the file ends; returns how much was read.
pub fn read_full(file: &dyn StorageFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes everything, however many writes that takes.
pub fn write_full(file: &dyn StorageFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::WriteZero,
                    "the file takes no more bytes",
                ));
            }
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
