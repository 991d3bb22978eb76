//! The data folder of dev mode: where it is by default, and starting over.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The first line of the identity of a data folder (docs/formats/data-folder.md).
const MAGIC: &[u8] = b"postroad data folder\n";
const IDENTITY: &str = "IDENTITY";
const LOCK: &str = "LOCK";

/// Why a folder can't be used, or not be emptied.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The environment says nothing about where a user's data belongs.
    #[error(
        "there is no default data folder: neither XDG_DATA_HOME nor HOME is set; name one with --data DIR"
    )]
    NoDefault,
    /// It holds something else.
    #[error("{}: --fresh deletes a Postroad data folder only, and this is none (it has no {IDENTITY} of one)", folder.display())]
    NotOurs {
        /// The folder.
        folder: PathBuf,
    },
    /// A broker uses it.
    #[error("{}: another broker uses this data folder ({holder}); stop it first, or name another folder with --data DIR", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// What the broker left in the lock.
        holder: String,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What could not be read or deleted.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// `postroad/dev` in the folder of the user's data (XDG Base Directory Specification).
///
/// # Errors
/// [`FolderError::NoDefault`].
pub fn default_folder() -> Result<PathBuf, FolderError> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || set("HOME").map(|home| home.join(".local/share"));
    let data = set("XDG_DATA_HOME").or_else(home).ok_or(FolderError::NoDefault)?;
    Ok(data.join("postroad/dev"))
}

/// Deletes what a broker kept in `folder`, if it is the data folder of one that does not run. Nothing to do for a folder
/// that is empty or not there. May be interrupted anywhere and called again.
///
/// # Errors
/// [`FolderError`]; nothing was deleted then, except with [`FolderError::Io`].
pub fn start_over(folder: &Path) -> Result<(), FolderError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    let names = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(at(folder))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(folder)(error)),
    };
    if names.iter().all(|name| name == LOCK) {
        return Ok(());
    }
    if !is_data_folder(folder).map_err(at(&folder.join(IDENTITY)))? {
        return Err(FolderError::NotOurs {
            folder: folder.to_owned(),
        });
    }
    let _lock = lock(folder)?;
    // The identity goes last: a folder with data and without it would be nobody's.
    for name in names.iter().filter(|name| *name != LOCK && *name != IDENTITY) {
        let path = folder.join(name);
        delete(&path).map_err(at(&path))?;
    }
    let identity = folder.join(IDENTITY);
    delete(&identity).map_err(at(&identity))
}

fn is_data_folder(folder: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match File::open(folder.join(IDENTITY)) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut start)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(start == MAGIC)
}

/// Takes the lock that a broker holds while it runs.
fn lock(folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    let io = |source| FolderError::Io {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            Err(FolderError::InUse {
                folder: folder.to_owned(),
                holder: holder.trim().to_owned(),
            })
        }
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Links are deleted, not followed.
fn delete(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(IDENTITY), "postroad data folder\nformat 1\n").unwrap();
        fs::write(folder.path().join(LOCK), "process 17").unwrap();
        fs::create_dir_all(folder.path().join("journal")).unwrap();
        fs::write(folder.path().join("journal/0000000000000001.journal"), "x").unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_data_folder_is_emptied_and_keeps_its_lock() {
        let folder = data_folder();
        start_over(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [LOCK]);
        start_over(folder.path()).unwrap();
        start_over(&folder.path().join("missing")).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "precious").unwrap();
        for identity in [None, Some("my own identity\n")] {
            if let Some(text) = identity {
                fs::write(folder.path().join(IDENTITY), text).unwrap();
            }
            assert!(matches!(
                start_over(folder.path()),
                Err(FolderError::NotOurs { .. })
            ));
            assert!(folder.path().join("thesis.txt").exists());
        }
    }

    #[test]
    fn the_folder_of_a_running_broker_is_left_alone() {
        let folder = data_folder();
        let broker = File::open(folder.path().join(LOCK)).unwrap();
        broker.lock().unwrap();
        let error = start_over(folder.path()).unwrap_err();
        assert!(error.to_string().contains("process 17"), "{error}");
        assert!(folder.path().join("journal/0000000000000001.journal").exists());
    }
}
