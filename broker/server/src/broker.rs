//! One broker: listeners, node and front ends, from start to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use postroad_node::{Node, NodeOptions};
use postroad_pubsub::ServeOptions;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::{self, Access};

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("{key} {address}: {source}; is another process using it?")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The admin API's token can't be used.
    #[error("admin.tokenFile: {0}")]
    Token(String),
    /// The data folder can't be opened or recovered from.
    #[error("data folder {folder}: {source}")]
    Node {
        /// The folder.
        folder: String,
        /// Why.
        source: postroad_node::OpenError,
    },
    /// A metric can't be registered: a defect.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Why a broker stopped otherwise than in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// It can't go on: its storage failed, or a part of it ended by itself.
    #[error("the broker can't go on: {0}")]
    Failed(String),
    /// The stop took longer than `shutdown.graceSeconds`; the next start recovers from the journal.
    #[error("stopping took longer than {} s (shutdown.graceSeconds): {stage} did not end", grace.as_secs())]
    TooSlow {
        /// What was waited for.
        stage: &'static str,
        /// How long it could have taken.
        grace: Duration,
    },
}

/// Where a broker listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Google Pub/Sub.
    pub pubsub: SocketAddr,
    /// Admin API, metrics and probes.
    pub admin: SocketAddr,
}

/// A running broker. One that is dropped without [`Broker::shutdown`] ends as in a crash.
pub struct Broker {
    node: Node,
    addresses: Addresses,
    grace: Duration,
    pubsub: Part,
    admin: Part,
    failure: watch::Receiver<Option<String>>,
    // Held so that `failure` stays open however the parts end.
    failed: watch::Sender<Option<String>>,
}

impl Broker {
    /// Binds the listeners, recovers the node from its folder, and serves. Must be called within a tokio runtime.
    /// An empty folder gives a broker that belongs to no cluster and is not ready until it is bootstrapped.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let began = Instant::now();
        let access = Access::open(&config.admin_access)
            .await
            .map_err(StartError::Token)?;
        let (pubsub_listener, pubsub) = listen("pubsub.listen", config.pubsub_listen).await?;
        let (admin_listener, admin) = listen("admin.listen", config.admin_listen).await?;
        let addresses = Addresses { pubsub, admin };
        let node = Node::open(node_options(&config))
            .await
            .map_err(|source| StartError::Node {
                folder: config.data_dir.display().to_string(),
                source,
            })?;

        let (failed, failure) = watch::channel(None);
        let state = http::State::new(node.clone(), access)?;
        let admin = Part::start("the admin API", &failed, |stop| {
            http::serve(state, admin_listener, stop).map(Ok::<_, std::convert::Infallible>)
        });
        let options = ServeOptions {
            max_connections: config.max_connections,
            // Clients that do not go away must not take the time that the node needs.
            drain: config.shutdown_grace / 2,
            ..ServeOptions::default()
        };
        let pubsub = Part::start("the Pub/Sub front end", &failed, |stop| {
            postroad_pubsub::serve(node.clone(), pubsub_listener, stop, options)
        });
        log_start(&node, addresses, &config, began);
        Ok(Self {
            node,
            addresses,
            grace: config.shutdown_grace,
            pubsub,
            admin,
            failure,
            failed,
        })
    }

    /// The broker behind the front ends.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Where it listens, with the ports that were taken for port 0.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Resolves when the broker can't go on, with the reason; never while it serves. Call [`Broker::shutdown`] then.
    pub async fn wait(&self) -> Stopped {
        let mut failure = self.failure.clone();
        tokio::select! {
            reason = failure.wait_for(Option::is_some) => {
                let reason = reason.ok().and_then(|reason| reason.clone());
                Stopped::Failed(reason.unwrap_or_else(|| "all of its parts ended".to_owned()))
            }
            reason = self.node.failed() => Stopped::Failed(reason),
        }
    }

    /// Stops in order: no new connections, streams ended, running requests finished, shards handed over, checkpoint taken.
    /// The probes and metrics answer until the end.
    ///
    /// # Errors
    /// [`Stopped::TooSlow`] when the grace period was over before.
    pub async fn shutdown(self) -> Result<(), Stopped> {
        let began = Instant::now();
        let deadline = began + self.grace;
        let Self {
            node,
            grace,
            mut pubsub,
            mut admin,
            failed,
            ..
        } = self;
        let too_slow = |stage| Stopped::TooSlow { stage, grace };
        // It drains for half of the time, and closes what is left then.
        if !pubsub.stop(deadline).await {
            return Err(too_slow("the Pub/Sub front end"));
        }
        tokio::time::timeout_at(deadline, node.shutdown())
            .await
            .map_err(|_| too_slow("the node"))?;
        // By now nothing is at stake but an answer that somebody may still wait for.
        if !admin.stop(deadline).await {
            tracing::warn!("connections of the admin port were closed while requests were running");
        }
        drop(failed);
        tracing::info!(took_ms = millis(began), "the broker stopped");
        Ok(())
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

fn log_start(node: &Node, addresses: Addresses, config: &Config, began: Instant) {
    let status = node.status();
    tracing::info!(
        broker_id = status.broker_id,
        cluster_id = status.cluster_id,
        version = env!("CARGO_PKG_VERSION"),
        pubsub = %addresses.pubsub,
        admin = %addresses.admin,
        data_dir = %config.data_dir.display(),
        took_ms = millis(began),
        "the broker serves"
    );
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A listener, and where it listens.
async fn listen(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    };
    bound
        .await
        .map_err(|source| StartError::Listen { key, address, source })
}

fn node_options(config: &Config) -> NodeOptions {
    NodeOptions {
        data_dir: config.data_dir.clone(),
        shards: config.shards,
        journal_file_bytes: config.journal_file_bytes,
        checkpoint_bytes: config.checkpoint_journal_bytes,
        max_inflight_bytes: config.max_inflight_publish_bytes,
    }
}

/// A part of the broker that serves until it is told to stop. Dropped, it ends at once.
struct Part {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Part {
    /// Runs what `serve` makes; that it ends before `stop` is a failure of the broker.
    fn start<F, E>(
        name: &'static str,
        failed: &watch::Sender<Option<String>>,
        serve: impl FnOnce(CancellationToken) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let stop = CancellationToken::new();
        let serving = AssertUnwindSafe(serve(stop.clone())).catch_unwind();
        let (failed, stopping) = (failed.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let end = match serving.await {
                Ok(Ok(())) if stopping.is_cancelled() => return,
                Ok(Ok(())) => format!("{name} ended by itself"),
                Ok(Err(error)) => format!("{name} failed: {error}"),
                Err(_) => format!("{name} panicked"),
            };
            failed.send_if_modified(|first| first.is_none() && first.replace(end).is_none());
        });
        Self { stop, task }
    }

    /// Asks the part to stop, and tells whether it did before `deadline`. It does not run any more afterwards.
    async fn stop(&mut self, deadline: Instant) -> bool {
        self.stop.cancel();
        let ended = tokio::time::timeout_at(deadline, &mut self.task).await.is_ok();
        self.task.abort();
        ended
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}
