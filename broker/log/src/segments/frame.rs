//! The header around one batch, and the walk over a segment's frames. Layout: `docs/formats/segments.md`.

use super::StoredBatch;
use super::error::SegmentError;
use crate::storage::{StorageFile, read_full};
use bytes::{Bytes, BytesMut};
use std::path::Path;

/// Size of a frame's header.
pub(super) const HEADER: usize = 40;
/// The largest batch.
pub(super) const MAX_BATCH: usize = 64 << 20;

/// The header of one batch's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub crc: u32,
    pub len: u32,
    pub base_offset: u64,
    pub count: u32,
    pub batch_crc: u32,
    pub max_timestamp: i64,
}

impl FrameHeader {
    /// The offset after the batch.
    pub(super) fn end_offset(&self) -> u64 {
        self.base_offset.saturating_add(self.count.into())
    }

    /// How many bytes the frame has.
    pub(super) fn frame_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.len)
    }

    /// Reads a header; the error says what is wrong with it.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Result<FrameHeader, &'static str> {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        if crc32c::crc32c(&bytes[4..]) != u32_at(0) {
            return Err("the checksum of a batch's header does not match");
        }
        let header = FrameHeader {
            crc: u32_at(0),
            len: u32_at(4),
            base_offset: u64_at(8),
            count: u32_at(16),
            batch_crc: u32_at(20),
            max_timestamp: u64_at(24) as i64,
        };
        if header.len == 0 || header.len as usize > MAX_BATCH || header.count == 0 {
            return Err("a batch's header has a length or count that is not allowed");
        }
        Ok(header)
    }
}

/// Appends a batch's frame; returns its header.
pub(super) fn encode(buffer: &mut Vec<u8>, batch: &StoredBatch) -> FrameHeader {
    let mut fixed = [0; HEADER];
    let batch_crc = crc32c::crc32c(&batch.bytes);
    let len = batch.bytes.len() as u32;
    fixed[4..8].copy_from_slice(&len.to_le_bytes());
    fixed[8..16].copy_from_slice(&batch.base_offset.to_le_bytes());
    fixed[16..20].copy_from_slice(&batch.count.to_le_bytes());
    fixed[20..24].copy_from_slice(&batch_crc.to_le_bytes());
    fixed[24..32].copy_from_slice(&batch.max_timestamp.to_le_bytes());
    let crc = crc32c::crc32c(&fixed[4..]);
    fixed[..4].copy_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(&fixed);
    buffer.extend_from_slice(&batch.bytes);
    let StoredBatch {
        base_offset,
        count,
        max_timestamp,
        ..
    } = *batch;
    FrameHeader {
        crc,
        len,
        base_offset,
        count,
        batch_crc,
        max_timestamp,
    }
}

/// Walks over the frames of a segment, reading it in chunks, or only the headers when batches are larger than a chunk.
pub(super) struct Walk<'a> {
    path: &'a Path,
    file: &'a dyn StorageFile,
    /// Where the next frame begins.
    position: u64,
    end: u64,
    chunk_size: usize,
    chunk: Bytes,
    chunk_start: u64,
    /// The base offset that the next frame must have at least.
    least_offset: u64,
}

impl<'a> Walk<'a> {
    /// From the frame at `position` up to `end`, in chunks of about `chunk_size` bytes.
    pub(super) fn new(
        path: &'a Path,
        file: &'a dyn StorageFile,
        (position, end): (u64, u64),
        chunk_size: usize,
    ) -> Walk<'a> {
        Walk {
            path,
            file,
            position,
            end,
            chunk_size,
            chunk: Bytes::new(),
            chunk_start: position,
            least_offset: 0,
        }
    }

    /// Where the next frame begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The header of the next frame, without going on; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<FrameHeader>, SegmentError> {
        if self.position == self.end {
            return Ok(None);
        }
        let bytes = self.bytes(HEADER)?;
        let header: &[u8; HEADER] = bytes[..]
            .try_into()
            .map_err(|_| self.damaged("a batch's header is cut off"))?;
        let header = FrameHeader::decode(header).map_err(|reason| self.damaged(reason))?;
        if header.base_offset < self.least_offset {
            return Err(self.damaged("a batch's offset is not above those before it"));
        }
        if header.frame_len() > self.end - self.position {
            return Err(self.damaged("a batch is longer than the segment"));
        }
        Ok(Some(header))
    }

    /// Goes on behind the frame that was peeked.
    pub(super) fn skip(&mut self, header: &FrameHeader) {
        self.position += header.frame_len();
        self.least_offset = header.end_offset();
    }

    /// Reads and verifies the batch of the frame that was peeked, and goes on behind it.
    pub(super) fn take(&mut self, header: &FrameHeader) -> Result<StoredBatch, SegmentError> {
        let bytes = self.bytes(header.frame_len() as usize)?.slice(HEADER..);
        if crc32c::crc32c(&bytes) != header.batch_crc {
            return Err(self.damaged("the checksum of a batch does not match"));
        }
        self.skip(header);
        let FrameHeader {
            base_offset,
            count,
            max_timestamp,
            ..
        } = *header;
        Ok(StoredBatch {
            base_offset,
            count,
            max_timestamp,
            bytes,
        })
    }

    /// The next `len` bytes, which must be there.
    fn bytes(&mut self, len: usize) -> Result<Bytes, SegmentError> {
        let at = (self.position - self.chunk_start) as usize;
        if at + len <= self.chunk.len() {
            return Ok(self.chunk.slice(at..at + len));
        }
        let left = self.end - self.position;
        let size = left.min(self.chunk_size.max(len) as u64) as usize;
        let mut chunk = BytesMut::zeroed(size);
        let read =
            read_full(self.file, &mut chunk, self.position).map_err(SegmentError::io("read", self.path))?;
        chunk.truncate(read);
        (self.chunk, self.chunk_start) = (chunk.freeze(), self.position);
        if self.chunk.len() < len {
            return Err(self.damaged("the file ends within a batch"));
        }
        Ok(self.chunk.slice(..len))
    }

    fn damaged(&self, reason: &str) -> SegmentError {
        SegmentError::damaged(self.path, self.position, reason)
    }
}
