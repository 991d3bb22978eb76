//! How the journal can fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a journal could not be opened. Nothing is guessed: what cannot be read as it was written is left as it is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The storage failed.
    #[error("could not {operation} {}: {source}", file.display())]
    Io {
        /// What was tried: "open", "read", "write", "sync", "list" and the like.
        operation: &'static str,
        /// The file or folder it was tried on.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A part that had been synced is not what was written.
    #[error("journal file {} is damaged at byte {offset}: {reason}; this broker's data must be restored from its peers or a backup", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes from its beginning.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A newer Postroad wrote the file.
    #[error("journal file {} has format version {found}; this version of Postroad reads up to {supported}: start the newer one", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// The options are out of range.
    #[error("journal option {option} is {value}, but must be between {least} and {most}")]
    Options {
        /// The field of `JournalOptions`.
        option: &'static str,
        /// What it was.
        value: u64,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
}

/// Why the journal did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// A write or sync failed. The journal acknowledges nothing any more: what a failed fsync left on the disk is
    /// unknown. Restarting the broker recovers what is there.
    #[error("journal: could not {operation} {}: {source}; nothing is accepted any more until the broker restarts", file.display())]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// The file it was tried on.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The disk is full. Sticky as `Failed` is.
    #[error("journal: no space left for {}: {source}; free or add disk space, then restart the broker", file.display())]
    Full {
        /// The file that was to be written or prepared.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// An entry does not follow the last one of its shard. A defect of the caller; nothing was written.
    #[error("journal: shard {shard} appends entry {got}, but the next is {expected}")]
    Gap {
        /// The shard.
        shard: u32,
        /// The index that was expected.
        expected: u64,
        /// The index that came.
        got: u64,
    },
    /// A payload, hard state or marker is larger than the format allows. Nothing was written.
    #[error("journal: {what} of shard {shard} has {bytes} bytes; at most {most} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The shard.
        shard: u32,
        /// Its size.
        bytes: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// What was read is not what was written.
    #[error("journal file {} is damaged at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes from its beginning.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A read failed.
    #[error("journal: could not read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The journal was closed before.
    #[error("journal: closed")]
    Closed,
}
