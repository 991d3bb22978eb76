//! What the shards tell the node: a new record wakes the consumers of its topic, a catalog change its watchers.

use std::sync::Arc;

use postroad_core::Effect;
use postroad_shard::EffectObserver;
use postroad_types::ShardId;
use tokio::sync::watch;

use crate::hub::Hubs;

/// Passes effects on.
pub(crate) struct Events {
    hubs: Arc<Hubs>,
    revision: watch::Sender<u64>,
}

impl Events {
    /// Wakes the consumers in `hubs`.
    pub(crate) fn new(hubs: Arc<Hubs>) -> Self {
        Self {
            hubs,
            revision: watch::Sender::new(0),
        }
    }

    /// The catalog's revision as it grows.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// What the catalog's revision is after a start.
    pub(crate) fn starts_at(&self, revision: u64) {
        self.revision.send_if_modified(|current| {
            let grown = revision > *current;
            *current = revision.max(*current);
            grown
        });
    }
}

impl EffectObserver for Events {
    fn applied(&self, _shard: ShardId, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Appended { partition, .. } => self.hubs.wake(partition.topic),
                Effect::CatalogChanged { revision } => self.starts_at(*revision),
                _ => {}
            }
        }
    }
}
