//! The operator as a whole: takes the lease, leads, gives the lease back.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use postroad_crds::{Queue, Subscription, Topic};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backoff::BackoffLimits;
use crate::broker::{Endpoints, Registry};
use crate::clock::SharedClock;
use crate::cluster::ClusterReconciler;
use crate::context::{ClusterDefaults, Context};
use crate::controller::{self, Pace, Reconciler};
use crate::events::Events;
use crate::http::Shown;
use crate::lease::{Elector, KubeLock, Timing};
use crate::messaging::{Messaging, MessagingReconciler};
use crate::names::LEASE;
use crate::state::{Objects, State};
use crate::watch::{Namespaces, Source};
use crate::watchers::Watchers;

/// What has begun when the operator is stopped may take this long; shorter than a lease.
const DRAIN: Duration = Duration::from_secs(8);

/// What the operator needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Its own namespace.
    pub namespace: String,
    /// The name of this replica.
    pub identity: String,
    /// The namespaces it looks at.
    pub watched: Namespaces,
    /// What clusters get that do not say otherwise.
    pub defaults: ClusterDefaults,
    /// The lease's timing; none to lead without a lease.
    pub lease: Option<Timing>,
    /// Waits of watches.
    pub watch_backoff: BackoffLimits,
    /// How clusters are reconciled.
    pub cluster_pace: Pace,
    /// How topics, queues and subscriptions are reconciled.
    pub messaging_pace: Pace,
}

impl Settings {
    /// How clusters are reconciled in production.
    pub const CLUSTER_PACE: Pace = Pace {
        concurrency: 16,
        debounce: Duration::from_millis(50),
        backoff: BackoffLimits {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
        },
    };
    /// How topics, queues and subscriptions are reconciled in production: as many at a time as fit into two batches.
    pub const MESSAGING_PACE: Pace = Pace {
        concurrency: 400,
        debounce: Duration::from_millis(5),
        backoff: BackoffLimits {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(120),
        },
    };
}

/// An operator that can be run.
pub struct Operator {
    /// The API server.
    pub client: Client,
    /// What it needs to know.
    pub settings: Settings,
    /// Where admin APIs are.
    pub endpoints: Arc<dyn Endpoints>,
    /// The time of day.
    pub clock: SharedClock,
    /// What it shows of itself.
    pub shown: Shown,
}

impl Operator {
    /// Runs until `stop`: waits for the lease, leads while it holds it, and gives it back.
    pub async fn run(&self, stop: CancellationToken) {
        let Some(timing) = self.settings.lease else {
            self.lead(stop).await;
            return;
        };
        let lock = KubeLock::new(self.client.clone(), &self.settings.namespace, LEASE);
        let mut elector = Elector::new(lock, self.clock.clone(), &self.settings.identity, timing);
        while !stop.is_cancelled() {
            self.shown.readiness.set(true);
            tokio::select! {
                () = stop.cancelled() => return,
                () = elector.acquire() => {}
            }
            tracing::info!(identity = self.settings.identity, "took the lease");
            self.shown.readiness.set(false);
            let term = stop.child_token();
            let leading = self.lead(term.clone());
            tokio::pin!(leading);
            tokio::select! {
                // In the middle of a write or not: without the lease it may go no further.
                () = elector.hold() => {}
                () = &mut leading => {}
            }
            term.cancel();
        }
        match elector.release().await {
            Ok(()) => tracing::info!("gave the lease back"),
            Err(error) => tracing::warn!(%error, "the lease can't be given back; it runs out by itself"),
        }
    }

    /// Leads until `stop`.
    async fn lead(&self, stop: CancellationToken) {
        let (state, writers) = State::new(self.settings.watched.clone());
        let state = Arc::new(state);
        let metrics = self.shown.metrics.clone();
        let registry = Arc::new(Registry::new(Arc::clone(&state) as _, metrics.clone()));
        let context = Arc::new(Context {
            client: self.client.clone(),
            clock: self.clock.clone(),
            events: Events::new(self.client.clone(), &self.settings.identity, metrics.clone()),
            metrics: metrics.clone(),
            state: Arc::clone(&state),
            registry: Arc::clone(&registry),
            endpoints: Arc::clone(&self.endpoints),
            defaults: self.settings.defaults.clone(),
        });
        // Dropped, whether by returning or because the lease was lost, it ends what it runs.
        let mut tasks = JoinSet::new();
        let source = Source::new(
            self.client.clone(),
            self.settings.watched.clone(),
            self.settings.watch_backoff,
        );
        Watchers {
            source,
            state: Arc::clone(&state),
            registry,
            metrics,
        }
        .start(&mut tasks, writers);
        let _shown = Term::begin(&self.shown, Arc::clone(&state));
        tokio::select! {
            () = stop.cancelled() => return,
            ready = state.ready() => if let Err(error) = ready {
                tracing::error!(%error, "a watch ended");
                return;
            }
        }
        self.shown.readiness.set(true);
        tracing::info!("the caches are filled; reconciling");
        let mut controllers = JoinSet::new();
        self.start_controllers(&mut controllers, &context, &stop);
        tokio::select! {
            () = stop.cancelled() => {}
            ended = tasks.join_next() => tracing::error!(?ended, "a watch ended"),
            ended = controllers.join_next() => tracing::error!(?ended, "a controller ended"),
        }
        stop.cancel();
        let drained =
            tokio::time::timeout(DRAIN, async { while controllers.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(
                seconds = DRAIN.as_secs(),
                "some reconciles did not end in time; they are stopped"
            );
        }
    }

    fn start_controllers(&self, tasks: &mut JoinSet<()>, context: &Arc<Context>, stop: &CancellationToken) {
        let clusters = Arc::new(ClusterReconciler::new(Arc::clone(context)));
        self.start(
            tasks,
            context,
            clusters,
            &context.state.clusters,
            self.settings.cluster_pace,
            stop,
        );
        self.start_messaging::<Topic>(tasks, context, stop);
        self.start_messaging::<Queue>(tasks, context, stop);
        self.start_messaging::<Subscription>(tasks, context, stop);
    }

    fn start_messaging<K: Messaging>(
        &self,
        tasks: &mut JoinSet<()>,
        context: &Arc<Context>,
        stop: &CancellationToken,
    ) {
        let reconciler = Arc::new(MessagingReconciler::<K>::new(Arc::clone(context)));
        self.start(
            tasks,
            context,
            reconciler,
            K::objects(&context.state),
            self.settings.messaging_pace,
            stop,
        );
    }

    fn start<R: Reconciler>(
        &self,
        tasks: &mut JoinSet<()>,
        context: &Arc<Context>,
        reconciler: Arc<R>,
        objects: &Objects<R::Kind>,
        pace: Pace,
        stop: &CancellationToken,
    ) {
        let (store, pokes) = (objects.store.clone(), objects.pokes.clone());
        tasks.spawn(controller::run(
            reconciler,
            store,
            pokes,
            pace,
            context.metrics.clone(),
            stop.clone(),
        ));
    }
}

/// While it lives, this replica shows itself as the leader.
struct Term<'a>(&'a Shown);

impl<'a> Term<'a> {
    fn begin(shown: &'a Shown, state: Arc<State>) -> Self {
        shown.metrics.leading(true);
        *shown.state.lock() = Some(state);
        Self(shown)
    }
}

impl Drop for Term<'_> {
    fn drop(&mut self) {
        self.0.metrics.leading(false);
        *self.0.state.lock() = None;
    }
}
