//! The folder of one broker: only one process may use it, and it knows whose it is. Format:
//! `docs/formats/data-folder.md`.

use crate::storage::{Lock, OpenMode, Storage, read_full, write_full};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOCK: &str = "LOCK";
const IDENTITY: &str = "IDENTITY";
const TEMPORARY: &str = "IDENTITY.tmp";
const MAGIC: &str = "postroad data folder";
const FORMAT: u32 = 1;
/// An identity is much shorter.
const MAX_IDENTITY: usize = 1024;

/// Why a data folder could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another broker runs on it.
    #[error("data folder {} is in use by {holder}; stop that broker, or give this one a folder of its own", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// What the other one says about itself.
        holder: String,
    },
    /// The folder holds something, but not the identity of a broker.
    #[error(
        "data folder {} has no {IDENTITY} file but holds {found}; a broker starts anew only in an empty folder: \
         restore the file from a backup, or choose another folder",
        dir.display()
    )]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// The identity cannot be read.
    #[error("{} is damaged: {reason}; restore it from a backup", file.display())]
    Damaged {
        /// The identity file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer Postroad wrote the folder.
    #[error("{} says format {found}; this version of Postroad reads up to {supported}: start the newer one", file.display())]
    Version {
        /// The identity file.
        file: PathBuf,
        /// The folder's format.
        found: u32,
        /// The newest format that can be read.
        supported: u32,
    },
    /// The id for a new folder is 0, which is reserved.
    #[error("a broker's id must not be 0")]
    ZeroId,
    /// The storage failed.
    #[error("could not {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
}

/// The folder of one broker, locked as long as this value lives.
pub struct DataDir {
    path: PathBuf,
    broker_id: u64,
    /// Dropping it gives the lock up.
    _lock: Box<dyn Send + Sync>,
}

impl DataDir {
    /// Locks the folder (created when missing) and reads its identity; in an empty folder, writes one with the id that
    /// `new_id` draws. The id must not be 0, and must never have been another broker's.
    pub fn open(
        storage: &Arc<dyn Storage>,
        path: &Path,
        new_id: impl FnOnce() -> u64,
    ) -> Result<DataDir, DataDirError> {
        storage.create_dir_all(path).map_err(failed("create", path))?;
        let lock_path = path.join(LOCK);
        let owner = format!("process {}", std::process::id());
        let lock = match storage
            .lock(&lock_path, &owner)
            .map_err(failed("lock", &lock_path))?
        {
            Lock::Taken(lock) => lock,
            Lock::Held(holder) => {
                let holder = if holder.is_empty() {
                    "another process".to_owned()
                } else {
                    holder
                };
                return Err(DataDirError::InUse {
                    dir: path.to_owned(),
                    holder,
                });
            }
        };
        let broker_id = match read_identity(&**storage, path)? {
            Some(broker_id) => {
                // Its name may not be durable yet, if the process that wrote it was killed.
                storage.sync_dir(path).map_err(failed("sync", path))?;
                broker_id
            }
            None => begin(&**storage, path, new_id)?,
        };
        Ok(DataDir {
            path: path.to_owned(),
            broker_id,
            _lock: lock,
        })
    }

    /// The broker's id, drawn when the folder was made.
    pub fn broker_id(&self) -> u64 {
        self.broker_id
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the journal.
    pub fn journal_dir(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The folder of the shards; whoever writes into it first creates it.
    pub fn shards_dir(&self) -> PathBuf {
        self.path.join("shards")
    }
}

/// Writes the identity of a new folder.
fn begin(storage: &dyn Storage, dir: &Path, new_id: impl FnOnce() -> u64) -> Result<u64, DataDirError> {
    let names = storage.list(dir).map_err(failed("list", dir))?;
    // A file system's own folder may be at the root of a volume.
    if let Some(found) = names
        .into_iter()
        .find(|name| ![LOCK, TEMPORARY, "lost+found"].contains(&name.as_str()))
    {
        return Err(DataDirError::NotEmpty {
            dir: dir.to_owned(),
            found,
        });
    }
    let id = new_id();
    if id == 0 {
        return Err(DataDirError::ZeroId);
    }
    let temporary = dir.join(TEMPORARY);
    let file = storage
        .open(&temporary, OpenMode::Create)
        .map_err(failed("create", &temporary))?;
    write_full(&*file, identity(id).as_bytes(), 0).map_err(failed("write", &temporary))?;
    file.sync_data().map_err(failed("sync", &temporary))?;
    storage
        .rename(&temporary, &dir.join(IDENTITY))
        .map_err(failed("rename", &temporary))?;
    storage.sync_dir(dir).map_err(failed("sync", dir))?;
    Ok(id)
}

fn identity(id: u64) -> String {
    let text = format!("{MAGIC}\nformat {FORMAT}\nbroker {id}\n");
    format!("{text}crc {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

fn read_identity(storage: &dyn Storage, dir: &Path) -> Result<Option<u64>, DataDirError> {
    let path = dir.join(IDENTITY);
    let file = match storage.open(&path, OpenMode::Existing) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", &path)(error)),
    };
    let mut bytes = vec![0; MAX_IDENTITY];
    let read = read_full(&*file, &mut bytes, 0).map_err(failed("read", &path))?;
    let damaged = |reason: &str| DataDirError::Damaged {
        file: path.clone(),
        reason: reason.to_owned(),
    };
    let text = std::str::from_utf8(&bytes[..read]).map_err(|_| damaged("it is not text"))?;
    let format = text
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_prefix("\nformat "));
    let format = format.ok_or_else(|| damaged("it does not begin as the identity of a data folder does"))?;
    let format = format.lines().next().and_then(|line| line.parse().ok());
    let format: u32 = format.ok_or_else(|| damaged("its format is not a number"))?;
    if format > FORMAT {
        return Err(DataDirError::Version {
            file: path,
            found: format,
            supported: FORMAT,
        });
    }
    let id = text
        .lines()
        .nth(2)
        .and_then(|line| line.strip_prefix("broker "))
        .and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| damaged("its broker id is not a number"))?;
    // What was written for this id, and nothing else: that covers the checksum, too.
    if id == 0 || identity(id) != text {
        return Err(damaged("its checksum does not match"));
    }
    Ok(Some(id))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    move |source| DataDirError::Io {
        operation,
        path: path.to_owned(),
        source: Arc::new(source),
    }
}
