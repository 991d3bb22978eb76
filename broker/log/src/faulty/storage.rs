//! The disk as one process sees it.

use super::machine::Machine;
use super::names::FileId;
use crate::storage::{Lock, OpenMode, Storage, StorageFile};
use parking_lot::{Mutex, MutexGuard};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A process: it dies with the epoch in which it was mounted.
#[derive(Clone)]
pub(super) struct Process {
    machine: Arc<Mutex<Machine>>,
    epoch: u64,
}

impl Process {
    pub(super) fn new(machine: Arc<Mutex<Machine>>) -> Process {
        let epoch = machine.lock().epoch;
        Process { machine, epoch }
    }

    fn enter(&self) -> io::Result<MutexGuard<'_, Machine>> {
        let mut machine = self.machine.lock();
        machine.enter(self.epoch)?;
        Ok(machine)
    }
}

impl Storage for Process {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.enter()?.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let machine = self.enter()?;
        if !machine.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = machine
            .names
            .cached
            .keys()
            .chain(&machine.dirs)
            .filter(|path| path.parent() == Some(dir));
        Ok(paths
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let mut machine = self.enter()?;
        let id = match mode {
            OpenMode::Existing => machine.find(path)?,
            OpenMode::Create => machine.create(path)?,
        };
        Ok(Arc::new(OpenFile {
            process: self.clone(),
            id,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut machine = self.enter()?;
        let id = machine.find(from)?;
        machine.names.rename(from, to, id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.enter()?;
        machine.find(path)?;
        machine.names.unlink(path);
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.enter()?;
        if machine.names.cached.keys().any(|path| path.parent() == Some(dir)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        if machine.dirs.remove(dir) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.enter()?.sync_dir(dir);
        Ok(())
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<Lock> {
        let mut machine = self.enter()?;
        if let Some(holder) = machine.locks.get(path) {
            return Ok(Lock::Held(holder.clone()));
        }
        machine.create(path)?;
        machine.locks.insert(path.to_owned(), owner.to_owned());
        Ok(Lock::Taken(Box::new(Guard {
            process: self.clone(),
            path: path.to_owned(),
        })))
    }
}

struct Guard {
    process: Process,
    path: PathBuf,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut machine = self.process.machine.lock();
        if machine.epoch == self.process.epoch {
            machine.locks.remove(&self.path);
        }
    }
}

struct OpenFile {
    process: Process,
    id: FileId,
}

impl StorageFile for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut machine = self.process.enter()?;
        let cached = &machine.file(self.id)?.cached;
        let rest = cached.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.process.enter()?.write(self.id, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.process.enter()?.sync(self.id)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.process.enter()?.file(self.id)?.cached.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.process.enter()?.file(self.id)?.set_len(len as usize);
        Ok(())
    }
}
