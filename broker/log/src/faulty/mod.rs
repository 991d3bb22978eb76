//! A faulty twin of the disk, for tests: it lives in memory, and does to files what disks, kernels and power cuts do.
//! It is compiled always, so that other crates' tests can use it; no product code does.
//!
//! A [`FaultyDisk`] is the machine; [`FaultyDisk::mount`] gives the [`Storage`](crate::Storage) that one process on it
//! uses. The model:
//!
//! - A write goes to the page cache. `sync_data` makes it durable, in sectors of 512 bytes. A name that was made, renamed
//!   or removed is durable after `sync_dir`.
//! - [`FaultyDisk::crash`] (a power cut) keeps what is durable and of the rest a random part: any set of sectors, any
//!   set of name changes, any length between the old and the new.
//! - [`FaultyDisk::kill`] (of the process) keeps the page cache.
//! - A sync that is made to fail loses a random part of the dirty sectors and marks all of them clean, as Linux does: reads
//!   still see them, a later sync succeeds, a crash shows that they are gone.
//!
//! Everything random comes from one seed.

mod file;
mod machine;
mod names;
mod random;
mod storage;

use crate::storage::Storage;
use machine::Machine;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::Process;

pub use random::Random;

/// The machine, see the module's documentation. Clones share it.
#[derive(Clone)]
pub struct FaultyDisk {
    machine: Arc<Mutex<Machine>>,
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> FaultyDisk {
        FaultyDisk {
            machine: Arc::new(Mutex::new(Machine::new(seed))),
        }
    }

    /// The disk as a new process sees it. It fails with every operation after the next `crash` or `kill`.
    pub fn mount(&self) -> Arc<dyn Storage> {
        Arc::new(Process::new(Arc::clone(&self.machine)))
    }

    /// Cuts the power, and switches it on again.
    pub fn crash(&self) {
        self.machine.lock().crash();
    }

    /// Kills the process. What it wrote stays in the page cache.
    pub fn kill(&self) {
        self.machine.lock().kill();
    }

    /// Makes every operation from the `nth` on (counted from now, from 1) fail, as if the power went then; `crash`,
    /// `kill` and `clear_faults` end that.
    pub fn halt_at(&self, nth: u64) {
        self.machine.lock().faults.halt = Some(nth);
    }

    /// Makes the `nth` write from now on (from 1) fail, once.
    pub fn fail_write(&self, nth: u64) {
        self.machine.lock().faults.write = Some(nth);
    }

    /// Makes the `nth` sync of a file from now on (from 1) fail, once.
    pub fn fail_sync(&self, nth: u64) {
        self.machine.lock().faults.sync = Some(nth);
    }

    /// Takes back the halt, failed write and failed sync that have not come yet.
    pub fn clear_faults(&self) {
        let mut machine = self.machine.lock();
        let faults = &mut machine.faults;
        (faults.halt, faults.write, faults.sync) = (None, None, None);
    }

    /// Makes writes write only a random part of what they are given.
    pub fn short_writes(&self, on: bool) {
        self.machine.lock().faults.short_writes = on;
    }

    /// Makes syncs say that they succeeded and do nothing: a disk that lies. Tests use it to prove that they would notice
    /// a missing sync.
    pub fn ignore_syncs(&self, on: bool) {
        self.machine.lock().faults.ignore_syncs = on;
    }

    /// Bounds how many bytes all files may have together; beyond that writes fail with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.machine.lock().faults.capacity = bytes;
    }

    /// Turns a bit over, on the disk and in the page cache. `false` when there is no such byte.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u32) -> bool {
        self.machine.lock().flip_bit(path, offset, bit)
    }

    /// Removes a file, durably. `false` when there is none.
    pub fn lose_file(&self, path: &Path) -> bool {
        self.machine.lock().lose_file(path)
    }

    /// The files there are, as a process sees them, with their lengths.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.machine.lock().list_files()
    }

    /// The content of a file as a process sees it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.machine.lock().content(path)
    }
}
