//! Asks the broker who it is, and forms the cluster if it has not been formed.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};
use postroad_admin_api::{BootstrapRequest, Client as AdminClient, StatusResponse};
use postroad_crds::PostroadCluster;
use postroad_crds::condition::is_true;

use super::identity::{BrokerSays, Recorded, Step, decide};
use super::reason;
use super::status::{self, Findings, Identity};
use crate::conditions::BOOTSTRAPPED;
use crate::context::Context;
use crate::error::Failure;
use crate::events::event;
use crate::names::ACCEPT_DATA_LOSS;
use crate::pokes::ObjectKey;

/// How long a broker may take to say where it stands.
const BROKER_ANSWERS: Duration = Duration::from_secs(5);

/// Finds out the cluster's identity from its first broker's pod, and forms the cluster if that is due. Gives back the
/// PostroadCluster as it is now, if it was read or written anew.
///
/// # Errors
/// When the API server or the broker refuses; the next reconcile goes on where this one stopped.
pub async fn identify(
    context: &Context,
    cluster: &PostroadCluster,
    first: Option<&Pod>,
    token: Option<&str>,
    findings: &mut Findings,
) -> Result<Option<PostroadCluster>, Failure> {
    let admin = match (first.and_then(address), token) {
        (Some(address), Some(token)) => {
            let url = context.endpoints.pod(&address);
            Some(AdminClient::new(&url, Some(token)).map_err(Failure::broker("addressing the broker"))?)
        }
        _ => None,
    };
    let answer = match &admin {
        Some(admin) => ask(cluster, admin).await,
        None => None,
    };
    findings.version = answer.as_ref().map(|answer| answer.version.clone());
    findings.broker_reason = answer.as_ref().and_then(|answer| answer.reason.clone());
    findings.identity = match (decide(recorded(cluster), says(answer.as_ref())), admin) {
        (Step::Formed(id), _) => Identity::Formed(id),
        (Step::Lost(id), _) => Identity::Lost(id),
        (Step::Mismatch { recorded, found }, _) => Identity::Mismatch { recorded, found },
        (Step::Intend | Step::Bootstrap(_), Some(admin)) => {
            let (id, newer) = form(context, cluster, &admin, findings).await?;
            findings.identity = Identity::Formed(id);
            return Ok(Some(newer));
        }
        (Step::Wait | Step::Intend | Step::Bootstrap(_), _) => known_identity(cluster),
    };
    Ok(None)
}

/// What is known while the broker does not answer.
#[must_use]
pub fn known_identity(cluster: &PostroadCluster) -> Identity {
    let recorded = recorded(cluster);
    match recorded.id {
        Some(id) if recorded.bootstrapped => Identity::Formed(id.to_owned()),
        Some(id) => Identity::Intended(id.to_owned()),
        None => Identity::Unknown,
    }
}

async fn ask(cluster: &PostroadCluster, admin: &AdminClient) -> Option<StatusResponse> {
    match tokio::time::timeout(BROKER_ANSWERS, admin.status()).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::debug!(cluster = %ObjectKey::of(cluster), %error, "the broker does not say where it stands");
            None
        }
        Err(_) => None,
    }
}

/// Forms the cluster; answers with its id and the object as it is then. Decides again on what the API server has, not on
/// what a cache had: a stale cache could take a cluster that lost its data for one that has not been formed.
async fn form(
    context: &Context,
    cluster: &PostroadCluster,
    admin: &AdminClient,
    findings: &Findings,
) -> Result<(String, PostroadCluster), Failure> {
    let namespace = cluster.namespace().unwrap_or_default();
    let api: Api<PostroadCluster> = Api::namespaced(context.client.clone(), &namespace);
    let live = api
        .get(&cluster.name_any())
        .await
        .map_err(Failure::kube("reading the PostroadCluster"))?;
    if live.uid() != cluster.uid() {
        return Err(Failure::Defect(
            "the PostroadCluster is another one now".to_owned(),
        ));
    }
    let (id, newer) = match decide(recorded(&live), BrokerSays::Empty) {
        Step::Bootstrap(id) => (id, live),
        Step::Intend => intend(context, &live, findings).await?,
        _ => return Err(Failure::Defect("the cluster was formed meanwhile".to_owned())),
    };
    tracing::info!(cluster = %ObjectKey::of(cluster), id, "bootstrapping the broker");
    let request = BootstrapRequest { cluster_id: Some(id) };
    let formed = admin
        .bootstrap(&request)
        .await
        .map_err(Failure::broker("bootstrapping the broker"))?;
    let note = format!("cluster {} has been formed", formed.cluster_id);
    let event = event(EventType::Normal, reason::BOOTSTRAPPED, "Bootstrap", &note);
    context.events.publish(cluster.object_ref(&()), event);
    Ok((formed.cluster_id, newer))
}

/// Records a new id as the one that is about to be used.
async fn intend(
    context: &Context,
    live: &PostroadCluster,
    findings: &Findings,
) -> Result<(String, PostroadCluster), Failure> {
    let id = uuid::Uuid::new_v4().to_string();
    let findings = Findings {
        identity: Identity::Intended(id.clone()),
        ..findings.clone()
    };
    let intended = status::report(live, &findings, context.clock.now());
    let recorded = status::patch(context, live, &intended).await?;
    Ok((id, recorded))
}

fn recorded(cluster: &PostroadCluster) -> Recorded<'_> {
    let status = cluster.status.as_ref();
    Recorded {
        id: status.and_then(|status| status.cluster_id.as_deref()),
        bootstrapped: status.is_some_and(|status| is_true(&status.conditions, BOOTSTRAPPED)),
        accepted_loss: cluster.annotations().get(ACCEPT_DATA_LOSS).map(String::as_str),
    }
}

fn says(answer: Option<&StatusResponse>) -> BrokerSays<'_> {
    match answer.map(|answer| answer.cluster_id.as_deref()) {
        None => BrokerSays::Nothing,
        Some(None) => BrokerSays::Empty,
        Some(Some(id)) => BrokerSays::Member(id),
    }
}

/// The pod's address, once it has one and is not on its way out.
fn address(pod: &Pod) -> Option<String> {
    let living = pod.metadata.deletion_timestamp.is_none();
    let address = pod.status.as_ref()?.pod_ip.clone()?;
    living.then_some(address).filter(|address| !address.is_empty())
}
