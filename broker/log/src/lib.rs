//! Durable storage of one broker: what it promises is on the disk, is on the disk. Read in this order:
//!
//! 1. [`storage`]: the seam to files; [`disk`] is the real one, [`faulty`] the one that loses and tears (for tests);
//! 2. [`data_dir`]: the folder of one broker: its lock and its identity;
//! 3. [`journal`]: the write-ahead log that carries the Raft logs of all shards, by group commit;
//! 4. [`segments`]: the files of one partition, written in large pieces after commit;
//! 5. [`checkpoint`]: one file a shard, replaced atomically.
//!
//! The formats are described byte by byte in `docs/formats/`.
//!
//! Architecture invariants: no async runtime, no clock that decides anything, no knowledge of what is stored;
//! nothing is acknowledged before an fsync that covers it has returned, and nothing at all after one has failed.

#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod data_dir;
pub mod disk;
pub mod faulty;
pub mod journal;
pub mod segments;
pub mod storage;

pub use checkpoint::{CheckpointError, read_checkpoint, write_checkpoint};
pub use data_dir::{DataDir, DataDirError};
pub use disk::Disk;
pub use faulty::FaultyDisk;
pub use journal::{
    Done, EntryFrame, Journal, JournalError, JournalObserver, JournalOptions, JournalStats, NoObserver,
    OpenError, RecoveredShard,
};
pub use segments::{PartitionFiles, SegmentError, SegmentInfo, SegmentManifest, SegmentOptions, StoredBatch};
pub use storage::{Storage, StorageFile};
