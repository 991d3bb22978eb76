//! The content of one file: in the page cache, and on the disk.

use super::random::Random;
use std::collections::BTreeSet;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Default)]
pub(super) struct Content {
    pub cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors of the cache that the disk does not have.
    dirty: BTreeSet<usize>,
}

impl Content {
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.set_len(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
        }
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let changed = self.cached.len().min(len)..self.cached.len().max(len);
        self.cached.resize(len, 0);
        if !changed.is_empty() {
            self.dirty
                .extend(changed.start / SECTOR..=(changed.end - 1) / SECTOR);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.persist(sector);
        }
    }

    /// A sync that fails: some sectors reach the disk, and all count as clean.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.persist_some(random);
    }

    /// The power goes: some sectors reach the disk, and the cache is gone.
    pub(super) fn crash(&mut self, random: &mut Random) {
        self.persist_some(random);
        self.cached = self.durable.clone();
    }

    pub(super) fn flip_bit(&mut self, offset: usize, bit: u32) -> bool {
        let mask = 1u8 << (bit % 8);
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        self.cached.get_mut(offset).map(|byte| *byte ^= mask).is_some()
    }

    fn persist_some(&mut self, random: &mut Random) {
        let dirty = std::mem::take(&mut self.dirty);
        let percent = [0, 20, 50, 80, 100][random.below(5) as usize];
        if dirty.is_empty() {
            return;
        }
        let (old, new) = (self.durable.len(), self.cached.len());
        let between = old.abs_diff(new) as u64;
        let len = match random.below(3) {
            0 => old,
            1 => new,
            _ => old.min(new) + random.below(between + 1) as usize,
        };
        self.durable.resize(len, 0);
        for sector in dirty {
            if random.chance(percent) {
                self.persist(sector);
            }
        }
    }

    fn persist(&mut self, sector: usize) {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(self.cached.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.cached[start..end]);
        }
    }
}
