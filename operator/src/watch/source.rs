//! Which objects are watched.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use crate::backoff::BackoffLimits;

/// Seconds after which a watch is begun anew; kube advises less than 290, so that a dead connection is noticed.
const WATCH_SECONDS: u32 = 240;

/// The namespaces the operator looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// All of them.
    #[default]
    All,
    /// These.
    Some(BTreeSet<String>),
}

impl Namespaces {
    /// All, if there is none in the list.
    pub fn from_list(list: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<_> = list.into_iter().filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            Self::All
        } else {
            Self::Some(names)
        }
    }

    /// Whether the operator looks at `namespace`.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(namespace),
        }
    }
}

/// The events of one watch: of all namespaces, or of one.
pub struct Feed<K> {
    /// The namespace; none for all.
    pub namespace: Option<String>,
    /// The events. Never ends; goes on after an error.
    pub events: BoxStream<'static, watcher::Result<Event<K>>>,
}

/// Makes watches.
#[derive(Clone)]
pub struct Source {
    client: Client,
    namespaces: Namespaces,
    backoff: BackoffLimits,
}

impl Source {
    /// Watches of `namespaces`, which wait between attempts as `backoff` says.
    #[must_use]
    pub fn new(client: Client, namespaces: Namespaces, backoff: BackoffLimits) -> Self {
        Self {
            client,
            namespaces,
            backoff,
        }
    }

    /// Watches of a kind: one, or one for each namespace. `labels` is a label selector; empty for all objects.
    /// `managedFields`, which nothing here reads, are dropped before they take memory.
    #[must_use]
    pub fn feeds<K>(&self, labels: &str) -> Vec<Feed<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let feed = |namespace: Option<&str>| {
            let api: Api<K> = match namespace {
                None => Api::all(self.client.clone()),
                Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            };
            let mut config = watcher::Config::default().timeout(WATCH_SECONDS);
            if !labels.is_empty() {
                config = config.labels(labels);
            }
            let events = watcher(api, config)
                .backoff(Waits::new(self.backoff))
                .modify(|object| {
                    object.meta_mut().managed_fields = None;
                });
            Feed {
                namespace: namespace.map(str::to_owned),
                events: events.boxed(),
            }
        };
        match &self.namespaces {
            Namespaces::All => vec![feed(None)],
            Namespaces::Some(names) => names.iter().map(|name| feed(Some(name))).collect(),
        }
    }
}

/// The waits of one watch.
struct Waits {
    limits: BackoffLimits,
    failures: u32,
}

impl Waits {
    fn new(limits: BackoffLimits) -> Self {
        Self { limits, failures: 0 }
    }
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        Some(self.limits.jittered(self.failures))
    }
}

impl Backoff for Waits {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The waits of a watch between attempts, in production.
pub const WATCH_BACKOFF: BackoffLimits = BackoffLimits {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(30),
};
