//! The 61 bytes before the records.

use std::fmt;
use std::ops::{Range, RangeFrom};

use super::RecordError;
use crate::time::Timestamp;

/// Bytes of a batch before its first record.
pub const HEADER_LEN: usize = 61;

/// Bytes before the length field's own count begins: base offset and length.
pub(super) const LENGTH_STARTS_AT: usize = 12;
/// A record has at least seven fields of at least one byte.
const MIN_RECORD_LEN: usize = 7;

pub(super) const BASE_OFFSET: Range<usize> = 0..8;
const LENGTH: Range<usize> = 8..12;
const MAGIC: usize = 16;
pub(super) const CRC: Range<usize> = 17..21;
/// What the CRC-32C is computed over.
pub(super) const CRC_COVERS: RangeFrom<usize> = 21..;
const ATTRIBUTES: Range<usize> = 21..23;
const LAST_OFFSET_DELTA: Range<usize> = 23..27;
const BASE_TIMESTAMP: Range<usize> = 27..35;
const MAX_TIMESTAMP: Range<usize> = 35..43;
const COUNT: Range<usize> = 57..61;

pub(super) const SUPPORTED_MAGIC: i8 = 2;
const COMPRESSION_BITS: i16 = 0b111;
const APPEND_TIME_BIT: i16 = 1 << 3;

/// How a batch's records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They are not.
    None,
    /// Gzip.
    Gzip,
    /// Snappy, in Kafka's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// The fields of the header that Postroad acts on. The others (leader epoch, producer, sequence) stay in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) base_offset: u64,
    pub(super) crc: u32,
    pub(super) compression: Compression,
    /// Whether `max_timestamp` is the timestamp of every record.
    pub(super) append_time: bool,
    pub(super) base_timestamp: Timestamp,
    pub(super) max_timestamp: Timestamp,
    pub(super) count: u32,
}

impl Header {
    /// Reads and checks everything but the CRC.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let Some(head) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(RecordError::Truncated {
                found: bytes.len(),
                needed: HEADER_LEN,
            });
        };
        // The magic's place is the same in all versions of the format: it comes first.
        let magic = head[MAGIC] as i8;
        if magic != SUPPORTED_MAGIC {
            return Err(RecordError::Magic(magic));
        }
        let said = i64::from(read_i32(head, LENGTH)) + LENGTH_STARTS_AT as i64;
        if said != bytes.len() as i64 {
            return Err(RecordError::Length {
                said,
                found: bytes.len(),
            });
        }
        let base_offset = read_i64(head, BASE_OFFSET);
        let attributes = read_i16(head, ATTRIBUTES);
        let header = Self {
            base_offset: u64::try_from(base_offset).map_err(|_| field("base offset", base_offset))?,
            crc: read_i32(head, CRC).cast_unsigned(),
            compression: compression(attributes)?,
            append_time: attributes & APPEND_TIME_BIT != 0,
            base_timestamp: Timestamp(read_i64(head, BASE_TIMESTAMP)),
            max_timestamp: Timestamp(read_i64(head, MAX_TIMESTAMP)),
            count: count(head)?,
        };
        let room = (bytes.len() - HEADER_LEN) / MIN_RECORD_LEN;
        if header.compression == Compression::None && header.count as usize > room {
            return Err(field("record count", i64::from(header.count)));
        }
        Ok(header)
    }
}

/// The record count, which must agree with the last offset delta: a batch has no gaps inside.
fn count(head: &[u8; HEADER_LEN]) -> Result<u32, RecordError> {
    let count = read_i32(head, COUNT);
    let last_offset_delta = read_i32(head, LAST_OFFSET_DELTA);
    if count < 1 {
        return Err(field("record count", i64::from(count)));
    }
    if last_offset_delta != count - 1 {
        return Err(field("last offset delta", i64::from(last_offset_delta)));
    }
    Ok(count.cast_unsigned())
}

fn compression(attributes: i16) -> Result<Compression, RecordError> {
    match attributes & COMPRESSION_BITS {
        0 => Ok(Compression::None),
        1 => Ok(Compression::Gzip),
        2 => Ok(Compression::Snappy),
        3 => Ok(Compression::Lz4),
        4 => Ok(Compression::Zstd),
        other => Err(field("compression", i64::from(other))),
    }
}

fn field(field: &'static str, value: i64) -> RecordError {
    RecordError::Field { field, value }
}

fn read_i16(head: &[u8; HEADER_LEN], at: Range<usize>) -> i16 {
    i16::from_be_bytes(array(head, at))
}

fn read_i32(head: &[u8; HEADER_LEN], at: Range<usize>) -> i32 {
    i32::from_be_bytes(array(head, at))
}

fn read_i64(head: &[u8; HEADER_LEN], at: Range<usize>) -> i64 {
    i64::from_be_bytes(array(head, at))
}

/// The bytes of a field. `at` is one of the constants above, `N` the size of its type.
fn array<const N: usize>(head: &[u8; HEADER_LEN], at: Range<usize>) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[at]);
    field
}
