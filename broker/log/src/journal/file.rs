//! One file of the journal: its name, its header, and how it is begun. Layout: `docs/formats/journal.md`.

use super::error::OpenError;
use super::frame::{self, Binding, Kind};
use crate::storage::{Storage, StorageFile, read_full, write_full};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"PRJOURNL";
const VERSION: u32 = 1;
const HEADER: usize = 64;
/// Where the frames begin; file lengths are multiples of it.
pub(super) const FRAMES: usize = 4096;
/// Offsets in a file are kept in 32 bits.
pub(super) const MAX_FILE: u64 = u32::MAX as u64;

/// A file in use, open.
pub(super) struct JournalFile {
    pub sequence: u64,
    pub path: PathBuf,
    pub len: u64,
    pub binding: Binding,
    pub file: Arc<dyn StorageFile>,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub sequence: u64,
    pub offset: u32,
    /// Length of the frame with header and padding.
    pub len: u32,
}

/// The header of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub sequence: u64,
    pub len: u64,
    /// Where the frames of the file before end.
    pub previous_end: u64,
    pub salt: u64,
}

impl FileHeader {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        for (at, value) in [
            (16, self.sequence),
            (24, self.len),
            (32, self.previous_end),
            (40, self.salt),
        ] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the header of an existing file, `sequence` being what its name says.
    fn read(path: &Path, sequence: u64, file: &dyn StorageFile) -> Result<FileHeader, OpenError> {
        let damaged = |offset, reason: &str| OpenError::Damaged {
            file: path.into(),
            offset,
            reason: reason.into(),
        };
        let mut bytes = [0; HEADER];
        let read = read_full(file, &mut bytes, 0).map_err(failed("read", path))?;
        if read < HEADER {
            return Err(damaged(read as u64, "the file ends within its header"));
        }
        if bytes[..8] != MAGIC[..] {
            return Err(damaged(0, "the file does not begin as a journal file does"));
        }
        if crc32c::crc32c(&bytes[..60]).to_le_bytes() != bytes[60..] {
            return Err(damaged(60, "the checksum of the file's header does not match"));
        }
        let version = u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + i]));
        if version > VERSION {
            return Err(OpenError::Version {
                file: path.into(),
                found: version,
                supported: VERSION,
            });
        }
        let field = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let header = FileHeader {
            sequence: field(16),
            len: field(24),
            previous_end: field(32),
            salt: field(40),
        };
        if header.sequence != sequence {
            return Err(damaged(
                16,
                "the header has another sequence than the file's name",
            ));
        }
        if file.len().map_err(failed("read the length of", path))? < header.len || header.len > MAX_FILE {
            return Err(damaged(
                24,
                "the file does not have the length that its header says",
            ));
        }
        Ok(header)
    }
}

impl JournalFile {
    /// Opens an existing file and reads its header.
    pub(super) fn open(
        storage: &dyn Storage,
        dir: &Path,
        sequence: u64,
    ) -> Result<(JournalFile, FileHeader), OpenError> {
        let path = dir.join(name_of(sequence));
        let file = storage
            .open(&path, crate::storage::OpenMode::Existing)
            .map_err(failed("open", &path))?;
        let header = FileHeader::read(&path, sequence, &*file)?;
        let binding = Binding::new(header.salt, sequence);
        Ok((
            JournalFile {
                sequence,
                path,
                len: header.len,
                binding,
                file,
            },
            header,
        ))
    }

    /// Begins a file: header and State frame are made durable in the spare, then it gets its name, durably. Returns
    /// the file and the offset at which its frames go on. The error names the step that failed.
    pub(super) fn begin(
        storage: &dyn Storage,
        dir: &Path,
        spare: SpareFile,
        place: (u64, u64),
        states: &[u8],
    ) -> Result<(JournalFile, u32), (&'static str, io::Error)> {
        let (sequence, previous_end) = place;
        let salt = fresh_salt(sequence);
        let header = FileHeader {
            sequence,
            len: spare.len,
            previous_end,
            salt,
        };
        let binding = Binding::new(salt, sequence);
        let mut start = vec![0; FRAMES];
        start[..HEADER].copy_from_slice(&header.encode());
        frame::encode_plain(&mut start, binding, 0, Kind::State, states);
        write_full(&*spare.file, &start, 0).map_err(|error| ("begin", error))?;
        spare.file.sync_data().map_err(|error| ("sync", error))?;
        let path = dir.join(name_of(sequence));
        storage
            .rename(&spare.path, &path)
            .map_err(|error| ("rename a spare to", error))?;
        storage
            .sync_dir(dir)
            .map_err(|error| ("sync the folder of", error))?;
        Ok((
            JournalFile {
                sequence,
                path,
                len: spare.len,
                binding,
                file: spare.file,
            },
            start.len() as u32,
        ))
    }
}

/// A file that is ready to be begun, open.
pub(super) struct SpareFile {
    pub path: PathBuf,
    pub len: u64,
    pub file: Arc<dyn StorageFile>,
}

/// The name of the file of a sequence.
pub(super) fn name_of(sequence: u64) -> String {
    format!("{sequence:016x}.journal")
}

/// The sequence that a name stands for, if it is the name of a file in use.
pub(super) fn sequence_of(name: &str) -> Option<u64> {
    let sequence = u64::from_str_radix(name.strip_suffix(".journal")?, 16).ok()?;
    (name_of(sequence) == name).then_some(sequence)
}

/// The error of a failed operation during opening.
pub(super) fn failed(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io {
        operation,
        file: file.to_owned(),
        source: Arc::new(source),
    }
}

/// A number that neither repeats nor can be guessed from outside: the standard library's hash keys are drawn from
/// the operating system's randomness.
fn fresh_salt(sequence: u64) -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(sequence);
    // Odd, so that zeros never look like the beginning of a frame.
    hasher.finish() | 1
}
