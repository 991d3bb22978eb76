//! When checkpoints are taken: as records pile up in memory, and as the journal grows.

use std::sync::Arc;
use std::time::Duration;

use postroad_shard::Shard;
use postroad_types::ShardId;

use crate::node::{Inner, Node};

/// How often it is asked whether a checkpoint is due.
const PERIOD: Duration = Duration::from_millis(250);
/// Journal files that hold entries which are in no checkpoint, before the oldest shard's turn comes.
const JOURNAL_FILES: u64 = 8;

/// Takes checkpoints until the node stops.
pub(crate) fn spawn(node: &Node) {
    let inner = Arc::downgrade(&node.inner);
    let stopping = node.stopping();
    node.inner.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let Some(inner) = inner.upgrade() else { return };
            // As many as are due, but each shard once: one that can't get any further must not keep the others waiting.
            for _ in 0..inner.shards().len() {
                let Some(shard) = due(&inner).filter(|_| !stopping.is_cancelled()) else {
                    break;
                };
                take(&inner, &shard).await;
            }
        }
    });
}

async fn take(inner: &Inner, shard: &Shard) {
    let started = std::time::Instant::now();
    match shard.checkpoint().await {
        Ok(()) => inner
            .metrics
            .checkpoint_duration
            .observe(started.elapsed().as_secs_f64()),
        // The shard has stopped, which is watched and reported elsewhere.
        Err(error) => tracing::debug!(%error, "no checkpoint"),
    }
}

/// The shard whose checkpoint is due; the one with most in memory, or the one that holds the oldest journal file.
fn due(inner: &Inner) -> Option<Arc<Shard>> {
    let unflushed: usize = inner.shards().iter().map(|shard| shard.unflushed_bytes()).sum();
    if unflushed > inner.options.checkpoint_bytes {
        return inner
            .shards()
            .iter()
            .max_by_key(|shard| shard.unflushed_bytes())
            .cloned();
    }
    let journal = inner.journal.stats();
    if journal.live_bytes > inner.options.journal_file_bytes * JOURNAL_FILES {
        return inner.shard(ShardId(journal.oldest_shard?));
    }
    None
}
