//! How a partition's files can fail.

use crate::checkpoint::CheckpointError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a partition's files could not be opened, read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SegmentError {
    /// The storage failed. After a failed sync every later append and sync of the partition gives the same error.
    #[error("could not {operation} {}: {source}", file.display())]
    Io {
        /// What was tried: "open", "write", "sync", "read" and the like.
        operation: &'static str,
        /// The file or folder it was tried on.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A part that a manifest vouches for is not what was written.
    #[error("{} is damaged at byte {offset}: {reason}; restore this broker's data from its peers or a backup", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes from its beginning.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A newer Postroad wrote the file.
    #[error("{} has format version {found}; this version of Postroad reads up to {supported}: start the newer one", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// A segment of the manifest is not there.
    #[error("{} is missing; restore this broker's data from its peers or a backup", file.display())]
    Missing {
        /// The missing file.
        file: PathBuf,
    },
    /// A batch cannot be appended where it was to go. A defect of the caller; nothing was written of it.
    #[error("batch {base_offset} cannot be appended to {}: {reason}", dir.display())]
    Invalid {
        /// The partition's folder.
        dir: PathBuf,
        /// The batch's base offset.
        base_offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes are not a manifest.
    #[error("not a manifest of segments: {0}")]
    Manifest(&'static str),
}

impl SegmentError {
    /// The error of a failed operation.
    pub(super) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> SegmentError {
        move |source| SegmentError::Io {
            operation,
            file: file.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(super) fn damaged(file: &Path, offset: u64, reason: impl Into<String>) -> SegmentError {
        SegmentError::Damaged {
            file: file.to_owned(),
            offset,
            reason: reason.into(),
        }
    }
}

/// The file `trim` is framed as a checkpoint.
impl From<CheckpointError> for SegmentError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Io {
                operation,
                file,
                source,
            } => SegmentError::Io {
                operation,
                file,
                source,
            },
            CheckpointError::Damaged { file, offset, reason } => {
                SegmentError::Damaged { file, offset, reason }
            }
            CheckpointError::Version {
                file,
                found,
                supported,
            } => SegmentError::Version {
                file,
                found,
                supported,
            },
        }
    }
}
