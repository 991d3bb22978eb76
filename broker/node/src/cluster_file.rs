//! The file that says which cluster this broker's disk belongs to (docs/formats/entries.md). It is written before the
//! shards are made, so that a crash in between is finished at the next start.

use std::path::Path;

use postroad_log::{CheckpointError, Storage, read_checkpoint, write_checkpoint};
use prost::Message;

/// The format's version.
const VERSION: u32 = 1;
const FILE: &str = "cluster";

/// What the file holds.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterFile {
    /// 1.
    #[prost(uint32, tag = "1")]
    version: u32,
    /// The cluster's id.
    #[prost(string, tag = "2")]
    pub cluster_id: String,
    /// How many shards the cluster has; they never change.
    #[prost(uint32, tag = "3")]
    pub shards: u32,
}

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterFileError {
    /// It can't be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// Its content is not what it should be.
    #[error("the cluster file is not valid: {0}")]
    Content(#[from] prost::DecodeError),
    /// A newer broker wrote it.
    #[error("the cluster file has version {0}, this broker knows {VERSION}: use a newer broker")]
    Newer(u32),
}

impl ClusterFile {
    /// A file of this version.
    #[must_use]
    pub fn new(cluster_id: String, shards: u32) -> Self {
        Self {
            version: VERSION,
            cluster_id,
            shards,
        }
    }

    /// Reads it; none when this disk belongs to no cluster.
    ///
    /// # Errors
    /// [`ClusterFileError`] when it can't be used.
    pub fn read(storage: &dyn Storage, folder: &Path) -> Result<Option<Self>, ClusterFileError> {
        let Some(bytes) = read_checkpoint(storage, &folder.join(FILE))? else {
            return Ok(None);
        };
        let file = Self::decode(bytes)?;
        if file.version != VERSION {
            return Err(ClusterFileError::Newer(file.version));
        }
        Ok(Some(file))
    }

    /// Writes it durably.
    ///
    /// # Errors
    /// [`ClusterFileError`] when it can't be written.
    pub fn write(&self, storage: &dyn Storage, folder: &Path) -> Result<(), ClusterFileError> {
        Ok(write_checkpoint(
            storage,
            &folder.join(FILE),
            &self.encode_to_vec(),
        )?)
    }
}
