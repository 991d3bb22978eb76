//! The clusters that can be used now. The reconciler of PostroadCluster writes it, the others read it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use postroad_admin_api::{Client, ClientError};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::batch::Batcher;
use super::drift::Declarations;
use super::survey::Survey;
use crate::metrics::Metrics;
use crate::pokes::ObjectKey;

/// Where a cluster stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It has been formed; its broker may be restarting all the same.
    Serving(Arc<Link>),
    /// It can't be used.
    NotServing {
        /// Why, for people.
        message: String,
    },
}

/// A cluster in use. Dropping the last handle ends what runs for it.
#[derive(Debug)]
pub struct Link {
    /// Its admin API.
    pub client: Client,
    /// Where changes of its catalog go.
    pub batcher: Batcher,
    identity: Identity,
    deleted: Arc<Notify>,
    /// What runs for it.
    tasks: [AbortHandle; 2],
}

/// What a link was made for; another one needs another link.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's id.
    pub cluster_id: String,
    /// The base URL of its admin API.
    pub url: String,
    /// The admin token.
    pub token: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("cluster_id", &self.cluster_id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// An object that was declared in the cluster was deleted in Kubernetes.
    pub fn declaration_deleted(&self) {
        self.deleted.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The clusters. Holds one entry for each PostroadCluster that was reconciled and is not gone.
pub struct Registry {
    clusters: Mutex<HashMap<ObjectKey, Standing>>,
    declarations: Arc<dyn Declarations>,
    metrics: Metrics,
}

impl Registry {
    /// No clusters yet.
    #[must_use]
    pub fn new(declarations: Arc<dyn Declarations>, metrics: Metrics) -> Self {
        Self {
            clusters: Mutex::default(),
            declarations,
            metrics,
        }
    }

    /// Where `cluster` stands; none until it has been reconciled.
    #[must_use]
    pub fn standing(&self, cluster: &ObjectKey) -> Option<Standing> {
        self.clusters.lock().get(cluster).cloned()
    }

    /// The cluster can be used. Keeps the link it has, if it is the same; else what is declared in it is reconciled.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn serving(&self, cluster: &ObjectKey, identity: Identity) -> Result<(), ClientError> {
        let mut clusters = self.clusters.lock();
        if matches!(clusters.get(cluster), Some(Standing::Serving(link)) if link.identity == identity) {
            return Ok(());
        }
        let link = self.link(cluster, identity)?;
        clusters.insert(cluster.clone(), Standing::Serving(Arc::new(link)));
        drop(clusters);
        tracing::info!(%cluster, "the cluster is in use");
        self.declarations.reconcile_all(cluster);
        Ok(())
    }

    /// The cluster can't be used. If that is news, what is declared in it is reconciled.
    pub fn not_serving(&self, cluster: &ObjectKey, message: String) {
        let mut clusters = self.clusters.lock();
        let known = clusters.get(cluster);
        let same = matches!(known, Some(Standing::NotServing { message: known }) if *known == message);
        if !same {
            clusters.insert(cluster.clone(), Standing::NotServing { message });
            drop(clusters);
            self.declarations.reconcile_all(cluster);
        }
    }

    /// The PostroadCluster is gone.
    pub fn gone(&self, cluster: &ObjectKey) {
        if self.clusters.lock().remove(cluster).is_some() {
            self.declarations.reconcile_all(cluster);
        }
    }

    /// An object that may have been declared in any cluster was deleted in Kubernetes.
    pub fn declaration_deleted(&self) {
        for standing in self.clusters.lock().values() {
            if let Standing::Serving(link) = standing {
                link.declaration_deleted();
            }
        }
    }

    fn link(&self, cluster: &ObjectKey, identity: Identity) -> Result<Link, ClientError> {
        let client = Client::new(&identity.url, Some(&identity.token))?;
        let (batcher, changes) = Batcher::start(client.clone(), self.metrics.clone());
        let deleted = Arc::new(Notify::new());
        let survey = Survey {
            cluster: cluster.clone(),
            client: client.clone(),
            batcher: batcher.clone(),
            declarations: Arc::clone(&self.declarations),
            deleted: Arc::clone(&deleted),
        };
        let survey = tokio::spawn(survey.run()).abort_handle();
        Ok(Link {
            client,
            batcher,
            identity,
            deleted,
            tasks: [changes, survey],
        })
    }
}
