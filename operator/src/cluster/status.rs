//! Step 7 of the module's reading order, the last of a reconcile: what is reported.

use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use postroad_crds::cluster::{Endpoints, ServiceType};
use postroad_crds::condition::{ConditionStatus, Finding, READY};
use postroad_crds::{PostroadCluster, PostroadClusterStatus};

use super::build::pod_selector;
use super::validate::Refusal;
use super::{ON_THEIR_WAY, reason};
use crate::conditions::{BOOTSTRAPPED, PROGRESSING, found, merged};
use crate::context::Context;
use crate::error::Failure;
use crate::events::on_transition;
use crate::names::{ADMIN_PORT, FIELD_MANAGER, PUBSUB_PORT};

/// Where the cluster's identity stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// The broker has not answered yet.
    #[default]
    Unknown,
    /// This id is about to be used.
    Intended(String),
    /// The cluster has been formed.
    Formed(String),
    /// It had been, and the broker lost its volume.
    Lost(String),
    /// It had been, and the broker is one of another cluster.
    Mismatch {
        /// The id in the status.
        recorded: String,
        /// The broker's.
        found: String,
    },
}

/// What a reconcile found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why the cluster stays as it is, instead of becoming as asked for.
    pub refusal: Option<Refusal>,
    /// Its identity.
    pub identity: Identity,
    /// How many brokers there are.
    pub replicas: i32,
    /// How many of their pods are ready.
    pub ready_replicas: i32,
    /// What the broker says why it does not serve.
    pub broker_reason: Option<String>,
    /// The version that the broker runs.
    pub version: Option<String>,
    /// What is on its way: a reason and a message.
    pub progress: Option<(&'static str, String)>,
}

/// The status of `cluster` after `findings`. Pure.
#[must_use]
pub fn report(cluster: &PostroadCluster, findings: &Findings, now: Timestamp) -> PostroadClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let generation = cluster.metadata.generation;
    let conditions = vec![ready(findings), progressing(findings), bootstrapped(findings)];
    let recorded = match &findings.identity {
        Identity::Unknown => before.cluster_id,
        Identity::Intended(id) | Identity::Formed(id) | Identity::Lost(id) => Some(id.clone()),
        Identity::Mismatch { recorded, .. } => Some(recorded.clone()),
    };
    PostroadClusterStatus {
        observed_generation: generation,
        conditions: merged(&before.conditions, conditions, generation, now),
        cluster_id: recorded,
        replicas: Some(findings.replicas),
        ready_replicas: Some(findings.ready_replicas),
        selector: Some(pod_selector(&cluster.name_any())),
        version: findings.version.clone().or(before.version),
        endpoints: Some(endpoints(cluster)),
    }
}

fn ready(findings: &Findings) -> Finding {
    let not = |reason, message: String| found(READY, ConditionStatus::False, reason, message);
    match (&findings.refusal, &findings.identity) {
        (_, Identity::Lost(id)) => not(reason::DATA_LOST, lost(id)),
        (_, Identity::Mismatch { recorded, found }) => {
            not(reason::IDENTITY_MISMATCH, mismatch(recorded, found))
        }
        (Some(refusal), _) => not(refusal.reason, refusal.message.clone()),
        (None, Identity::Unknown) => not(reason::BOOTSTRAPPING, waits_for_broker(findings)),
        (None, Identity::Intended(_)) => not(reason::BOOTSTRAPPING, "the cluster is being formed".to_owned()),
        (None, Identity::Formed(_)) if findings.ready_replicas > 0 => {
            found(READY, ConditionStatus::True, reason::READY, "it serves clients")
        }
        (None, Identity::Formed(_)) => not(reason::BROKER_NOT_READY, waits_for_broker(findings)),
    }
}

fn lost(id: &str) -> String {
    format!(
        "the broker has an empty volume, and the cluster {id} is gone with the one it had. If the volume can be had back, \
         bring it back. If its loss is accepted: kubectl annotate postroadcluster NAME {}={id}; a new cluster without \
         messages is formed then",
        crate::names::ACCEPT_DATA_LOSS
    )
}

fn mismatch(recorded: &str, found: &str) -> String {
    format!(
        "the broker's volume is of cluster {found}, and this is cluster {recorded}: give the broker back its own volume, or \
         declare a PostroadCluster of another name for the other one"
    )
}

fn waits_for_broker(findings: &Findings) -> String {
    match &findings.broker_reason {
        Some(reason) => format!("the broker does not serve yet: {reason}"),
        None => "the broker's pod is not ready yet".to_owned(),
    }
}

fn progressing(findings: &Findings) -> Finding {
    match &findings.progress {
        Some((reason, message)) => found(PROGRESSING, ConditionStatus::True, reason, message.clone()),
        None => found(
            PROGRESSING,
            ConditionStatus::False,
            reason::SETTLED,
            "nothing is on its way",
        ),
    }
}

/// It stays True when the data is lost: that the cluster had been formed is what tells a loss from a beginning.
fn bootstrapped(findings: &Findings) -> Finding {
    match &findings.identity {
        Identity::Unknown => found(
            BOOTSTRAPPED,
            ConditionStatus::False,
            reason::BOOTSTRAPPING,
            "the broker has not answered yet",
        ),
        Identity::Intended(id) => {
            let message = format!("the broker is being bootstrapped as cluster {id}");
            found(
                BOOTSTRAPPED,
                ConditionStatus::False,
                reason::BOOTSTRAPPING,
                message,
            )
        }
        Identity::Formed(id) | Identity::Lost(id) | Identity::Mismatch { recorded: id, .. } => {
            let message = format!("cluster {id} has been formed");
            found(BOOTSTRAPPED, ConditionStatus::True, reason::BOOTSTRAPPED, message)
        }
    }
}

fn endpoints(cluster: &PostroadCluster) -> Endpoints {
    let (name, namespace) = (cluster.name_any(), cluster.namespace().unwrap_or_default());
    let admin = match cluster.spec.service.type_ {
        ServiceType::ClusterIP => name.clone(),
        ServiceType::NodePort | ServiceType::LoadBalancer => format!("{name}-headless"),
    };
    Endpoints {
        pubsub: format!("{name}.{namespace}.svc:{PUBSUB_PORT}"),
        admin: format!("{admin}.{namespace}.svc:{ADMIN_PORT}"),
    }
}

/// Writes what is to be reported, if it differs from what the object says, and tells of transitions.
///
/// # Errors
/// When the API server refuses. That the object is gone is no error.
pub async fn write(context: &Context, cluster: &PostroadCluster, findings: &Findings) -> Result<(), Failure> {
    let before = cluster.status.clone().unwrap_or_default();
    let after = report(cluster, findings, context.clock.now());
    if after == before {
        return Ok(());
    }
    match patch(context, cluster, &after).await {
        Ok(_) => {}
        Err(failure) if failure.is_not_found() => return Ok(()),
        Err(failure) => return Err(failure),
    }
    if let Some(event) = on_transition(&before.conditions, &after.conditions, &ON_THEIR_WAY) {
        context.events.publish(cluster.object_ref(&()), event);
    }
    Ok(())
}

/// Writes `status`, only if the object still is the version it was decided on: a cache that lags must not undo what was
/// recorded since, least of all the cluster's identity. Gives the object back as it is then.
///
/// # Errors
/// When the API server refuses.
pub async fn patch(
    context: &Context,
    cluster: &PostroadCluster,
    status: &PostroadClusterStatus,
) -> Result<PostroadCluster, Failure> {
    let api: Api<PostroadCluster> =
        Api::namespaced(context.client.clone(), &cluster.namespace().unwrap_or_default());
    // A field without a value is null, which removes it.
    let version = serde_json::json!({ "uid": cluster.uid(), "resourceVersion": cluster.resource_version() });
    let patch = serde_json::json!({ "metadata": version, "status": {
        "observedGeneration": status.observed_generation,
        "conditions": status.conditions,
        "clusterId": status.cluster_id,
        "replicas": status.replicas,
        "readyReplicas": status.ready_replicas,
        "selector": status.selector,
        "version": status.version,
        "endpoints": status.endpoints,
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = api
        .patch_status(&cluster.name_any(), &params, &Patch::Merge(&patch))
        .await;
    patched.map_err(Failure::kube("writing the status"))
}
