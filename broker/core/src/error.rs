//! How bytes can fail to be a command batch or a checkpoint.

/// Why bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are no protobuf message of the kind.
    #[error("not a protobuf message of the expected kind: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A log entry holds a command of a newer version.
    #[error(
        "command {position} of the log entry is of a kind this version doesn't know; upgrade this broker"
    )]
    UnknownCommand {
        /// Its place in the batch, from 0.
        position: usize,
    },
    /// A checkpoint was written by a newer version.
    #[error(
        "the shard's state has format version {found}, this broker reads up to {supported}; upgrade this broker"
    )]
    Version {
        /// The version that was found.
        found: u32,
        /// The newest version this one reads.
        supported: u32,
    },
    /// A checkpoint contradicts itself.
    #[error("the shard's state contradicts itself: {0}")]
    Invalid(String),
}
