//! The steps in their order.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};
use postroad_admin_api::{BootstrapRequest, Client as AdminClient, StatusResponse};
use postroad_crds::PostroadCluster;
use postroad_crds::cluster::ServiceType;
use postroad_crds::condition::is_true;

use super::apply::{self, Stopped};
use super::build::{Names, build};
use super::dereference::{self, Token};
use super::identity::{self, BrokerSays, Recorded, Step};
use super::roll::{self, Roll, is_ready};
use super::status::{self, Findings, Identity};
use super::validate::validate;
use super::{deletion, reason};
use crate::broker::registry::Identity as LinkIdentity;
use crate::conditions::BOOTSTRAPPED;
use crate::context::Context;
use crate::controller::{Guarded, Next, Reconciler};
use crate::error::Failure;
use crate::events::event;
use crate::messaging::reconcile::unreadable;
use crate::names::ACCEPT_DATA_LOSS;
use crate::pokes::ObjectKey;

/// A cluster is looked at this often even when nothing tells of a change.
const RESYNC: Duration = Duration::from_secs(300);
/// How long a broker may take to say where it stands.
const BROKER_ANSWERS: Duration = Duration::from_secs(5);

/// Reconciles PostroadCluster.
pub struct ClusterReconciler {
    context: Arc<Context>,
}

impl Reconciler for ClusterReconciler {
    type Kind = PostroadCluster;

    async fn reconcile(&self, object: Arc<Guarded<PostroadCluster>>) -> Result<Next, Failure> {
        match &object.0 {
            Ok(cluster) if cluster.metadata.deletion_timestamp.is_some() => {
                deletion::finish(&self.context, cluster).await
            }
            Ok(cluster) => self.of(cluster).await,
            Err(invalid) => {
                let message = "it can't be read; its Ready condition says more".to_owned();
                self.context
                    .registry
                    .not_serving(&ObjectKey::of(&*object), message);
                unreadable::<PostroadCluster>(&self.context, invalid).await
            }
        }
    }
}

impl ClusterReconciler {
    /// A reconciler of PostroadCluster.
    #[must_use]
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn of(&self, cluster: &PostroadCluster) -> Result<Next, Failure> {
        let names = Names::of(cluster)?;
        deletion::settle(&self.context, cluster).await?;
        let mut findings = Findings::default();
        let set = self.objects(cluster, &names, &mut findings).await?;
        let token = match dereference::token(&self.context.client, &names).await? {
            Token::There(token) => Some(token),
            Token::Missing => None,
            Token::Unusable(refusal) => {
                findings.refusal = Some(refusal);
                None
            }
        };
        if let Some(set) = &set {
            let pods = dereference::pods(&self.context.client, &names, set).await?;
            self.roll(cluster, set, &pods, &mut findings).await?;
            self.identify(cluster, &names, &pods, token.as_deref(), &mut findings)
                .await?;
        } else {
            findings.identity = known_identity(cluster);
        }
        self.enlist(cluster, token, &findings)?;
        status::write(&self.context, cluster, &findings).await?;
        Ok(next(&findings))
    }

    /// Steps 1 to 4: the objects as they should be, or why not. Gives back the StatefulSet there is.
    async fn objects(
        &self,
        cluster: &PostroadCluster,
        names: &Names,
        findings: &mut Findings,
    ) -> Result<Option<StatefulSet>, Failure> {
        let client = &self.context.client;
        let existing = dereference::stateful_set(client, names).await?;
        if let Err(refusal) = validate(cluster, existing.as_ref()) {
            findings.refusal = Some(refusal);
            return Ok(existing);
        }
        let built = build(cluster, &self.context.defaults)?;
        if dereference::token(client, names).await? == Token::Missing {
            apply::create_token(client, names).await?;
        }
        match apply::apply(client, names, &built).await {
            Ok(applied) => Ok(Some(applied)),
            Err(Stopped::Failed(failure)) => Err(failure),
            Err(Stopped::Refused(refusal)) => {
                findings.refusal = Some(refusal);
                Ok(existing)
            }
        }
    }

    /// Replaces a pod that is out of date, and notes how the pods stand.
    async fn roll(
        &self,
        cluster: &PostroadCluster,
        set: &StatefulSet,
        pods: &[Pod],
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let count = |pods: usize| i32::try_from(pods).unwrap_or(i32::MAX);
        findings.replicas = count(pods.len());
        findings.ready_replicas = count(pods.iter().filter(|pod| is_ready(pod)).count());
        findings.progress = match roll::decide(set, pods) {
            Roll::Settled if findings.ready_replicas > 0 => None,
            Roll::Settled => Some((reason::STARTING, "the broker is starting".to_owned())),
            Roll::Wait(message) => Some((reason::STARTING, message)),
            Roll::Delete { pod, uid } => {
                let message = format!(
                    "pod {pod} is out of date and is being replaced; with one broker, clients wait meanwhile"
                );
                self.delete_pod(cluster, &pod, uid, &message).await?;
                Some((reason::ROLLING, message))
            }
        };
        Ok(())
    }

    async fn delete_pod(
        &self,
        cluster: &PostroadCluster,
        pod: &str,
        uid: String,
        note: &str,
    ) -> Result<(), Failure> {
        let api: Api<Pod> = Api::namespaced(
            self.context.client.clone(),
            &cluster.namespace().unwrap_or_default(),
        );
        let only_this = Preconditions {
            uid: Some(uid),
            resource_version: None,
        };
        tracing::info!(cluster = %ObjectKey::of(cluster), pod, "replacing a pod that is out of date");
        match api
            .delete(pod, &DeleteParams::default().preconditions(only_this))
            .await
        {
            Ok(_) => {}
            // Gone, or another one already.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => return Ok(()),
            Err(error) => return Err(Failure::kube("deleting a pod that is out of date")(error)),
        }
        let event = event(EventType::Normal, reason::ROLLING, "Roll", note);
        self.context.events.publish(cluster.object_ref(&()), event);
        Ok(())
    }

    /// Asks the broker who it is, and forms the cluster if it has not been formed.
    async fn identify(
        &self,
        cluster: &PostroadCluster,
        names: &Names,
        pods: &[Pod],
        token: Option<&str>,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let first = pods.iter().find(|pod| pod.name_any() == names.pod(0));
        let admin = match (first.and_then(address), token) {
            (Some(address), Some(token)) => {
                let url = self.context.endpoints.pod(&address);
                Some(AdminClient::new(&url, Some(token)).map_err(Failure::broker("addressing the broker"))?)
            }
            _ => None,
        };
        let answer = match &admin {
            Some(admin) => self.ask(cluster, admin).await,
            None => None,
        };
        findings.version = answer.as_ref().map(|answer| answer.version.clone());
        findings.broker_reason = answer.as_ref().and_then(|answer| answer.reason.clone());
        let step = identity::decide(recorded(cluster), says(answer.as_ref()));
        findings.identity = match (step, admin) {
            (Step::Wait, _) => known_identity(cluster),
            (Step::Formed(id), _) => Identity::Formed(id),
            (Step::Lost(id), _) => Identity::Lost(id),
            (Step::Mismatch { recorded, found }, _) => Identity::Mismatch { recorded, found },
            (Step::Intend | Step::Bootstrap(_), Some(admin)) => {
                Identity::Formed(self.form(cluster, &admin, findings).await?)
            }
            (Step::Intend | Step::Bootstrap(_), None) => known_identity(cluster),
        };
        Ok(())
    }

    async fn ask(&self, cluster: &PostroadCluster, admin: &AdminClient) -> Option<StatusResponse> {
        match tokio::time::timeout(BROKER_ANSWERS, admin.status()).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(cluster = %ObjectKey::of(cluster), %error, "the broker does not say where it stands");
                None
            }
            Err(_) => None,
        }
    }

    /// Forms the cluster; answers with its id. Decides again on what the API server has, not on what a cache had: a stale
    /// cache could take a cluster that lost its data for one that has not been formed.
    async fn form(
        &self,
        cluster: &PostroadCluster,
        admin: &AdminClient,
        findings: &Findings,
    ) -> Result<String, Failure> {
        let api: Api<PostroadCluster> = Api::namespaced(
            self.context.client.clone(),
            &cluster.namespace().unwrap_or_default(),
        );
        let live = api
            .get(&cluster.name_any())
            .await
            .map_err(Failure::kube("reading the PostroadCluster"))?;
        if live.uid() != cluster.uid() {
            return Err(Failure::Defect(
                "the PostroadCluster is another one now".to_owned(),
            ));
        }
        let id = match identity::decide(recorded(&live), BrokerSays::Empty) {
            Step::Bootstrap(id) => id,
            Step::Intend => {
                let id = uuid::Uuid::new_v4().to_string();
                let findings = Findings {
                    identity: Identity::Intended(id.clone()),
                    ..findings.clone()
                };
                let intended = status::report(&live, &findings, self.context.clock.now());
                status::patch(
                    &self.context,
                    &live,
                    &intended,
                    live.resource_version().as_deref(),
                )
                .await?;
                id
            }
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
        self.context.events.publish(cluster.object_ref(&()), event);
        Ok(formed.cluster_id)
    }

    /// Tells the registry whether the cluster can be used.
    fn enlist(
        &self,
        cluster: &PostroadCluster,
        token: Option<String>,
        findings: &Findings,
    ) -> Result<(), Failure> {
        let key = ObjectKey::of(cluster);
        match (&findings.identity, token) {
            (Identity::Formed(id), Some(token)) => {
                let exposed = cluster.spec.service.type_ != ServiceType::ClusterIP;
                let url = self.context.endpoints.cluster(&key, exposed);
                let identity = LinkIdentity {
                    cluster_id: id.clone(),
                    url,
                    token,
                };
                self.context
                    .registry
                    .serving(&key, identity)
                    .map_err(Failure::broker("addressing the cluster"))
            }
            (Identity::Formed(_), None) => {
                self.context
                    .registry
                    .not_serving(&key, "the admin API's token is missing".to_owned());
                Ok(())
            }
            (Identity::Lost(_), _) => {
                self.context
                    .registry
                    .not_serving(&key, "its data is lost; its Ready condition says more".to_owned());
                Ok(())
            }
            (Identity::Mismatch { .. }, _) => {
                let message = "its broker is of another cluster; its Ready condition says more";
                self.context.registry.not_serving(&key, message.to_owned());
                Ok(())
            }
            (Identity::Unknown | Identity::Intended(_), _) => {
                self.context
                    .registry
                    .not_serving(&key, "it has not been formed yet".to_owned());
                Ok(())
            }
        }
    }
}

fn recorded(cluster: &PostroadCluster) -> Recorded<'_> {
    let status = cluster.status.as_ref();
    Recorded {
        id: status.and_then(|status| status.cluster_id.as_deref()),
        bootstrapped: status.is_some_and(|status| is_true(&status.conditions, BOOTSTRAPPED)),
        accepted_loss: cluster.annotations().get(ACCEPT_DATA_LOSS).map(String::as_str),
    }
}

/// What is known while the broker does not answer.
fn known_identity(cluster: &PostroadCluster) -> Identity {
    let recorded = recorded(cluster);
    match recorded.id {
        Some(id) if recorded.bootstrapped => Identity::Formed(id.to_owned()),
        Some(id) => Identity::Intended(id.to_owned()),
        None => Identity::Unknown,
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

fn next(findings: &Findings) -> Next {
    let formed = matches!(findings.identity, Identity::Formed(_));
    if !formed || findings.ready_replicas == 0 || findings.progress.is_some() {
        return Next::Waiting;
    }
    Next::After(RESYNC.mul_f64(rand::Rng::random_range(&mut rand::rng(), 0.8..1.2)))
}
