//! The state of shard 0: the cluster's identity and its resources.
//!
//! `change.rs` says what can be asked for, `apply.rs`, `update.rs` and `remove.rs` do it, `owner.rs` says who may, `spec.rs`
//! what a spec may be, `placement.rs` where partitions go, `store.rs` keeps the maps.

mod apply;
mod change;
mod owner;
mod placement;
mod remove;
mod restore;
mod spec;
mod store;
mod subscription;
mod topic;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use postroad_types::{
    Error, Namespace, ResourceName, Result, SubscriptionId, SubscriptionName, TopicId, TopicName,
};

pub use change::{Change, Changed, Kind, Outcome, PutMode};
pub use placement::MAX_SHARDS;
use placement::Placement;
pub use subscription::Subscription;
pub use topic::Topic;

use crate::reply::Reply;

/// Letters of a cluster id.
const MAX_CLUSTER_ID: usize = 64;

/// What a cluster is, given once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: String,
    /// How many shards it has, the catalog among them.
    pub shards: u32,
}

/// The cluster's topics, subscriptions and queues.
///
/// Invariants (see [`Catalog::validate`]): a topic or subscription is in the maps by name and by number or in none;
/// `attached` lists the subscriptions of every topic that has any, and a subscription's topic is there; a queue has a topic
/// and a subscription of its name, with one owner; numbers are below `next_id`; no resources before the bootstrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    cluster: Option<Cluster>,
    next_id: u64,
    revision: u64,
    topics: BTreeMap<TopicName, Arc<Topic>>,
    subscriptions: BTreeMap<SubscriptionName, Arc<Subscription>>,
    topics_by_id: BTreeMap<TopicId, Arc<Topic>>,
    subscriptions_by_id: BTreeMap<SubscriptionId, Arc<Subscription>>,
    attached: BTreeMap<TopicId, BTreeSet<SubscriptionName>>,
    placement: Placement,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            cluster: None,
            next_id: 1,
            revision: 0,
            topics: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            topics_by_id: BTreeMap::new(),
            subscriptions_by_id: BTreeMap::new(),
            attached: BTreeMap::new(),
            placement: Placement::default(),
        }
    }
}

impl Catalog {
    /// What the cluster is; none before the bootstrap.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Grows with each change; 0 before the bootstrap.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A topic, or a queue's topic.
    #[must_use]
    pub fn topic(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// A topic by its number.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics_by_id.get(&id)
    }

    /// A subscription, or a queue's subscription.
    #[must_use]
    pub fn subscription(&self, name: &SubscriptionName) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(name)
    }

    /// A subscription by its number.
    #[must_use]
    pub fn subscription_by_id(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions_by_id.get(&id)
    }

    /// Topics by name: of one namespace or of all, those after a name or all.
    pub fn topics<'a>(
        &'a self,
        namespace: Option<&'a Namespace>,
        after: Option<&TopicName>,
    ) -> impl Iterator<Item = &'a Arc<Topic>> + 'a {
        let from = from(namespace.map(lowest_name).map(TopicName), after.cloned());
        let range = self
            .topics
            .range((from, Bound::Unbounded))
            .map(|(_, topic)| topic);
        range.take_while(move |topic| namespace.is_none_or(|namespace| topic.name.namespace() == namespace))
    }

    /// Subscriptions by name: of one namespace or of all, those after a name or all.
    pub fn subscriptions<'a>(
        &'a self,
        namespace: Option<&'a Namespace>,
        after: Option<&SubscriptionName>,
    ) -> impl Iterator<Item = &'a Arc<Subscription>> + 'a {
        let from = from(namespace.map(lowest_name).map(SubscriptionName), after.cloned());
        let range = self
            .subscriptions
            .range((from, Bound::Unbounded))
            .map(|(_, subscription)| subscription);
        range.take_while(move |found| namespace.is_none_or(|namespace| found.name.namespace() == namespace))
    }

    /// A topic's subscriptions by name: those after a name or all.
    pub fn topic_subscriptions<'a>(
        &'a self,
        topic: TopicId,
        after: Option<&SubscriptionName>,
    ) -> impl Iterator<Item = &'a Arc<Subscription>> + 'a {
        let from = from(None, after.cloned());
        let names = self
            .attached
            .get(&topic)
            .map(|names| names.range((from, Bound::Unbounded)));
        names
            .into_iter()
            .flatten()
            .filter_map(|name| self.subscriptions.get(name))
    }

    /// Makes this the catalog of a cluster; nothing when it is that cluster's.
    pub(crate) fn bootstrap(&mut self, cluster_id: &str, shards: u32) -> Result<Reply> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if cluster_id.is_empty() || cluster_id.len() > MAX_CLUSTER_ID || !cluster_id.chars().all(allowed) {
            return Err(Error::invalid(format!(
                "cluster id {cluster_id:?} is not valid: it needs 1 to {MAX_CLUSTER_ID} letters, digits or -"
            )));
        }
        if !(2..=MAX_SHARDS).contains(&shards) {
            return Err(Error::invalid(format!(
                "shards is {shards}; it must be 2 to {MAX_SHARDS}: the catalog and at least one for partitions"
            )));
        }
        match &self.cluster {
            Some(cluster) if cluster.id != cluster_id => Err(Error::precondition(format!(
                "this broker belongs to cluster {:?}, not to {cluster_id:?}; a broker joins one cluster in its life",
                cluster.id
            ))),
            Some(cluster) if cluster.shards != shards => Err(Error::precondition(format!(
                "cluster {cluster_id:?} was made with {} shards; their number can't be changed to {shards}",
                cluster.shards
            ))),
            Some(_) => Ok(Reply::Bootstrapped {
                cluster_id: cluster_id.to_owned(),
                shards,
            }),
            None => {
                self.cluster = Some(Cluster {
                    id: cluster_id.to_owned(),
                    shards,
                });
                self.placement = Placement::new(shards);
                self.revision += 1;
                Ok(Reply::Bootstrapped {
                    cluster_id: cluster_id.to_owned(),
                    shards,
                })
            }
        }
    }
}

/// Where a page of a list begins: after `after`, but not before `lowest`.
fn from<T: Ord>(lowest: Option<T>, after: Option<T>) -> Bound<T> {
    match (lowest, after) {
        (Some(lowest), Some(after)) if after < lowest => Bound::Included(lowest),
        (_, Some(after)) => Bound::Excluded(after),
        (Some(lowest), None) => Bound::Included(lowest),
        (None, None) => Bound::Unbounded,
    }
}

/// The name that sorts before every other of a namespace: the shortest there can be, of the lowest letter allowed.
fn lowest_name(namespace: &Namespace) -> ResourceName {
    ResourceName::new(namespace.clone(), "%").expect("% is a name")
}
