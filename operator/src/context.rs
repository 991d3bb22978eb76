//! What every reconciler works with.

use std::sync::Arc;

use kube::Client;

use crate::broker::{Endpoints, Registry};
use crate::clock::SharedClock;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::state::State;

/// Shared by all reconcilers.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The time of day.
    pub clock: SharedClock,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Metrics,
    /// What is known.
    pub state: Arc<State>,
    /// The clusters in use.
    pub registry: Arc<Registry>,
    /// Where admin APIs are.
    pub endpoints: Arc<dyn Endpoints>,
    /// What clusters get that do not say otherwise.
    pub defaults: ClusterDefaults,
}

/// What clusters get that do not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDefaults {
    /// The brokers' image.
    pub image: String,
    /// When it is pulled.
    pub image_pull_policy: String,
}
