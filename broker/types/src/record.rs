//! Kafka RecordBatch v2: the stored form of messages, whoever published them. docs/formats/records.md describes it byte
//! by byte.
//!
//! A [`RecordBatch`] that exists has a sound header; [`RecordBatch::parse`] has checked its CRC-32C too. Records are
//! decoded only where someone needs them ([`RecordBatch::records`]): payloads are slices of the batch, never copies.
//! Every decoder here is total: any bytes give a value or a [`RecordError`].

mod encode;
mod error;
mod header;
mod records;
mod varint;

use std::fmt;

use bytes::{Bytes, BytesMut};

pub use error::RecordError;
use header::{BASE_OFFSET, Header};
pub use header::{Compression, HEADER_LEN};
pub use records::{Record, Records};

use crate::message::Message;
use crate::time::Timestamp;

/// Messages as they are stored: one publish, one batch. Cloning is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordBatch {
    header: Header,
    bytes: Bytes,
}

impl RecordBatch {
    /// Encodes messages, all published at `published`, uncompressed, with base offset 0. A message's data is the record's
    /// value (never null), its attributes the headers, its key the key.
    ///
    /// # Errors
    /// [`RecordError::Empty`] without messages, [`RecordError::TooLarge`] when they don't fit into 2 GiB.
    pub fn encode(messages: &[Message], published: Timestamp) -> Result<Bytes, RecordError> {
        encode::encode(messages, published)
    }

    /// Reads a batch from anywhere: checks magic, lengths, counts and CRC-32C. The records themselves are checked when
    /// they are read.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        let batch = Self::trusted(bytes)?;
        let computed = crc32c::crc32c(&batch.bytes[header::CRC_COVERS]);
        if computed != batch.header.crc {
            return Err(RecordError::Checksum {
                stored: batch.header.crc,
                computed,
            });
        }
        Ok(batch)
    }

    /// Reads a batch that this process checked before (its bytes lie in memory, or under another checksum): all checks
    /// of [`RecordBatch::parse`] but the CRC.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn trusted(bytes: Bytes) -> Result<Self, RecordError> {
        Ok(Self {
            header: Header::read(&bytes)?,
            bytes,
        })
    }

    /// How many records it holds, which is how many offsets it covers; at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.header.count
    }

    /// The offset of the first record.
    #[must_use]
    pub fn base_offset(&self) -> u64 {
        self.header.base_offset
    }

    /// The time that the batch gives for its beginning: the first record's, as Postroad and Kafka's own clients write it.
    #[must_use]
    pub fn first_timestamp(&self) -> Timestamp {
        match self.header.append_time {
            true => self.header.max_timestamp,
            false => self.header.base_timestamp,
        }
    }

    /// The highest timestamp of its records.
    #[must_use]
    pub fn max_timestamp(&self) -> Timestamp {
        self.header.max_timestamp
    }

    /// How the records are compressed. Postroad writes none, and reads none yet.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.header.compression
    }

    /// The whole batch.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The batch at another base offset (below 2^63), which the CRC doesn't cover. Copies the batch when its bytes are
    /// shared.
    #[must_use]
    pub fn with_base_offset(mut self, base_offset: u64) -> Self {
        let mut bytes = self
            .bytes
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        bytes[BASE_OFFSET].copy_from_slice(&base_offset.to_be_bytes());
        self.bytes = bytes.freeze();
        self.header.base_offset = base_offset;
        self
    }

    /// The records in order. After the first error there are no more.
    #[must_use]
    pub fn records(&self) -> Records {
        Records::new(&self.header, self.bytes.slice(HEADER_LEN..))
    }
}

/// Leaves the payload out: batches are logged.
impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        f.debug_struct("RecordBatch")
            .field("header", &self.header)
            .field("bytes", &bytes)
            .finish()
    }
}
