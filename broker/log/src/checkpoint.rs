//! A shard's checkpoint: one file, replaced atomically. Format: `docs/formats/checkpoint.md`.

use crate::storage::{OpenMode, Storage, read_full, write_full};
use bytes::{Bytes, BytesMut};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"PRCHKPNT";
const VERSION: u32 = 1;
const HEADER: usize = 24;

/// Why a checkpoint could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The storage failed.
    #[error("could not {operation} {}: {source}", file.display())]
    Io {
        /// What was tried: "write", "sync", "read" and the like.
        operation: &'static str,
        /// The file it was tried on.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The file is not what was written.
    #[error("{} is damaged at byte {offset}: {reason}; restore this broker's data from its peers or a backup", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes from its beginning.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A newer Postroad wrote it.
    #[error("{} has format version {found}; this version of Postroad reads up to {supported}: start the newer one", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
}

/// Replaces the checkpoint at `path`, atomically and durably: whatever happens, the old or the new one is there.
/// The folder must exist. Two writers of the same path must not run at once.
pub fn write_checkpoint(storage: &dyn Storage, path: &Path, payload: &[u8]) -> Result<(), CheckpointError> {
    let temporary = temporary_of(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = storage
        .open(&temporary, OpenMode::Create)
        .map_err(failed("create", &temporary))?;
    write_full(&*file, &header(payload), 0).map_err(failed("write", &temporary))?;
    write_full(&*file, payload, HEADER as u64).map_err(failed("write", &temporary))?;
    file.sync_data().map_err(failed("sync", &temporary))?;
    storage
        .rename(&temporary, path)
        .map_err(failed("put in place", path))?;
    storage
        .sync_dir(folder)
        .map_err(failed("sync the folder of", path))
}

/// Reads the checkpoint at `path`; `None` when there is none. Anything but the whole file as it was written is an
/// error.
pub fn read_checkpoint(storage: &dyn Storage, path: &Path) -> Result<Option<Bytes>, CheckpointError> {
    let file = match storage.open(path, OpenMode::Existing) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let len = file.len().map_err(failed("read", path))?;
    let mut content = BytesMut::zeroed(len as usize);
    let read = read_full(&*file, &mut content, 0).map_err(failed("read", path))?;
    content.truncate(read);
    check(path, content.freeze()).map(Some)
}

fn header(payload: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let crc = checksum(&header, payload);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    header
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&header[..12]);
    let crc = crc32c::crc32c_append(crc, &header[16..HEADER]);
    crc32c::crc32c_append(crc, payload)
}

fn check(path: &Path, mut content: Bytes) -> Result<Bytes, CheckpointError> {
    let damaged = |offset: u64, reason: String| CheckpointError::Damaged {
        file: path.to_owned(),
        offset,
        reason,
    };
    if content.len() < HEADER {
        return Err(damaged(
            content.len() as u64,
            format!("it ends here, within the {HEADER} bytes of its header"),
        ));
    }
    let header = content.split_to(HEADER);
    if header[..8] != MAGIC[..] {
        return Err(damaged(0, "it does not begin as a checkpoint does".into()));
    }
    let stored = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if checksum(&header, &content) != stored {
        return Err(damaged(12, "its checksum does not match its content".into()));
    }
    if version > VERSION {
        return Err(CheckpointError::Version {
            file: path.to_owned(),
            found: version,
            supported: VERSION,
        });
    }
    let len = u64::from_le_bytes(std::array::from_fn(|at| header[16 + at]));
    if len != content.len() as u64 {
        return Err(damaged(
            16,
            format!("it says {len} bytes of payload and has {}", content.len()),
        ));
    }
    Ok(content)
}

fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

fn failed(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    move |source| CheckpointError::Io {
        operation,
        file: file.to_owned(),
        source: Arc::new(source),
    }
}
