//! The node: opening a broker's disk, bootstrapping a cluster on it, stopping.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postroad_core::{Catalog, Command, Reply, Topic};
use postroad_log::{DataDir, DataDirError, Disk, Journal, JournalOptions, Storage};
use postroad_shard::{Shard, ShardError};
use postroad_types::{BrokerId, Error, Result, ShardId, TopicId, limits};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::checkpointer;
use crate::cluster_file::{ClusterFile, ClusterFileError};
use crate::events::Events;
use crate::hub::Hubs;
use crate::metrics::{self, Metrics, OldestCache};
use crate::publish::Topics;
use crate::shards::ShardFactory;

/// Permits of the publish bound are kibibytes.
pub(crate) const PERMIT_BYTES: usize = 1_024;

/// What a node needs to know.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The broker's folder; created when missing.
    pub data_dir: PathBuf,
    /// How many shards a cluster bootstrapped here has, the catalog among them; 2 to 256. A disk that belongs to a
    /// cluster keeps that cluster's number.
    pub shards: u32,
    /// Size of one journal file.
    pub journal_file_bytes: u64,
    /// When this many bytes of records are only in memory and journal, a checkpoint moves them to segments.
    pub checkpoint_bytes: usize,
    /// Bytes of publishes that may wait to become durable; more are refused.
    pub max_inflight_bytes: usize,
}

impl NodeOptions {
    /// The defaults, for a folder.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            shards: 16,
            journal_file_bytes: 16 << 20,
            checkpoint_bytes: 64 << 20,
            max_inflight_bytes: 64 << 20,
        }
    }
}

/// A node can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] postroad_log::OpenError),
    /// The cluster file can't be used.
    #[error(transparent)]
    Cluster(#[from] ClusterFileError),
    /// A shard can't be used.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The catalog can't be reconciled with the shards.
    #[error("the resources could not be made ready: {0}")]
    Reconcile(Error),
    /// A metric is registered twice.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// The task that read the disk ended early.
    #[error("opening the disk was interrupted: {0}")]
    Interrupted(String),
}

/// Wall clock for records, monotonic clock for leases.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// The wall clock; a clock before 1970 counts as 1970.
    #[must_use]
    pub fn now(&self) -> postroad_types::Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        postroad_types::Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    /// Milliseconds since the node was opened; unmoved by steps of the wall clock.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A cheap-to-clone handle of the broker.
#[derive(Clone)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: NodeOptions,
    pub(crate) broker: BrokerId,
    pub(crate) clock: Clock,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) journal: Journal,
    pub(crate) events: Arc<Events>,
    pub(crate) hubs: Arc<Hubs>,
    pub(crate) topics: Topics,
    pub(crate) metrics: Metrics,
    pub(crate) oldest: OldestCache,
    pub(crate) registry: prometheus::Registry,
    pub(crate) publish_bytes: Arc<Semaphore>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// One catalog change at a time is followed by its shard commands.
    pub(crate) changing: tokio::sync::Mutex<()>,
    cluster: OnceLock<Cluster>,
    bootstrapping: tokio::sync::Mutex<()>,
    reconciled: AtomicBool,
    failure: watch::Sender<Option<String>>,
    /// Holds the folder's lock.
    data_dir: DataDir,
}

/// What a node has once it belongs to a cluster.
struct Cluster {
    id: String,
    shards: Vec<Arc<Shard>>,
}

impl Node {
    /// Opens the broker's folder. A disk that belongs to a cluster serves it once this returns; another waits for
    /// [`Node::bootstrap`].
    ///
    /// # Errors
    /// [`OpenError`] when the folder is in use, damaged, or of a newer version.
    pub async fn open(options: NodeOptions) -> Result<Self, OpenError> {
        let registry = prometheus::Registry::new();
        let metrics = Metrics::register(&registry)?;
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        let (data_dir, journal) = open_disk(&options, &storage, &metrics).await?;
        let hubs = Arc::new(Hubs::default());
        let publish_permits =
            (options.max_inflight_bytes / PERMIT_BYTES).max(limits::MAX_PUBLISH_BYTES / PERMIT_BYTES * 2);
        let inner = Arc::new(Inner {
            broker: BrokerId(data_dir.broker_id()),
            clock: Clock {
                started: Instant::now(),
            },
            storage,
            journal,
            events: Arc::new(Events::new(Arc::clone(&hubs))),
            hubs,
            topics: Topics::default(),
            metrics,
            oldest: OldestCache::default(),
            registry,
            publish_bytes: Arc::new(Semaphore::new(publish_permits)),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            changing: tokio::sync::Mutex::new(()),
            cluster: OnceLock::new(),
            bootstrapping: tokio::sync::Mutex::new(()),
            reconciled: AtomicBool::new(false),
            failure: watch::Sender::new(None),
            options,
            data_dir,
        });
        let node = Self { inner };
        metrics::register_collector(&node)?;
        if let Some(file) = ClusterFile::read(&*node.inner.storage, node.inner.data_dir.path())? {
            node.start(file).await?;
        }
        Ok(node)
    }

    /// Bootstraps the cluster on this broker, or returns the id of the cluster it has. Without an id, one is made.
    ///
    /// # Errors
    /// `FailedPrecondition` when the broker belongs to another cluster; `Internal` when the disk fails.
    pub async fn bootstrap(&self, cluster_id: Option<String>) -> Result<String> {
        // A caller that loses interest leaves nothing half done.
        let node = self.clone();
        let task = tokio::spawn(async move { node.bootstrap_once(cluster_id).await });
        task.await
            .unwrap_or_else(|error| Err(Error::internal(format!("the bootstrap was interrupted: {error}"))))
    }

    async fn bootstrap_once(&self, cluster_id: Option<String>) -> Result<String> {
        let _one_at_a_time = self.inner.bootstrapping.lock().await;
        if let Some(cluster) = self.inner.cluster.get() {
            return match cluster_id {
                Some(asked) if asked != cluster.id => Err(Error::precondition(format!(
                    "this broker belongs to cluster {}, not to {asked}; a broker joins one cluster in its life",
                    cluster.id
                ))),
                _ => Ok(cluster.id.clone()),
            };
        }
        if let Some(failure) = self.failure() {
            return Err(Error::unavailable(failure));
        }
        let id = cluster_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        check_cluster_id(&id)?;
        let file = ClusterFile::new(id.clone(), self.inner.options.shards);
        if let Err(error) = self.write_and_start(file).await {
            // The disk is half a cluster's: the next start of the process finishes it, or says what is wrong.
            let reason = format!("the bootstrap failed: {error}");
            tracing::error!(reason, "this broker serves no more");
            self.inner.fail(reason.clone());
            return Err(Error::internal(reason));
        }
        tracing::info!(cluster = %id, broker = %self.inner.broker, "bootstrapped");
        Ok(id)
    }

    async fn write_and_start(&self, file: ClusterFile) -> Result<(), OpenError> {
        let (inner, written) = (Arc::clone(&self.inner), file.clone());
        let write = move || written.write(&*inner.storage, inner.data_dir.path());
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|error| OpenError::Interrupted(error.to_string()))??;
        self.start(file).await
    }

    async fn start(&self, file: ClusterFile) -> Result<(), OpenError> {
        let inner = &self.inner;
        let folder = inner.data_dir.shards_dir();
        let factory = ShardFactory {
            broker: inner.broker,
            journal: &inner.journal,
            storage: &inner.storage,
            folder: &folder,
            observer: Arc::clone(&inner.events) as Arc<dyn postroad_shard::EffectObserver>,
            clock: inner.clock,
        };
        let shards = factory.start(file.shards).await?;
        for shard in &shards {
            self.watch_failure(shard);
        }
        let bootstrap = Command::bootstrap(file.cluster_id.clone(), file.shards);
        match shards[0].propose(bootstrap).await.map_err(OpenError::Reconcile)? {
            Reply::Bootstrapped { cluster_id, .. } if cluster_id == file.cluster_id => {}
            other => {
                return Err(OpenError::Reconcile(Error::internal(format!(
                    "unexpected reply: {other:?}"
                ))));
            }
        }
        let revision = shards[0].with_state(|state| state.catalog().map_or(0, Catalog::revision));
        let cluster = Cluster {
            id: file.cluster_id,
            shards,
        };
        if inner.cluster.set(cluster).is_err() {
            return Err(OpenError::Reconcile(Error::internal(
                "the cluster was started twice",
            )));
        }
        inner.events.starts_at(revision);
        self.reconcile_all().await.map_err(OpenError::Reconcile)?;
        inner.reconciled.store(true, Ordering::Release);
        checkpointer::spawn(self);
        Ok(())
    }

    /// A shard whose Raft stops by itself (its disk failed) makes the whole node not ready.
    fn watch_failure(&self, shard: &Arc<Shard>) {
        let (inner, shard) = (Arc::downgrade(&self.inner), Arc::clone(shard));
        let stopping = self.inner.stopping.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                reason = shard.failed() => {
                    let Some(inner) = inner.upgrade() else { return };
                    let reason = format!("shard {} has stopped: {reason}", shard.id());
                    tracing::error!(shard = shard.id().0, reason, "a shard has stopped; this broker serves no more");
                    inner.fail(reason);
                }
            }
        });
    }

    /// The registry that `/metrics` encodes; front ends register their own collectors.
    #[must_use]
    pub fn registry(&self) -> &prometheus::Registry {
        &self.inner.registry
    }

    /// Is cancelled when the node begins to stop: front ends then end their streams with `Unavailable`.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// The reason, once storage has failed and nothing is acknowledged any more.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.inner.failure.borrow().clone()
    }

    /// Resolves with the reason once storage has failed.
    pub async fn failed(&self) -> String {
        let mut failure = self.inner.failure.subscribe();
        match failure.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(reason)) => reason.clone(),
            // The sender lives as long as this handle, and the reason is there.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Stops: streams end, what is proposed is finished, all is checkpointed so that the next start is fast, the
    /// journal is closed. May be called more than once.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        for shard in self.inner.shards() {
            if self.failure().is_none()
                && let Err(error) = shard.checkpoint().await
            {
                tracing::warn!(shard = shard.id().0, %error, "no checkpoint at shutdown; the next start replays the journal");
            }
            if let Err(error) = shard.shutdown().await {
                tracing::warn!(shard = shard.id().0, %error, "the shard did not stop as it should");
            }
        }
        let journal = self.inner.journal.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || journal.close()).await {
            tracing::warn!(%error, "the journal did not close as it should");
        }
    }
}

impl Inner {
    /// The first failure counts.
    fn fail(&self, reason: String) {
        self.failure
            .send_if_modified(|failure| failure.is_none() && failure.replace(reason).is_none());
    }

    pub(crate) fn shards(&self) -> &[Arc<Shard>] {
        self.cluster.get().map_or(&[], |cluster| &cluster.shards)
    }

    pub(crate) fn shard(&self, id: ShardId) -> Option<Arc<Shard>> {
        self.shards().get(id.0 as usize).cloned()
    }

    pub(crate) fn cluster_id(&self) -> Option<String> {
        self.cluster.get().map(|cluster| cluster.id.clone())
    }

    /// Why the node can't serve; none when it can.
    pub(crate) fn not_ready(&self) -> Option<String> {
        if let Some(failure) = &*self.failure.borrow() {
            return Some(failure.clone());
        }
        if self.stopping.is_cancelled() {
            return Some("the broker is stopping".to_owned());
        }
        if self.cluster.get().is_none() {
            return Some(
                "the broker belongs to no cluster yet: bootstrap it through the admin API".to_owned(),
            );
        }
        if !self.reconciled.load(Ordering::Acquire) {
            return Some("the broker is starting".to_owned());
        }
        None
    }

    /// # Errors
    /// `Unavailable` while the node can't serve.
    pub(crate) fn ready(&self) -> Result<()> {
        self.not_ready()
            .map_or(Ok(()), |reason| Err(Error::unavailable(reason)))
    }

    /// Looks at the catalog.
    pub(crate) fn catalog<T>(&self, look: impl FnOnce(&Catalog) -> T) -> Result<T> {
        let unavailable = || Error::unavailable("the broker belongs to no cluster yet");
        let shard = self.shards().first().ok_or_else(unavailable)?;
        shard
            .with_state(|state| state.catalog().map(look))
            .ok_or_else(unavailable)
    }

    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.catalog(|catalog| catalog.topic_by_id(id).cloned())
            .ok()
            .flatten()
    }
}

/// The rule of the catalog, asked before anything is written.
fn check_cluster_id(id: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(allowed) {
        return Err(Error::invalid(format!(
            "cluster id {id:?} is not valid: it needs 1 to 64 letters, digits or -"
        )));
    }
    Ok(())
}

async fn open_disk(
    options: &NodeOptions,
    storage: &Arc<dyn Storage>,
    metrics: &Metrics,
) -> Result<(DataDir, Journal), OpenError> {
    let (storage, path) = (Arc::clone(storage), options.data_dir.clone());
    let journal_options = JournalOptions {
        file_bytes: options.journal_file_bytes,
        ..JournalOptions::default()
    };
    let observer = metrics.journal_observer();
    let open = move || -> Result<_, OpenError> {
        let data_dir = DataDir::open(&storage, &path, rand::random::<u64>)?;
        let journal = Journal::open(storage, &data_dir.journal_dir(), journal_options, observer)?;
        Ok((data_dir, journal))
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|error| Err(OpenError::Interrupted(error.to_string())))
}

/// How long a publish waits for a place before it is refused.
pub(crate) const PUBLISH_WAIT: Duration = Duration::from_secs(5);
