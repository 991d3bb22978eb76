//! What the operator knows of its four kinds: caches fed by watches, the queues of what to look at, and the index.

use kube::Resource;
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::store::{Store, Writer};
use kube::runtime::reflector::{self, ObjectRef, store::WriterDropped};
use parking_lot::Mutex;
use postroad_crds::{PostroadCluster, Queue, Subscription, Topic};
use std::sync::Arc;

use crate::conditions::readiness;
use crate::controller::Guarded;
use crate::index::Index;
use crate::messaging::Messaging;
use crate::metrics::Metrics;
use crate::pokes::{ObjectKey, Pokes};
use crate::watch::Namespaces;

/// The objects of one kind, and those of them to look at.
#[derive(Clone, Debug)]
pub struct Objects<K: Resource<DynamicType = ()> + Clone + 'static> {
    /// The cache.
    pub store: Store<Guarded<K>>,
    /// The queue.
    pub pokes: Pokes,
}

impl<K> Objects<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
{
    fn new() -> (Self, Writer<Guarded<K>>) {
        let (store, writer) = reflector::store();
        (
            Self {
                store,
                pokes: Pokes::default(),
            },
            writer,
        )
    }

    /// The object, if it is there and can be read.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Guarded<K>>> {
        let object: ObjectRef<Guarded<K>> = ObjectRef::new(&key.name).within(&key.namespace);
        self.store.get(&object).filter(|object| object.0.is_ok())
    }

    /// Whether the object is there, readable or not.
    #[must_use]
    pub fn contains(&self, key: &ObjectKey) -> bool {
        let object: ObjectRef<Guarded<K>> = ObjectRef::new(&key.name).within(&key.namespace);
        self.store.get(&object).is_some()
    }

    fn count(&self, metrics: &Metrics, readiness: impl Fn(&K) -> &'static str) {
        let mut counts = [("True", 0), ("False", 0), ("Unknown", 0)];
        for object in self.store.state() {
            let ready = object.0.as_ref().map_or("Unknown", &readiness);
            for (_, count) in counts.iter_mut().filter(|(label, _)| *label == ready) {
                *count += 1;
            }
        }
        for (label, count) in counts {
            metrics.objects(&K::kind(&()), label, count);
        }
    }

    /// Asks for every object to be looked at.
    pub fn poke_all(&self) {
        self.pokes
            .poke_all(self.store.state().iter().map(|object| ObjectKey::of(&**object)));
    }
}

/// The four kinds.
#[derive(Debug)]
pub struct State {
    /// PostroadCluster.
    pub clusters: Objects<PostroadCluster>,
    /// Topic.
    pub topics: Objects<Topic>,
    /// Queue.
    pub queues: Objects<Queue>,
    /// Subscription.
    pub subscriptions: Objects<Subscription>,
    /// Who refers to whom.
    pub index: Mutex<Index>,
    /// The namespaces that are looked at.
    pub namespaces: Namespaces,
}

/// The writing ends of the caches.
pub struct Writers {
    /// PostroadCluster.
    pub clusters: Writer<Guarded<PostroadCluster>>,
    /// Topic.
    pub topics: Writer<Guarded<Topic>>,
    /// Queue.
    pub queues: Writer<Guarded<Queue>>,
    /// Subscription.
    pub subscriptions: Writer<Guarded<Subscription>>,
}

impl State {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(namespaces: Namespaces) -> (Self, Writers) {
        let (clusters, cluster_writer) = Objects::new();
        let (topics, topic_writer) = Objects::new();
        let (queues, queue_writer) = Objects::new();
        let (subscriptions, subscription_writer) = Objects::new();
        let state = Self {
            clusters,
            topics,
            queues,
            subscriptions,
            index: Mutex::default(),
            namespaces,
        };
        let writers = Writers {
            clusters: cluster_writer,
            topics: topic_writer,
            queues: queue_writer,
            subscriptions: subscription_writer,
        };
        (state, writers)
    }

    /// Returns when every cache has been filled.
    ///
    /// # Errors
    /// When a writing end was dropped before.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        self.clusters.store.wait_until_ready().await?;
        self.topics.store.wait_until_ready().await?;
        self.queues.store.wait_until_ready().await?;
        self.subscriptions.store.wait_until_ready().await
    }

    /// Counts the objects by kind and readiness.
    pub fn count(&self, metrics: &Metrics) {
        metrics.forget_objects();
        let conditions = |cluster: &PostroadCluster| {
            cluster
                .status
                .as_ref()
                .map_or("Unknown", |status| readiness(&status.conditions))
        };
        self.clusters.count(metrics, conditions);
        self.topics
            .count(metrics, |topic| readiness(&topic.reported().conditions));
        self.queues
            .count(metrics, |queue| readiness(&queue.reported().conditions));
        self.subscriptions.count(metrics, |subscription| {
            readiness(&subscription.reported().conditions)
        });
    }
}
