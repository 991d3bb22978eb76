//! Names, labels and owners.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};

use crate::error::Failure;
use crate::names::{CLUSTER_LABEL, MANAGED_BY_LABEL};

/// The component of pods and of the Service that clients use; Prometheus finds the Service by it.
pub const BROKER: &str = "broker";
/// The component of the headless Service, which is not scraped a second time.
pub const PEERS: &str = "broker-peers";

/// What the objects of one cluster are called. The CRD bounds the cluster's name, so that all are valid.
#[derive(Clone, Debug)]
pub struct Names {
    /// The cluster's; also the client Service's, the StatefulSet's and the PodDisruptionBudget's.
    pub cluster: String,
    /// The namespace of all.
    pub namespace: String,
    /// The cluster as the owner.
    pub owner: OwnerReference,
}

impl Names {
    /// Those of `cluster`: a PostroadCluster, readable or not.
    ///
    /// # Errors
    /// When it has no name or uid: it did not come from an API server.
    pub fn of<K>(cluster: &K) -> Result<Self, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let owner = cluster.controller_owner_ref(&());
        let owner =
            owner.ok_or_else(|| Failure::Defect("a PostroadCluster without name or uid".to_owned()))?;
        Ok(Self {
            cluster: cluster.name_any(),
            namespace: cluster.namespace().unwrap_or_default(),
            owner,
        })
    }

    /// The ServiceAccount.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{}-broker", self.cluster)
    }

    /// The ConfigMap.
    #[must_use]
    pub fn config(&self) -> String {
        format!("{}-config", self.cluster)
    }

    /// The Secret with the admin API's token.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}-admin-token", self.cluster)
    }

    /// The headless Service.
    #[must_use]
    pub fn headless(&self) -> String {
        format!("{}-headless", self.cluster)
    }

    /// The pod of the broker with this ordinal.
    #[must_use]
    pub fn pod(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.cluster)
    }

    /// The metadata of an object of the cluster.
    #[must_use]
    pub fn meta(&self, name: String, component: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.labels(component)),
            owner_references: Some(vec![self.owner.clone()]),
            ..ObjectMeta::default()
        }
    }

    /// The labels of an object of the cluster.
    #[must_use]
    pub fn labels(&self, component: &str) -> BTreeMap<String, String> {
        let mut labels = selector(&self.cluster);
        labels.insert("app.kubernetes.io/component".to_owned(), component.to_owned());
        labels.insert("app.kubernetes.io/instance".to_owned(), self.cluster.clone());
        labels.insert(
            MANAGED_BY_LABEL.to_owned(),
            crate::names::FIELD_MANAGER.to_owned(),
        );
        labels
    }

    /// The labels by which the brokers' pods are selected.
    #[must_use]
    pub fn selector(&self) -> BTreeMap<String, String> {
        selector(&self.cluster)
    }

    /// The same as a selector.
    #[must_use]
    pub fn label_selector(&self) -> LabelSelector {
        LabelSelector {
            match_labels: Some(self.selector()),
            ..LabelSelector::default()
        }
    }
}

/// The labels by which pods are selected can never change, so they are few.
fn selector(cluster: &str) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "postroad"),
        ("app.kubernetes.io/component", BROKER),
        (CLUSTER_LABEL, cluster),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The label selector of a cluster's pods, as text.
#[must_use]
pub fn pod_selector(cluster: &str) -> String {
    selector(cluster)
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

pub(super) fn service_account(names: &Names) -> ServiceAccount {
    ServiceAccount {
        metadata: names.meta(names.account(), BROKER),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
