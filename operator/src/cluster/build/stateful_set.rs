//! The brokers.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use postroad_crds::PostroadCluster;

use super::meta::{BROKER, Names};
use super::pod;
use crate::context::ClusterDefaults;

/// The name of the volume, and of its claims: `data-CLUSTER-0`.
pub const VOLUME: &str = "data";

pub(super) fn stateful_set(
    cluster: &PostroadCluster,
    defaults: &ClusterDefaults,
    names: &Names,
    config: &ConfigMap,
) -> StatefulSet {
    let retain = Some("Retain".to_owned());
    StatefulSet {
        metadata: names.meta(names.cluster.clone(), BROKER),
        spec: StatefulSetSpec {
            replicas: Some(cluster.spec.replicas),
            service_name: Some(names.headless()),
            selector: names.label_selector(),
            // Brokers need each other to become ready, so none waits for the one before it.
            pod_management_policy: Some("Parallel".to_owned()),
            // The operator replaces pods, when the brokers can do without them.
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            // Volumes outlive the StatefulSet; `deletion` changes that for a cluster with deletionPolicy: Delete.
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: retain.clone(),
                when_scaled: retain,
            }),
            template: pod::template(cluster, defaults, names, config),
            volume_claim_templates: Some(vec![claim(cluster, names)]),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}

/// The claim of a broker's volume. Its labels can never change (nor can anything else in it), so they are the selector's.
fn claim(cluster: &PostroadCluster, names: &Names) -> PersistentVolumeClaim {
    let storage = &cluster.spec.storage;
    let requests: BTreeMap<_, _> = [("storage".to_owned(), Quantity(storage.size.0.clone()))].into();
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(VOLUME.to_owned()),
            labels: Some(names.selector()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(requests),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
