//! The files of one partition: segments, each with a sparse index. Format: `docs/formats/segments.md`. Read in this
//! order: `manifest` (what is durable), `frame` (one batch), `index`, `segment` (one file; `opening` readies it), `folder`,
//! and [`PartitionFiles`].
//!
//! What is appended is not durable before [`PartitionFiles::sync`], and is cut by the next `open` unless the manifest
//! that `sync` gave was kept: the journal has it still.

mod error;
mod folder;
mod frame;
mod index;
mod manifest;
mod opening;
mod partition;
mod segment;

pub use error::SegmentError;
pub use manifest::{SegmentInfo, SegmentManifest};
pub use partition::PartitionFiles;

use bytes::Bytes;

/// How a partition's files are laid out.
#[derive(Clone, Copy, Debug)]
pub struct SegmentOptions {
    /// A segment that has reached this length is followed by a new one. 64 MiB by default.
    pub segment_bytes: u64,
    /// About every so many bytes a batch gets an entry in the index. 64 KiB by default.
    pub index_interval: u64,
    /// The last segment is deleted by a trim, too, once nothing in it is needed and it has reached this length; 1 MiB by
    /// default. So a partition that is read as fast as it is written keeps little, without a file for every batch.
    pub retire_bytes: u64,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        SegmentOptions {
            segment_bytes: 64 << 20,
            index_interval: 64 << 10,
            retire_bytes: 1 << 20,
        }
    }
}

/// One batch as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The offset of its first record.
    pub base_offset: u64,
    /// How many offsets it covers, at least 1.
    pub count: u32,
    /// The latest timestamp of its records, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The batch, at most 64 MiB: opaque here (a RecordBatch v2 with its base offset in it).
    pub bytes: Bytes,
}

impl StoredBatch {
    /// The offset after its last record.
    pub fn end_offset(&self) -> u64 {
        self.base_offset.saturating_add(self.count.into())
    }
}
