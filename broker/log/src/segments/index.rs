//! The sparse index of one segment, by offset and by time, and the hint of it that is kept beside the segment.
//! Layout: `docs/formats/segments.md`.

use super::frame::FrameHeader;
use crate::storage::{OpenMode, Storage, read_full, write_full};
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"PRSEGIDX";
const VERSION: u32 = 1;
const HEADER: usize = 32;
const ENTRY: usize = 40;

/// A frame that can be found without a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub base_offset: u64,
    pub position: u64,
    /// The latest timestamp of all frames before it; `i64::MIN` when there are none.
    pub max_before: i64,
    pub header_crc: u32,
}

/// The index of a segment. Invariant: entries ascend in offset and position.
#[derive(Clone, Debug)]
pub(super) struct Index {
    entries: Vec<IndexEntry>,
    interval: u64,
    /// How many entries the file beside the segment has.
    stored: usize,
}

impl Index {
    /// An empty index with an entry about every `interval` bytes.
    pub(super) fn new(interval: u64) -> Index {
        Index {
            entries: Vec::new(),
            interval,
            stored: 0,
        }
    }

    /// Notes a frame that was appended, or walked over; `max_before` is the latest timestamp before it.
    pub(super) fn note(&mut self, header: &FrameHeader, position: u64, max_before: i64) {
        let due = self
            .entries
            .last()
            .is_none_or(|last| position >= last.position + self.interval);
        if due {
            let FrameHeader { base_offset, crc, .. } = *header;
            self.entries.push(IndexEntry {
                base_offset,
                position,
                max_before,
                header_crc: crc,
            });
        }
    }

    /// The last entry.
    pub(super) fn last(&self) -> Option<IndexEntry> {
        self.entries.last().copied()
    }

    /// The last entry at or below an offset.
    pub(super) fn find(&self, offset: u64) -> Option<IndexEntry> {
        let after = self.entries.partition_point(|entry| entry.base_offset <= offset);
        self.entries[..after].last().copied()
    }

    /// The last entry before which everything is earlier than a time.
    pub(super) fn find_time(&self, timestamp: i64) -> Option<IndexEntry> {
        let after = self.entries.partition_point(|entry| entry.max_before < timestamp);
        self.entries[..after].last().copied()
    }

    /// Reads what the file at `path` has for the first `len` bytes of the segment: nothing if it is missing or
    /// not an index of this segment, and up to the first entry that is not valid.
    pub(super) fn load(
        storage: &dyn Storage,
        path: &Path,
        base_offset: u64,
        len: u64,
        interval: u64,
    ) -> Index {
        let mut index = Index::new(interval);
        match read_all(storage, path) {
            Ok(bytes) if bytes.get(..HEADER) == Some(&header(base_offset)[..]) => {
                let (chunks, _) = bytes[HEADER..].as_chunks::<ENTRY>();
                index.entries = valid(chunks, len);
            }
            Ok(_) => tracing::warn!(file = %path.display(), "not the index of its segment; it is built anew"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot read an index; it is built anew")
            }
        }
        index.stored = index.entries.len();
        index
    }

    /// Adds to the file at `path` what it does not have yet. The file is a hint: a failure is logged, not reported.
    pub(super) fn store(&mut self, storage: &dyn Storage, path: &Path, base_offset: u64) {
        if self.stored == self.entries.len() {
            return;
        }
        match self.write(storage, path, base_offset) {
            Ok(()) => self.stored = self.entries.len(),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot write an index; it will be built anew when needed");
            }
        }
    }

    fn write(&self, storage: &dyn Storage, path: &Path, base_offset: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        let (mode, at) = match self.stored {
            0 => {
                bytes.extend_from_slice(&header(base_offset));
                (OpenMode::Create, 0)
            }
            stored => (OpenMode::Existing, HEADER + ENTRY * stored),
        };
        for entry in &self.entries[self.stored..] {
            bytes.extend_from_slice(&encode(entry));
        }
        write_full(&*storage.open(path, mode)?, &bytes, at as u64)
    }
}

fn read_all(storage: &dyn Storage, path: &Path) -> io::Result<Vec<u8>> {
    let file = storage.open(path, OpenMode::Existing)?;
    let mut bytes = vec![0; file.len()? as usize];
    let read = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn header(base_offset: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&base_offset.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn encode(entry: &IndexEntry) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..8].copy_from_slice(&entry.base_offset.to_le_bytes());
    bytes[8..16].copy_from_slice(&entry.position.to_le_bytes());
    bytes[16..24].copy_from_slice(&entry.max_before.to_le_bytes());
    bytes[24..28].copy_from_slice(&entry.header_crc.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..36]);
    bytes[36..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The entries up to the first that is not valid, not ascending, or beyond the segment's `len`.
fn valid(chunks: &[[u8; ENTRY]], len: u64) -> Vec<IndexEntry> {
    let mut entries: Vec<IndexEntry> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| chunk[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| chunk[at + i]));
        let entry = IndexEntry {
            base_offset: u64_at(0),
            position: u64_at(8),
            max_before: u64_at(16) as i64,
            header_crc: u32_at(24),
        };
        let ascends = entries
            .last()
            .is_none_or(|last| last.base_offset < entry.base_offset && last.position < entry.position);
        if crc32c::crc32c(&chunk[..36]) != u32_at(36) || !ascends || entry.position >= len {
            break;
        }
        entries.push(entry);
    }
    entries
}
