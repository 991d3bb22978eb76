//! The shards of one broker.

use std::path::Path;
use std::sync::Arc;

use futures::future::try_join_all;
use postroad_log::{Journal, Storage};
use postroad_shard::shard::Timing;
use postroad_shard::{EffectObserver, NoPeers, Shard, ShardError, ShardOptions};
use postroad_types::{BrokerId, ShardId};

use crate::node::Clock;

/// What every shard of a broker shares.
pub(crate) struct ShardFactory<'a> {
    pub(crate) broker: BrokerId,
    pub(crate) journal: &'a Journal,
    pub(crate) storage: &'a Arc<dyn Storage>,
    pub(crate) folder: &'a Path,
    pub(crate) observer: Arc<dyn EffectObserver>,
    pub(crate) clock: Clock,
}

impl ShardFactory<'_> {
    /// Opens all shards, makes this broker their voter where they have none, and waits until it leads them.
    pub(crate) async fn start(&self, count: u32) -> Result<Vec<Arc<Shard>>, ShardError> {
        let opened = (0..count).map(|id| self.open(ShardId(id)));
        let shards = try_join_all(opened).await?;
        try_join_all(shards.iter().map(|shard| self.lead(shard))).await?;
        Ok(shards)
    }

    async fn open(&self, shard: ShardId) -> Result<Arc<Shard>, ShardError> {
        let clock = self.clock;
        let options = ShardOptions {
            shard,
            broker: self.broker.0,
            journal: self.journal.clone(),
            storage: Arc::clone(self.storage),
            folder: self.folder.join(format!("{:04}", shard.0)),
            transport: Arc::new(NoPeers),
            observer: Arc::clone(&self.observer),
            clock: Arc::new(move || clock.now()),
            timing: Timing::default(),
        };
        Shard::open(options).await.map(Arc::new)
    }

    async fn lead(&self, shard: &Shard) -> Result<(), ShardError> {
        shard.initialize(&[self.broker.0]).await?;
        shard.lead().await
    }
}
