//! A segment's names and header, and what makes a segment ready that was written before: its header is checked, its
//! index completed, and its end must be where the manifest says.

use super::error::SegmentError;
use super::frame::{self, FrameHeader, Walk};
use super::index::{Index, IndexEntry};
use super::manifest::SegmentInfo;
use crate::storage::{StorageFile, read_full};
use std::path::Path;

const MAGIC: &[u8; 8] = b"PRSEGMNT";
const VERSION: u32 = 1;
/// Where the frames begin.
pub(super) const HEADER: usize = 64;
/// A walk over headers reads this much at once.
pub(super) const WALK_CHUNK: usize = 64 << 10;

/// The name of a segment.
pub(super) fn name_of(base_offset: u64) -> String {
    format!("{base_offset:020}.segment")
}

/// The name of a segment's index.
pub(super) fn index_name_of(base_offset: u64) -> String {
    format!("{base_offset:020}.index")
}

/// The base offset that the name of a segment or index stands for.
pub(super) fn base_offset_of(name: &str) -> Option<u64> {
    name.strip_suffix(".segment")
        .or_else(|| name.strip_suffix(".index"))?
        .parse()
        .ok()
}

/// The header of a segment.
pub(super) fn header(base_offset: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&base_offset.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Checks the header of a segment.
pub(super) fn check_header(
    path: &Path,
    base_offset: u64,
    file: &dyn StorageFile,
) -> Result<(), SegmentError> {
    let mut bytes = [0; HEADER];
    let read = read_full(file, &mut bytes, 0).map_err(SegmentError::io("read", path))?;
    if read == HEADER && bytes == header(base_offset) {
        return Ok(());
    }
    let version = u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + i]));
    let intact = crc32c::crc32c(&bytes[..60]).to_le_bytes() == bytes[60..];
    if intact && bytes[..8] == MAGIC[..] && version > VERSION {
        return Err(SegmentError::Version {
            file: path.to_owned(),
            found: version,
            supported: VERSION,
        });
    }
    Err(SegmentError::damaged(
        path,
        0,
        "the segment's header is not what was written",
    ))
}

/// Completes an index by a walk from its last entry to the end, which must be where `info` says.
pub(super) fn complete(
    path: &Path,
    file: &dyn StorageFile,
    info: &SegmentInfo,
    mut index: Index,
) -> Result<Index, SegmentError> {
    let from = index.last();
    if let Some(last) = &from
        && !points_at_frame(file, last)
    {
        return Err(SegmentError::damaged(
            path,
            last.position,
            "the index says that a batch begins here",
        ));
    }
    let start = from.map_or(HEADER as u64, |entry| entry.position);
    let mut latest = from.map_or(i64::MIN, |entry| entry.max_before);
    let mut end_offset = info.base_offset;
    let mut walk = Walk::new(path, file, (start, info.len), WALK_CHUNK);
    while let Some(header) = walk.peek()? {
        index.note(&header, walk.position(), latest);
        latest = latest.max(header.max_timestamp);
        end_offset = header.end_offset();
        walk.skip(&header);
    }
    if (end_offset, latest) != (info.end_offset, info.max_timestamp) {
        let (right_end, right_latest) = (info.end_offset, info.max_timestamp);
        let reason = format!(
            "its batches end at offset {end_offset} and time {latest}, but should at {right_end} and {right_latest}"
        );
        return Err(SegmentError::damaged(path, info.len, reason));
    }
    Ok(index)
}

/// Whether the frame that an entry names is where it says.
pub(super) fn points_at_frame(file: &dyn StorageFile, entry: &IndexEntry) -> bool {
    let mut bytes = [0; frame::HEADER];
    let read = read_full(file, &mut bytes, entry.position);
    let header = FrameHeader::decode(&bytes);
    read.is_ok_and(|read| read == bytes.len())
        && header
            .is_ok_and(|header| (header.crc, header.base_offset) == (entry.header_crc, entry.base_offset))
}
