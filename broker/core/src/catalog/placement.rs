//! Which shard a new partition goes to.

use postroad_types::ShardId;

/// The most shards a cluster can have, the catalog among them.
pub const MAX_SHARDS: u32 = 1024;

/// How many partitions each data shard holds. Derived from the topics, so it is not in the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// By shard number, from shard 1 on.
    loads: Vec<u64>,
}

impl Placement {
    /// No partitions on any of the data shards among `shards`.
    pub(super) fn new(shards: u32) -> Self {
        Self {
            loads: vec![0; shards.saturating_sub(1) as usize],
        }
    }

    /// A shard for a new partition: the lowest of those with the fewest partitions. None when there is no data shard.
    pub(super) fn choose(&mut self) -> Option<ShardId> {
        let (position, load) = self.loads.iter_mut().enumerate().min_by_key(|(_, load)| **load)?;
        *load += 1;
        Some(ShardId(position as u32 + 1))
    }

    /// Counts a partition that is placed already; false when there is no such data shard.
    pub(super) fn add(&mut self, shard: ShardId) -> bool {
        self.slot(shard).map(|load| *load += 1).is_some()
    }

    /// Forgets a partition that was placed.
    pub(super) fn remove(&mut self, shard: ShardId) {
        if let Some(load) = self.slot(shard) {
            *load = load.saturating_sub(1);
        }
    }

    fn slot(&mut self, shard: ShardId) -> Option<&mut u64> {
        let position = shard.0.checked_sub(1)?;
        self.loads.get_mut(position as usize)
    }
}
