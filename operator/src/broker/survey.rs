//! A cluster's catalog, watched and compared with what is declared.
//!
//! The catalog is listed when the watch on it begins (which is also when a broker was restarted), when its revision
//! changes, when an object was deleted in Kubernetes, and once in a while. Listing never takes more than a fifth of the
//! time, however fast the catalog changes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use postroad_admin_api::{Client, ClientError, Described, ListQuery, MAX_PAGE_SIZE};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::batch::{Batcher, Change};
use super::drift::{Declarations, compare};
use crate::backoff::BackoffLimits;
use crate::pokes::ObjectKey;

/// A change is fixed within a second; until then, others may come with it.
const SETTLE: Duration = Duration::from_millis(100);
/// The catalog is listed at least this often.
const PERIOD: Duration = Duration::from_secs(300);
/// The pause after a listing, as a multiple of how long it took.
const PAUSE: u32 = 4;
const RECONNECT: BackoffLimits = BackoffLimits {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};

/// Surveys one cluster.
pub struct Survey {
    /// The cluster.
    pub cluster: ObjectKey,
    /// Its admin API.
    pub client: Client,
    /// Where changes go.
    pub batcher: Batcher,
    /// What is declared.
    pub declarations: Arc<dyn Declarations>,
    /// Told when an object was deleted in Kubernetes.
    pub deleted: Arc<Notify>,
}

impl Survey {
    /// Surveys until it is dropped.
    pub async fn run(self) {
        let mut failures: u32 = 0;
        loop {
            let begun = Instant::now();
            let Err(error) = self.follow().await;
            // A watch that lasted was a good one: what ended it is news.
            if begun.elapsed() > RECONNECT.longest {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            if failures == 1 {
                tracing::info!(cluster = %self.cluster, %error, "the watch on the catalog ended; watching again");
            } else {
                tracing::debug!(cluster = %self.cluster, %error, failures, "the catalog can't be watched yet");
            }
            sleep(RECONNECT.jittered(failures)).await;
        }
    }

    /// Watches until the watch ends.
    async fn follow(&self) -> Result<std::convert::Infallible, ClientError> {
        let mut watch = self.client.watch(0).await?;
        loop {
            let begun = Instant::now();
            self.compare().await?;
            sleep(begun.elapsed().saturating_mul(PAUSE).max(SETTLE)).await;
            tokio::select! {
                revision = timeout(PERIOD, watch.next()) => match revision {
                    Ok(Some(revision)) => { revision?; }
                    Ok(None) => return Err(ended(&self.cluster)),
                    Err(_) => {}
                },
                () = self.deleted.notified() => {}
            }
            sleep(SETTLE).await;
        }
    }

    async fn compare(&self) -> Result<(), ClientError> {
        // The catalog first: what is declared and applied in between is then at worst reconciled once too often. The other
        // way round, it would be taken for orphaned.
        let catalog = self.list().await?;
        let differences = compare(&catalog, &self.declarations.declared(&self.cluster));
        if !differences.reconcile.is_empty() {
            tracing::debug!(cluster = %self.cluster, objects = differences.reconcile.len(), "the catalog differs");
            self.declarations.reconcile(differences.reconcile);
        }
        let releases = differences.release.into_iter().map(|key| async move {
            tracing::info!(cluster = %self.cluster, resource = %key, "not declared any more; it stays, with its data");
            if let Err(error) = self.batcher.submit(Change::Release(key.clone())).await {
                tracing::warn!(cluster = %self.cluster, resource = %key, %error, "can't be released; trying again");
            }
        });
        futures::stream::iter(releases)
            .buffer_unordered(super::batch::MAX_CHANGES)
            .collect::<()>()
            .await;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Described>, ClientError> {
        let mut query = ListQuery {
            page_size: MAX_PAGE_SIZE,
            ..ListQuery::default()
        };
        let mut catalog = Vec::new();
        loop {
            let page = self.client.list(&query).await?;
            catalog.extend(page.resources);
            match page.next_page_token {
                Some(token) => query.page_token = token,
                None => return Ok(catalog),
            }
        }
    }
}

fn ended(cluster: &ObjectKey) -> ClientError {
    ClientError::Unreachable {
        url: cluster.to_string(),
        reason: "the watch ended".to_owned(),
    }
}
