//! What of a partition's folder is kept when it is opened, and what a trim has said before.

use super::error::SegmentError;
use super::manifest::SegmentInfo;
use super::opening;
use crate::checkpoint::{read_checkpoint, write_checkpoint};
use crate::storage::{OpenMode, Storage};
use std::io;
use std::path::Path;

const TRIM: &str = "trim";

/// The names in a folder, none if there is no folder.
pub(super) fn list(storage: &dyn Storage, dir: &Path) -> Result<Vec<String>, SegmentError> {
    match storage.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(SegmentError::io("list", dir)),
    }
}

/// Whether a file belongs to what is kept. The trim's offset stays as long as the manifest names anything, be it only
/// segments that are gone: the next opening may come with the same manifest, and must not miss them.
pub(super) fn needed(name: &str, kept: &[&SegmentInfo], manifest: &[SegmentInfo]) -> bool {
    let base_offset = opening::base_offset_of(name);
    name == TRIM && !manifest.is_empty() || kept.iter().any(|info| Some(info.base_offset) == base_offset)
}

/// The offset below which segments may be missing.
pub(super) fn read_trim(storage: &dyn Storage, dir: &Path, names: &[String]) -> Result<u64, SegmentError> {
    if !names.iter().any(|name| name == TRIM) {
        return Ok(0);
    }
    let path = dir.join(TRIM);
    let Some(bytes) = read_checkpoint(storage, &path)? else {
        return Ok(0);
    };
    match bytes[..].try_into() {
        Ok(offset) => Ok(u64::from_le_bytes(offset)),
        Err(_) => Err(SegmentError::damaged(&path, 24, "it does not hold an offset")),
    }
}

/// Cuts a segment to what the manifest vouches for.
pub(super) fn cut(storage: &dyn Storage, dir: &Path, info: &SegmentInfo) -> Result<(), SegmentError> {
    let path = dir.join(opening::name_of(info.base_offset));
    let file = match storage.open(&path, OpenMode::Existing) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SegmentError::Missing { file: path });
        }
        Err(error) => return Err(SegmentError::io("open", &path)(error)),
    };
    let len = file
        .len()
        .map_err(SegmentError::io("read the length of", &path))?;
    if len < info.len {
        let reason = format!("the file ends here, but {} bytes had been made durable", info.len);
        return Err(SegmentError::damaged(&path, len, reason));
    }
    if len > info.len {
        file.set_len(info.len).map_err(SegmentError::io("cut", &path))?;
    }
    Ok(())
}

/// Removes a file that may be missing already.
pub(super) fn remove(storage: &dyn Storage, path: &Path) -> Result<(), SegmentError> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SegmentError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes it known, durably, that segments below an offset may be missing.
pub(super) fn write_trim(storage: &dyn Storage, dir: &Path, offset: u64) -> Result<(), SegmentError> {
    Ok(write_checkpoint(storage, &dir.join(TRIM), &offset.to_le_bytes())?)
}
