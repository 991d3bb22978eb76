//! Step 3: the objects that a cluster is made of. Pure: the same cluster always gives the same objects.
//!
//! Every object but the volumes is owned by the PostroadCluster and goes with it.

mod budget;
mod config;
mod meta;
mod pod;
mod secret;
mod services;
mod stateful_set;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use postroad_crds::PostroadCluster;

pub use meta::{Names, pod_selector};
pub use secret::{TOKEN_BYTES, TOKEN_KEY, token_of, token_secret};

use crate::context::ClusterDefaults;
use crate::error::Failure;

/// The objects of a cluster, except the Secret of its admin token, which is made once.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The brokers' identity in Kubernetes; it has no permissions.
    pub account: ServiceAccount,
    /// The brokers' configuration file.
    pub config: ConfigMap,
    /// The Service by which each broker is reached, ready or not.
    pub headless: Service,
    /// The Service that clients connect to.
    pub service: Service,
    /// How many brokers may be down for maintenance.
    pub budget: PodDisruptionBudget,
    /// The brokers.
    pub stateful_set: StatefulSet,
}

/// Builds the objects of `cluster`.
///
/// # Errors
/// When it has no name or uid: it did not come from an API server.
pub fn build(cluster: &PostroadCluster, defaults: &ClusterDefaults) -> Result<Built, Failure> {
    let names = Names::of(cluster)?;
    let config = config::config_map(cluster, &names);
    Ok(Built {
        account: meta::service_account(&names),
        headless: services::headless(&names),
        service: services::client(cluster, &names),
        budget: budget::disruption_budget(&names),
        stateful_set: stateful_set::stateful_set(cluster, defaults, &names, &config),
        config,
    })
}
