//! What can be wrong with a record batch.

use super::Compression;

/// Why bytes are no record batch, or messages can't become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is nothing to encode.
    #[error("a record batch needs at least one message")]
    Empty,
    /// The length fields can't hold it.
    #[error("the messages are too large for one record batch: it holds up to 2 GiB")]
    TooLarge,
    /// The bytes end too early.
    #[error("the record batch is cut off: {found} bytes of at least {needed}")]
    Truncated {
        /// How many bytes there are.
        found: usize,
        /// How many there should be.
        needed: usize,
    },
    /// The batch's own length is not that of the bytes.
    #[error("the record batch says it has {said} bytes, but there are {found}")]
    Length {
        /// What the header says.
        said: i64,
        /// How many there are.
        found: usize,
    },
    /// Another format version.
    #[error("the record batch has magic {0}; only version 2 is supported")]
    Magic(i8),
    /// Damaged bytes.
    #[error("the record batch is damaged: its checksum is {stored:08x}, that of its bytes {computed:08x}")]
    Checksum {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// A field holds what it can't.
    #[error("the record batch's {field} is {value}, which can't be")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        value: i64,
    },
    /// A record is damaged.
    #[error("record {record} of the batch is damaged: {reason}")]
    Record {
        /// Which record, from 0.
        record: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes follow the last record.
    #[error("{0} bytes follow the last record of the batch")]
    Trailing(usize),
    /// The records are compressed.
    #[error("the record batch is compressed with {0}, which is not supported yet; publish uncompressed")]
    Compressed(Compression),
}
