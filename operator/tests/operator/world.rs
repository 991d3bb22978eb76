//! A world with one API server, brokers, and any number of operators. Everything is awaited by its condition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postroad_operator::backoff::BackoffLimits;
use postroad_operator::broker::Endpoints;
use postroad_operator::clock::SystemClock;
use postroad_operator::context::ClusterDefaults;
use postroad_operator::controller::Pace;
use postroad_operator::http::Shown;
use postroad_operator::lease::Timing;
use postroad_operator::metrics::Metrics;
use postroad_operator::operator::{Operator, Settings};
use postroad_operator::pokes::ObjectKey;
use postroad_operator::watch::Namespaces;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::store::{Key, merge};
use crate::fake::{FakeApi, FakeBroker, kubelet};

/// Nothing here takes this long, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);

pub const CLUSTERS: &str = "postroadclusters.postroad.dev";
pub const TOPICS: &str = "topics.postroad.dev";
pub const QUEUES: &str = "queues.postroad.dev";
pub const SUBSCRIPTIONS: &str = "subscriptions.postroad.dev";
pub const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

pub struct World {
    pub api: FakeApi,
    /// Of cluster `main` in namespace `shop`.
    pub broker: FakeBroker,
    /// Of cluster `other` in namespace `bank`.
    pub other: FakeBroker,
    kubelet: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.kubelet.abort();
    }
}

/// An operator that runs.
pub struct Running {
    pub stop: CancellationToken,
    pub metrics: Metrics,
    pub shown: Shown,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops it as SIGTERM does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the operator does not panic");
    }

    /// Ends it as SIGKILL does.
    pub fn kill(self) {
        self.task.abort();
    }
}

struct TestEndpoints(BTreeMap<String, String>);

impl Endpoints for TestEndpoints {
    fn cluster(&self, cluster: &ObjectKey, _: bool) -> String {
        self.pod(&format!("{}.{}", cluster.name, cluster.namespace))
    }

    fn pod(&self, address: &str) -> String {
        self.0
            .get(address)
            .cloned()
            .unwrap_or_else(|| "http://127.0.0.1:9".to_owned())
    }
}

impl World {
    pub async fn new() -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let api = FakeApi::new();
        let (broker, other) = (FakeBroker::start().await, FakeBroker::start().await);
        for name in [CLUSTERS, TOPICS, QUEUES, SUBSCRIPTIONS] {
            let key = (DEFINITIONS.to_owned(), String::new(), name.to_owned());
            api.change(|store| store.create(&key, json!({"metadata": {}})).expect("new"));
        }
        let brokers = [
            (("shop", "main"), broker.clone()),
            (("bank", "other"), other.clone()),
        ];
        let brokers =
            brokers.map(|((namespace, name), broker)| ((namespace.to_owned(), name.to_owned()), broker));
        let kubelet = tokio::spawn(kubelet::run(api.clone(), brokers.into()));
        Self {
            api,
            broker,
            other,
            kubelet,
        }
    }

    pub fn settings(identity: &str) -> Settings {
        let backoff = BackoffLimits {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(200),
        };
        let pace = Pace {
            concurrency: 64,
            debounce: Duration::from_millis(2),
            backoff,
        };
        Settings {
            namespace: "postroad-system".to_owned(),
            identity: identity.to_owned(),
            watched: Namespaces::All,
            defaults: ClusterDefaults {
                image: "postroad:test".to_owned(),
                image_pull_policy: "IfNotPresent".to_owned(),
            },
            lease: None,
            watch_backoff: backoff,
            cluster_pace: pace,
            messaging_pace: pace,
        }
    }

    pub fn timing() -> Timing {
        Timing {
            duration: Duration::from_secs(3),
            renew_deadline: Duration::from_secs(2),
            retry: Duration::from_millis(100),
        }
    }

    pub fn operator(&self, identity: &str) -> Running {
        self.run(Self::settings(identity))
    }

    pub fn run(&self, settings: Settings) -> Running {
        let metrics = Metrics::new().expect("metrics");
        let shown = Shown::new(metrics.clone());
        let endpoints = [("main.shop", &self.broker), ("other.bank", &self.other)];
        let endpoints = endpoints.map(|(address, broker)| (address.to_owned(), broker.url.clone()));
        let operator = Operator {
            client: self.api.client(&settings.identity),
            settings,
            endpoints: Arc::new(TestEndpoints(endpoints.into())),
            clock: Arc::new(SystemClock),
            shown: shown.clone(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { operator.run(stop).await }
        });
        Running {
            stop,
            metrics,
            shown,
            task,
        }
    }

    /// Creates or changes an object as `kubectl apply` would, with the CRD's defaults left to the types.
    pub fn apply(&self, resource: &str, namespace: &str, name: &str, spec: Value) {
        let key = key(resource, namespace, name);
        self.api.change(|store| match store.get(&key).cloned() {
            None => {
                store.create(&key, json!({"spec": spec})).expect("new");
            }
            Some(mut object) => {
                object["spec"] = spec;
                store.update(&key, object);
            }
        });
    }

    pub fn annotate(&self, resource: &str, namespace: &str, name: &str, annotations: Value) {
        self.edit(
            resource,
            namespace,
            name,
            json!({"metadata": {"annotations": annotations}}),
        );
    }

    /// Changes part of an object.
    pub fn edit(&self, resource: &str, namespace: &str, name: &str, patch: Value) {
        let key = key(resource, namespace, name);
        self.api.change(|store| {
            let mut object = store.get(&key).cloned().expect("there");
            merge(&mut object, &patch);
            store.update(&key, object);
        });
    }

    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.api
            .change(|store| store.delete(&key(resource, namespace, name)));
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.api
            .0
            .store
            .lock()
            .get(&key(resource, namespace, name))
            .cloned()
    }

    /// Status and reason of a condition: `True Ready`.
    pub fn condition(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        type_: &str,
    ) -> Option<(String, String)> {
        let object = self.get(resource, namespace, name)?;
        let conditions = object["status"]["conditions"].as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == type_)?;
        let summary = format!("{} {}", found["status"].as_str()?, found["reason"].as_str()?);
        Some((summary, found["message"].as_str()?.to_owned()))
    }

    /// How many warnings of this reason were told about the object called `name`.
    pub fn warnings(&self, name: &str, reason: &str) -> usize {
        let store = self.api.0.store.lock();
        let events = store
            .objects
            .iter()
            .filter(|(key, _)| key.0 == "events.events.k8s.io");
        let told = events.filter(|(_, event)| {
            event["type"] == "Warning" && event["reason"] == reason && event["regarding"]["name"] == name
        });
        told.count()
    }

    pub async fn ready(&self, resource: &str, namespace: &str, name: &str) {
        self.reason(resource, namespace, name, "True Ready").await;
    }

    /// Waits until Ready has this status and reason; answers with its message.
    pub async fn reason(&self, resource: &str, namespace: &str, name: &str, wanted: &str) -> String {
        let seen = || {
            let (summary, message) = self.condition(resource, namespace, name, "Ready")?;
            let object = self.get(resource, namespace, name)?;
            let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            (observed && summary == wanted).then_some(message)
        };
        let what = || {
            format!(
                "{resource} {namespace}/{name} {wanted}; it is {:?}",
                self.condition(resource, namespace, name, "Ready")
            )
        };
        eventually(what, seen).await
    }

    /// The cluster `shop/main`, ready.
    pub async fn cluster(&self) {
        self.apply(CLUSTERS, "shop", "main", json!({}));
        self.ready(CLUSTERS, "shop", "main").await;
    }

    /// Waits until the operators' writes have come to an end, and checks that no more follow: converged means quiet.
    pub async fn quiet(&self) {
        let count = || self.api.effective_writes().len() + self.broker.with(|catalog| catalog.changes.len());
        let mut before = count();
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let now = count();
            if now == before {
                return;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "writes go on and on: {:#?}",
                self.api.effective_writes()
            );
            before = now;
        }
    }
}

pub fn key(resource: &str, namespace: &str, name: &str) -> Key {
    (resource.to_owned(), namespace.to_owned(), name.to_owned())
}

/// Waits until `seen` gives something.
pub async fn eventually<T>(what: impl Fn() -> String, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(tokio::time::Instant::now() < end, "never: {}", what());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `holds`.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    eventually(|| what.to_owned(), || holds().then_some(())).await;
}
