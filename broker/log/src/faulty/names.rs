//! The names of files: in the cache, and on the disk.

use super::random::Random;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which file a name stands for.
pub(super) type FileId = u64;

#[derive(Default)]
pub(super) struct Names {
    pub cached: BTreeMap<PathBuf, FileId>,
    durable: BTreeMap<PathBuf, FileId>,
    /// Changes that the disk does not have, in order.
    pending: Vec<Change>,
}

enum Change {
    Link(PathBuf, FileId),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, FileId),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Link(path, _) | Change::Unlink(path) | Change::Rename(_, path, _) => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        match self {
            Change::Link(path, id) => {
                names.insert(path.clone(), *id);
            }
            Change::Unlink(path) => {
                names.remove(path);
            }
            Change::Rename(from, to, id) => {
                if names.get(from) == Some(id) {
                    names.remove(from);
                }
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl Names {
    pub(super) fn link(&mut self, path: &Path, id: FileId) {
        self.change(Change::Link(path.to_owned(), id));
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        self.change(Change::Unlink(path.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, id: FileId) {
        self.change(Change::Rename(from.to_owned(), to.to_owned(), id));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.pending.push(change);
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync(&mut self, dir: &Path) {
        let pending = std::mem::take(&mut self.pending);
        let (synced, rest): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|change| change.path().parent() == Some(dir));
        synced.iter().for_each(|change| change.apply(&mut self.durable));
        self.pending = rest;
    }

    /// The power goes: some changes reach the disk.
    pub(super) fn crash(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.pending) {
            if random.chance(50) {
                change.apply(&mut self.durable);
            }
        }
        self.cached = self.durable.clone();
    }
}
