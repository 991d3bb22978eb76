//! Resources: changes, look-ups, lists.

use std::sync::Arc;

use postroad_core::{Catalog, Change, Changed, Command, Reply, Subscription, Topic};
use postroad_types::{Error, Namespace, Owner, ResourceName, Result, ShardId, SubscriptionName, TopicName};

use crate::node::Node;

/// Items of a page when the caller doesn't say.
const DEFAULT_PAGE: usize = 100;
/// Items of a page at most.
const MAX_PAGE: usize = 1_000;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, by name.
    pub items: Vec<T>,
    /// Give this to get the next page; none at the end.
    pub next: Option<String>,
}

impl Node {
    /// Applies changes in order; each has its own result. Returns once they are durable, and true in the shards too.
    /// A caller that loses interest leaves nothing half done.
    pub async fn change(&self, owner: Owner, changes: Vec<Change>) -> Vec<Result<Changed>> {
        let (node, count) = (self.clone(), changes.len());
        let task = tokio::spawn(async move { node.change_all(owner, changes).await });
        task.await.unwrap_or_else(|error| {
            let error = Error::internal(format!("the change was interrupted: {error}"));
            vec![Err(error); count]
        })
    }

    async fn change_all(&self, owner: Owner, changes: Vec<Change>) -> Vec<Result<Changed>> {
        let _one_at_a_time = self.inner.changing.lock().await;
        let results = self.propose_changes(owner, changes).await;
        let mut finished = Vec::with_capacity(results.len());
        for result in results {
            finished.push(match result {
                Ok(changed) => self.reconcile_change(&changed).await.map(|()| changed),
                Err(error) => Err(error),
            });
        }
        finished
    }

    async fn propose_changes(&self, owner: Owner, changes: Vec<Change>) -> Vec<Result<Changed>> {
        let catalog = match self.inner.ready().and_then(|()| self.catalog_shard()) {
            Ok(shard) => shard,
            Err(error) => return changes.iter().map(|_| Err(error.clone())).collect(),
        };
        let commands = changes.into_iter().map(|change| Command::change(owner, change));
        let replies = catalog.propose_all(commands).await;
        let changed = |reply| match reply {
            Reply::Changed(changed) => Ok(changed),
            other => Err(Error::internal(format!(
                "unexpected reply to a change: {other:?}"
            ))),
        };
        replies.into_iter().map(|reply| reply.and_then(changed)).collect()
    }

    fn catalog_shard(&self) -> Result<Arc<postroad_shard::Shard>> {
        self.inner
            .shard(ShardId::CATALOG)
            .ok_or_else(|| Error::unavailable("the broker belongs to no cluster yet"))
    }

    /// A topic by name.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while the node is not ready.
    pub fn topic(&self, name: &TopicName) -> Result<Arc<Topic>> {
        self.inner.ready()?;
        let found = self.inner.catalog(|catalog| catalog.topic(name).cloned())?;
        found.ok_or_else(|| Error::not_found(name))
    }

    /// A subscription by name.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` while the node is not ready.
    pub fn subscription(&self, name: &SubscriptionName) -> Result<Arc<Subscription>> {
        self.inner.ready()?;
        let found = self
            .inner
            .catalog(|catalog| catalog.subscription(name).cloned())?;
        found.ok_or_else(|| Error::not_found(name))
    }

    /// Topics by name, of one namespace or of all. `size` 0 means 100, the most is 1,000; `token` is empty or from the
    /// page before.
    ///
    /// # Errors
    /// `InvalidArgument` when the token is not one; `Unavailable` while the node is not ready.
    pub fn topics(
        &self,
        namespace: Option<&Namespace>,
        size: usize,
        token: &str,
    ) -> Result<Page<Arc<Topic>>> {
        let after = read_token(token)?.map(TopicName);
        self.page(
            size,
            |topic: &Arc<Topic>| topic.name.0.to_string(),
            |catalog, take| {
                catalog
                    .topics(namespace, after.as_ref())
                    .take(take)
                    .cloned()
                    .collect()
            },
        )
    }

    /// Subscriptions by name, paged as [`Self::topics`].
    ///
    /// # Errors
    /// As [`Self::topics`].
    pub fn subscriptions(
        &self,
        namespace: Option<&Namespace>,
        size: usize,
        token: &str,
    ) -> Result<Page<Arc<Subscription>>> {
        let after = read_token(token)?.map(SubscriptionName);
        self.page(
            size,
            |found: &Arc<Subscription>| found.name.0.to_string(),
            |catalog, take| {
                catalog
                    .subscriptions(namespace, after.as_ref())
                    .take(take)
                    .cloned()
                    .collect()
            },
        )
    }

    /// The names of a topic's subscriptions, paged as [`Self::topics`].
    ///
    /// # Errors
    /// As [`Self::topics`], and `NotFound` when there is no such topic.
    pub fn topic_subscriptions(
        &self,
        topic: &TopicName,
        size: usize,
        token: &str,
    ) -> Result<Page<SubscriptionName>> {
        let topic = self.topic(topic)?.id;
        let after = read_token(token)?.map(SubscriptionName);
        self.page(
            size,
            |name: &SubscriptionName| name.0.to_string(),
            |catalog, take| {
                let found = catalog.topic_subscriptions(topic, after.as_ref());
                found
                    .take(take)
                    .map(|subscription| subscription.name.clone())
                    .collect()
            },
        )
    }

    fn page<T>(
        &self,
        size: usize,
        token: impl Fn(&T) -> String,
        list: impl FnOnce(&Catalog, usize) -> Vec<T>,
    ) -> Result<Page<T>> {
        self.inner.ready()?;
        let size = if size == 0 {
            DEFAULT_PAGE
        } else {
            size.min(MAX_PAGE)
        };
        let mut items = self.inner.catalog(|catalog| list(catalog, size + 1))?;
        let more = items.len() > size;
        items.truncate(size);
        let next = if more { items.last().map(token) } else { None };
        Ok(Page { items, next })
    }

    /// The catalog's revision, once it is above `seen`.
    ///
    /// # Errors
    /// `Unavailable` when the node stops.
    pub async fn catalog_changed(&self, seen: u64) -> Result<u64> {
        let mut revisions = self.inner.events.revisions();
        let stopping = || Error::unavailable("the broker is stopping");
        tokio::select! {
            () = self.inner.stopping.cancelled() => Err(stopping()),
            revision = revisions.wait_for(|revision| *revision > seen) => {
                revision.map(|revision| *revision).map_err(|_| stopping())
            }
        }
    }
}

/// A token is the name of the last item of the page before.
fn read_token(token: &str) -> Result<Option<ResourceName>> {
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || Error::invalid("page_token is not valid: give the token of the page before, or none");
    let (namespace, name) = token.split_once('/').ok_or_else(invalid)?;
    ResourceName::parse(namespace, name)
        .map(Some)
        .map_err(|_| invalid())
}
