//! The watches: each feeds a cache or none, and says what has to be looked at when something changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::{Resource, ResourceExt};
use postroad_admin_api::Kind;
use postroad_crds::PostroadCluster;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::broker::Registry;
use crate::broker::drift::Declarations;
use crate::controller::Guarded;
use crate::messaging::Messaging;
use crate::metrics::Metrics;
use crate::names::{CLUSTER_LABEL, MANAGED};
use crate::pokes::{ObjectKey, Pokes};
use crate::state::{State, Writers};
use crate::watch::seen::of_declared;
use crate::watch::{Change, Seen, Source, observe, reflect};

/// What every watch works with.
#[derive(Clone)]
pub struct Watchers {
    /// Makes watches.
    pub source: Source,
    /// Where objects go.
    pub state: Arc<State>,
    /// Told of clusters and objects that are gone.
    pub registry: Arc<Registry>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Watchers {
    /// Starts all of them on `tasks`. None ends by itself.
    pub fn start(&self, tasks: &mut JoinSet<()>, writers: Writers) {
        self.clone().clusters(tasks, writers.clusters);
        self.clone().messaging(tasks, writers.topics);
        self.clone().messaging(tasks, writers.queues);
        self.clone().messaging(tasks, writers.subscriptions);
        self.owned::<StatefulSet>(tasks);
        self.owned::<Service>(tasks);
        self.owned::<ConfigMap>(tasks);
        self.owned::<Secret>(tasks);
        self.owned::<ServiceAccount>(tasks);
        self.owned::<PodDisruptionBudget>(tasks);
        self.pods(tasks);
    }

    fn clusters(self, tasks: &mut JoinSet<()>, writer: Writer<Guarded<PostroadCluster>>) {
        let feeds = self.source.feeds("");
        tasks.spawn(async move {
            let mut seen = Seen::default();
            let told = |change: Change<'_, Guarded<PostroadCluster>>| match change {
                Change::Applied(cluster) => {
                    let key = ObjectKey::of(cluster);
                    if seen.is_news(&key, of_declared(cluster.meta())) {
                        // It may admit other namespaces now, or be the only cluster no more.
                        self.state.reconcile_all(&key);
                        self.state.clusters.pokes.poke(key);
                    }
                }
                Change::Deleted(cluster) => {
                    let key = ObjectKey::of(cluster);
                    seen.forget(&key);
                    self.registry.gone(&key);
                    self.state.reconcile_all(&key);
                }
            };
            reflect(feeds, writer, &self.metrics, told).await;
        });
    }

    fn messaging<K: Messaging>(self, tasks: &mut JoinSet<()>, writer: Writer<Guarded<K>>) {
        let feeds = self.source.feeds("");
        tasks.spawn(async move {
            let (mut seen, mut seen_by_others) = (Seen::default(), Seen::default());
            let told = |change: Change<'_, Guarded<K>>| match change {
                Change::Applied(object) => {
                    let key = ObjectKey::of(object);
                    self.index(&key, object);
                    if seen.is_news(&key, of_declared(object.meta())) {
                        K::objects(&self.state).pokes.poke(key.clone());
                    }
                    if seen_by_others.is_news(&key, of_referred(object)) {
                        self.dependents::<K>(&key);
                    }
                }
                Change::Deleted(object) => {
                    let key = ObjectKey::of(object);
                    seen.forget(&key);
                    seen_by_others.forget(&key);
                    let heirs = self.state.index.lock().remove(K::KIND, &key);
                    K::objects(&self.state).pokes.poke_all(heirs);
                    // So that its backoff is forgotten.
                    K::objects(&self.state).pokes.poke(key.clone());
                    self.dependents::<K>(&key);
                    self.registry.declaration_deleted();
                }
            };
            reflect(feeds, writer, &self.metrics, told).await;
        });
    }

    /// Keeps the index. An object that can't be read refers to nothing that is known.
    fn index<K: Messaging>(&self, key: &ObjectKey, object: &Guarded<K>) {
        let mut index = self.state.index.lock();
        match object
            .0
            .as_ref()
            .ok()
            .and_then(|object| Some((object, object.admin_key()?)))
        {
            Some((object, resource)) => {
                let topic = object.topic_ref().map(|topic| {
                    ObjectKey::new(topic.namespace.as_deref().unwrap_or(&key.namespace), &topic.name)
                });
                let created = object.creation_timestamp().map(|time| time.0);
                index.put(key.clone(), created, resource, topic);
            }
            None => {
                index.remove(K::KIND, key);
            }
        }
    }

    /// The subscriptions of a topic look at it when it changes.
    fn dependents<K: Messaging>(&self, key: &ObjectKey) {
        if K::KIND == Kind::Topic {
            let subscriptions = self.state.index.lock().subscriptions_of(key);
            self.state.subscriptions.pokes.poke_all(subscriptions);
        }
    }

    /// What a cluster is made of: a change by somebody else is undone at once. Only the metadata is read.
    fn owned<K>(&self, tasks: &mut JoinSet<()>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Send
            + 'static,
        PartialObjectMeta<K>: DeserializeOwned,
    {
        let feeds = self.source.feeds::<PartialObjectMeta<K>>(MANAGED);
        let (pokes, metrics) = (self.state.clusters.pokes.clone(), self.metrics.clone());
        tasks.spawn(async move {
            observe(feeds, &metrics, |object| poke_owner(object, &pokes)).await;
        });
    }

    /// Pods are owned by the StatefulSet; their label says which cluster they are of.
    fn pods(&self, tasks: &mut JoinSet<()>) {
        let feeds = self.source.feeds::<PartialObjectMeta<Pod>>(MANAGED);
        let (pokes, metrics) = (self.state.clusters.pokes.clone(), self.metrics.clone());
        tasks.spawn(async move {
            let told = |pod: &PartialObjectMeta<Pod>| {
                if let Some(cluster) = pod.labels().get(CLUSTER_LABEL) {
                    pokes.poke(ObjectKey::new(pod.namespace().unwrap_or_default(), cluster));
                }
            };
            observe(feeds, &metrics, told).await;
        });
    }
}

fn poke_owner<K: Resource>(object: &K, pokes: &Pokes) {
    let meta = object.meta();
    let namespace = meta.namespace.clone().unwrap_or_default();
    for owner in meta.owner_references.iter().flatten() {
        if owner.kind == PostroadCluster::kind(&()) && owner.api_version == PostroadCluster::api_version(&())
        {
            pokes.poke(ObjectKey::new(namespace.clone(), owner.name.clone()));
        }
    }
}

/// What matters of an object to those that refer to it.
fn of_referred<K: Messaging>(object: &Guarded<K>) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.meta().uid.hash(&mut hasher);
    object.meta().deletion_timestamp.is_some().hash(&mut hasher);
    if let Ok(object) = &object.0 {
        let reported = object.reported();
        reported.cluster.hash(&mut hasher);
        reported.id.hash(&mut hasher);
    }
    hasher.finish()
}
