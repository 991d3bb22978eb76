//! The state of the machine: files, names, and the faults that wait.

use super::file::Content;
use super::names::{FileId, Names};
use super::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Faults that wait for their time; a count goes down to the operation that fails.
#[derive(Default)]
pub(super) struct Faults {
    pub halt: Option<u64>,
    pub write: Option<u64>,
    pub sync: Option<u64>,
    pub short_writes: bool,
    pub ignore_syncs: bool,
    pub capacity: Option<u64>,
}

pub(super) struct Machine {
    random: Random,
    /// Grows with each crash and kill: who was mounted before is dead.
    pub epoch: u64,
    files: BTreeMap<FileId, Content>,
    next_file: FileId,
    pub names: Names,
    pub dirs: BTreeSet<PathBuf>,
    pub locks: BTreeMap<PathBuf, String>,
    pub faults: Faults,
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("injected fault: {what}"))
}

/// Counts down; `true` when the time has come.
fn due(count: &mut Option<u64>) -> bool {
    match count {
        Some(left) if *left > 1 => {
            *left -= 1;
            false
        }
        Some(_) => {
            *count = None;
            true
        }
        None => false,
    }
}

impl Machine {
    pub(super) fn new(seed: u64) -> Machine {
        Machine {
            random: Random::new(seed),
            epoch: 0,
            files: BTreeMap::new(),
            next_file: 0,
            names: Names::default(),
            dirs: BTreeSet::new(),
            locks: BTreeMap::new(),
            faults: Faults::default(),
        }
    }

    pub(super) fn crash(&mut self) {
        self.names.crash(&mut self.random);
        self.files
            .values_mut()
            .for_each(|content| content.crash(&mut self.random));
        let named: BTreeSet<FileId> = self.names.cached.values().copied().collect();
        self.files.retain(|id, _| named.contains(id));
        self.kill();
    }

    pub(super) fn kill(&mut self) {
        self.epoch += 1;
        self.locks.clear();
        self.faults.halt = None;
    }

    /// Called with every operation of a process.
    pub(super) fn enter(&mut self, epoch: u64) -> io::Result<()> {
        if epoch != self.epoch {
            return Err(broken("the process is dead"));
        }
        if let Some(left) = &mut self.faults.halt {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(broken("the power is off"));
            }
        }
        Ok(())
    }

    pub(super) fn file(&mut self, id: FileId) -> io::Result<&mut Content> {
        self.files.get_mut(&id).ok_or_else(|| broken("the file is gone"))
    }

    /// The file of a name.
    pub(super) fn find(&self, path: &Path) -> io::Result<FileId> {
        self.names
            .cached
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<FileId> {
        if let Ok(id) = self.find(path) {
            self.file(id)?.set_len(0);
            return Ok(id);
        }
        if !path.parent().is_some_and(|dir| self.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.next_file += 1;
        self.files.insert(self.next_file, Content::default());
        self.names.link(path, self.next_file);
        Ok(self.next_file)
    }

    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if due(&mut self.faults.write) {
            return Err(broken("a write failed"));
        }
        let mut len = bytes.len();
        if self.faults.short_writes && len > 1 {
            len = 1 + self.random.below(len as u64) as usize;
        }
        if let Some(capacity) = self.faults.capacity {
            let named: BTreeSet<FileId> = self.names.cached.values().copied().collect();
            let used: u64 = named
                .iter()
                .filter_map(|id| Some(self.files.get(id)?.cached.len() as u64))
                .sum();
            let file_len = self.file(id)?.cached.len() as u64;
            let most = (file_len + capacity.saturating_sub(used)).saturating_sub(offset);
            len = len.min(most as usize);
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.file(id)?.write(&bytes[..len], offset as usize);
        Ok(len)
    }

    pub(super) fn sync(&mut self, id: FileId) -> io::Result<()> {
        if due(&mut self.faults.sync) {
            let Machine { files, random, .. } = self;
            if let Some(content) = files.get_mut(&id) {
                content.fail_sync(random);
            }
            return Err(broken("a sync failed"));
        }
        if !self.faults.ignore_syncs {
            self.file(id)?.sync();
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        if !self.faults.ignore_syncs {
            self.names.sync(dir);
        }
    }

    pub(super) fn flip_bit(&mut self, path: &Path, offset: u64, bit: u32) -> bool {
        let id = self.find(path);
        id.and_then(|id| Ok(self.file(id)?.flip_bit(offset as usize, bit)))
            .unwrap_or(false)
    }

    pub(super) fn lose_file(&mut self, path: &Path) -> bool {
        let found = self.find(path).is_ok();
        if found {
            self.names.unlink(path);
            self.names.sync(path.parent().unwrap_or(Path::new("")));
        }
        found
    }

    pub(super) fn list_files(&self) -> Vec<(PathBuf, u64)> {
        let len = |id| {
            self.files
                .get(id)
                .map_or(0, |content| content.cached.len() as u64)
        };
        self.names
            .cached
            .iter()
            .map(|(path, id)| (path.clone(), len(id)))
            .collect()
    }

    pub(super) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        Some(self.files.get(&self.find(path).ok()?)?.cached.clone())
    }
}
