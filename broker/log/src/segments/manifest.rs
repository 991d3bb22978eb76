//! How far each segment of a partition is durable. Layout: `docs/formats/segments.md`.

use super::error::SegmentError;
use bytes::{Buf, BufMut, Bytes, BytesMut};

const VERSION: u32 = 1;
const ENTRY: usize = 40;

/// The segments of a partition, ascending, and how far each is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentManifest {
    pub(super) segments: Vec<SegmentInfo>,
}

/// One segment of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The base offset of its first batch; names the file.
    pub base_offset: u64,
    /// How many bytes of the file are durable.
    pub len: u64,
    /// The offset after its last batch.
    pub end_offset: u64,
    /// The latest timestamp of its batches, in milliseconds since 1970.
    pub max_timestamp: i64,
}

impl SegmentManifest {
    /// The manifest as bytes, for a checkpoint (which has a checksum; these bytes have none).
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(8 + ENTRY * self.segments.len());
        bytes.put_u32_le(VERSION);
        bytes.put_u32_le(self.segments.len() as u32);
        for segment in &self.segments {
            bytes.put_u64_le(segment.base_offset);
            bytes.put_u64_le(segment.len);
            bytes.put_u64_le(segment.end_offset);
            bytes.put_i64_le(segment.max_timestamp);
            bytes.put_u64_le(0);
        }
        bytes.freeze()
    }

    /// Reads what `encode` wrote.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, SegmentError> {
        let bad = SegmentError::Manifest;
        let version = bytes.try_get_u32_le().map_err(|_| bad("it is too short"))?;
        if version != VERSION {
            return Err(bad("its version is not known"));
        }
        let count = bytes.try_get_u32_le().map_err(|_| bad("it is too short"))? as usize;
        if count.checked_mul(ENTRY) != Some(bytes.len()) {
            return Err(bad("its length does not fit its count"));
        }
        let mut segments: Vec<SegmentInfo> = Vec::with_capacity(count);
        for _ in 0..count {
            let segment = SegmentInfo {
                base_offset: bytes.get_u64_le(),
                len: bytes.get_u64_le(),
                end_offset: bytes.get_u64_le(),
                max_timestamp: bytes.get_i64_le(),
            };
            bytes.advance(8);
            let follows = segments
                .last()
                .is_none_or(|last| last.end_offset <= segment.base_offset);
            if segment.base_offset >= segment.end_offset || !follows {
                return Err(bad("its segments are not ascending"));
            }
            if segment.len < super::opening::HEADER as u64 {
                return Err(bad("a segment is shorter than its header"));
            }
            segments.push(segment);
        }
        Ok(SegmentManifest { segments })
    }

    /// The segments, ascending.
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.segments
    }

    /// The offset after the last batch in the segments; `None` when there is no segment.
    pub fn end_offset(&self) -> Option<u64> {
        self.segments.last().map(|last| last.end_offset)
    }

    /// How many bytes the segments have together.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }
}
