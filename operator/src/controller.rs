//! Runs a reconciler over the objects that are asked for: bounded concurrency, one reconcile an object at a time, and a
//! backoff with jitter for each object that failed.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use kube::Resource;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::controller::{self, Action, ReconcileReason, ReconcileRequest, applier};
use kube::runtime::reflector::{ObjectRef, Store};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backoff::{BackoffLimits, Backoffs};
use crate::error::Failure;
use crate::metrics::Metrics;
use crate::pokes::{ObjectKey, Pokes};

/// An object as it comes from the API server; one that can't be read is still an object, and stalls nobody.
pub type Guarded<K> = DeserializeGuard<K>;

/// When to look at an object again, besides when it or something it depends on changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Not before then: it is as asked for.
    Settled,
    /// Not before then: it can't be as asked for until somebody changes something.
    Invalid,
    /// After a while: what it waits for does not always tell.
    Waiting,
    /// After this time.
    After(Duration),
}

/// What is done for one kind.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Kind: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Send
        + Sync
        + 'static;

    /// Brings the world nearer to what `object` asks for. Safe to be stopped and repeated anywhere.
    fn reconcile(
        &self,
        object: Arc<Guarded<Self::Kind>>,
    ) -> impl Future<Output = Result<Next, Failure>> + Send;
}

/// How a controller runs.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Reconciles at a time.
    pub concurrency: u16,
    /// How long to wait for further changes of an object before it is looked at.
    pub debounce: Duration,
    /// Waits after failures.
    pub backoff: BackoffLimits,
}

struct Running<R: Reconciler> {
    reconciler: Arc<R>,
    backoffs: Mutex<Backoffs<ObjectKey>>,
    metrics: Metrics,
}

/// Reconciles what `pokes` asks for, until `stop`; then finishes the reconciles that run.
pub async fn run<R: Reconciler>(
    reconciler: Arc<R>,
    store: Store<Guarded<R::Kind>>,
    pokes: Pokes,
    pace: Pace,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let running = Arc::new(Running {
        reconciler,
        backoffs: Mutex::new(Backoffs::new(pace.backoff)),
        metrics,
    });
    let queue = pokes
        .stream(stop)
        .map(|key| Ok::<_, Infallible>(request::<R>(&key)));
    let config = controller::Config::default()
        .concurrency(pace.concurrency)
        .debounce(pace.debounce);
    let reconcile = |object, running: Arc<Running<R>>| async move { running.reconcile(object).await }.boxed();
    let never = |_: Arc<Guarded<R::Kind>>, error: &Infallible, _: Arc<Running<R>>| match *error {};
    applier(reconcile, never, Arc::clone(&running), store, queue, config)
        .for_each(|done| {
            if let Err(controller::Error::ObjectNotFound(object)) = done {
                let key = ObjectKey::new(object.namespace.unwrap_or_default(), object.name);
                running.backoffs.lock().forget(&key);
            }
            std::future::ready(())
        })
        .await;
}

fn request<R: Reconciler>(key: &ObjectKey) -> ReconcileRequest<Guarded<R::Kind>> {
    ReconcileRequest {
        obj_ref: ObjectRef::new(&key.name).within(&key.namespace),
        reason: ReconcileReason::Unknown,
    }
}

impl<R: Reconciler> Running<R> {
    async fn reconcile(&self, object: Arc<Guarded<R::Kind>>) -> Result<Action, Infallible> {
        let key = ObjectKey::of(&*object);
        let kind = R::Kind::kind(&());
        let begun = Instant::now();
        let outcome = self.reconciler.reconcile(object).await;
        let (result, wait) = match outcome {
            Ok(Next::Settled) => ("settled", self.settled(&key)),
            Ok(Next::Invalid) => ("invalid", self.settled(&key)),
            Ok(Next::After(wait)) => {
                self.settled(&key);
                ("settled", Some(wait))
            }
            Ok(Next::Waiting) => ("waiting", Some(self.backoffs.lock().failed(key))),
            Err(failure) => {
                let wait = self.backoffs.lock().failed(key.clone());
                failure.log(&kind, &key, wait);
                ("failed", Some(wait))
            }
        };
        self.metrics.reconciled(&kind, result, begun.elapsed());
        Ok(wait.map_or_else(Action::await_change, Action::requeue))
    }

    fn settled(&self, key: &ObjectKey) -> Option<Duration> {
        self.backoffs.lock().forget(key);
        None
    }
}
