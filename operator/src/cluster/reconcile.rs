//! The steps in their order.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::runtime::events::EventType;
use kube::{Resource, ResourceExt};
use postroad_crds::PostroadCluster;
use postroad_crds::cluster::ServiceType;

use super::apply::{self, Stopped};
use super::build::{Names, build};
use super::dereference::{self, Token};
use super::forming::{identify, known_identity};
use super::roll::{self, Roll, is_ready};
use super::status::{self, Findings, Identity};
use super::validate::validate;
use super::{deletion, reason};
use crate::broker::registry::Identity as LinkIdentity;
use crate::context::Context;
use crate::controller::{Guarded, Next, Reconciler};
use crate::error::Failure;
use crate::events::event;
use crate::pokes::ObjectKey;
use crate::unreadable;

/// A cluster is looked at this often even when nothing tells of a change.
const RESYNC: Duration = Duration::from_secs(300);

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
            Err(_) if object.meta().deletion_timestamp.is_some() => {
                deletion::finish_unreadable(&self.context, &object).await
            }
            Err(_) => {
                let message = "it can't be read; its Ready condition says more".to_owned();
                self.context
                    .registry
                    .not_serving(&ObjectKey::of(&*object), message);
                unreadable::report(&self.context, &object).await
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
        if deletion::settle(&self.context, cluster).await? {
            return Ok(Next::Settled);
        }
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
        let mut newer = None;
        if let Some(set) = &set {
            let pods = dereference::pods(&self.context.client, &names, set).await?;
            self.roll(cluster, set, &pods, &mut findings).await?;
            let first = pods.iter().find(|pod| pod.name_any() == names.pod(0));
            newer = identify(&self.context, cluster, first, token.as_deref(), &mut findings).await?;
        } else {
            findings.identity = known_identity(cluster);
        }
        // First recorded, then used: what was decided on an old version of the object goes no further than here.
        status::write(&self.context, newer.as_ref().unwrap_or(cluster), &findings).await?;
        self.enlist(cluster, token, &findings)?;
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
            Err(Stopped::Waiting(message)) => {
                findings.progress = Some((reason::STARTING, message));
                Ok(existing)
            }
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
        let progress = match roll::decide(set, pods) {
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
        findings.progress = findings.progress.take().or(progress);
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

fn next(findings: &Findings) -> Next {
    let formed = matches!(findings.identity, Identity::Formed(_));
    if !formed || findings.ready_replicas == 0 || findings.progress.is_some() {
        return Next::Waiting;
    }
    Next::After(RESYNC.mul_f64(rand::Rng::random_range(&mut rand::rng(), 0.8..1.2)))
}
