//! The listener: accepts connections up to a bound, and drains them when asked to stop.

mod connection;
mod router;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use postroad_node::Node;
use postroad_types::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::Connector;
use crate::context::Context;
use crate::metrics::Metrics;

/// Connections beyond the bound that are told so at a time; more are closed without a word.
const MAX_REFUSALS: usize = 64;
/// How long a refused connection may take to read its refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(5);
/// How long accepting rests after an error of the system (such as no file handles left).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The bounds of a listener.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Connections at a time; more are answered UNAVAILABLE and closed.
    pub max_connections: usize,
    /// Calls and streams of one connection at a time; a client holds the others back (HTTP/2's
    /// SETTINGS_MAX_CONCURRENT_STREAMS).
    pub max_streams_per_connection: u32,
    /// How often a silent connection is asked whether it is alive.
    pub keepalive_interval: Duration,
    /// How long it has to answer; then it is closed.
    pub keepalive_timeout: Duration,
    /// How long calls that run may go on once a stop is asked for; then their connections are closed.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_streams_per_connection: 1_000,
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves Pub/Sub on `listener` until `shutdown` is cancelled: then stops accepting, ends streams with UNAVAILABLE (so
/// that clients connect elsewhere), lets calls finish for at most [`ServeOptions::drain`], and returns.
///
/// # Errors
/// [`postroad_types::ErrorKind::Internal`] when the metrics can't be registered: the node has a Pub/Sub front end already.
pub async fn serve(
    node: Node,
    listener: TcpListener,
    shutdown: CancellationToken,
    options: ServeOptions,
) -> Result<()> {
    let metrics = Metrics::register(node.registry())?;
    let context = Context {
        node,
        shutdown: shutdown.clone(),
    };
    let server = Server {
        slots: Arc::new(Semaphore::new(
            options.max_connections.min(Semaphore::MAX_PERMITS),
        )),
        refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        welcome: Connector::new(router::calls(context, metrics.clone()), &options),
        refuse: Connector::new(router::refusing(options.max_connections), &options),
        metrics,
        shutdown,
        abort: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    server.accept_all(listener).await;
    server.drain(options.drain).await;
    Ok(())
}

struct Server {
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    welcome: Connector,
    refuse: Connector,
    metrics: Metrics,
    shutdown: CancellationToken,
    abort: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Accepts until the shutdown; the listener is closed at the end.
    async fn accept_all(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, _peer)) => self.take(stream),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept Pub/Sub connections");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream) {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            self.tasks.spawn(self.welcome(stream, slot));
            return;
        }
        self.metrics.refused.inc();
        // Without a place to say so, closing must do.
        if let Ok(place) = self.refusals.clone().try_acquire_owned() {
            self.tasks.spawn(self.refuse(stream, place));
        }
    }

    fn welcome(&self, stream: TcpStream, slot: OwnedSemaphorePermit) -> impl Future<Output = ()> + use<> {
        let (connector, open) = (self.welcome.clone(), self.metrics.connections.clone());
        let (shutdown, abort) = (self.shutdown.clone(), self.abort.clone());
        async move {
            open.inc();
            tokio::select! {
                () = connector.serve(stream, &shutdown) => {}
                () = abort.cancelled() => {}
            }
            open.dec();
            drop(slot);
        }
    }

    fn refuse(&self, stream: TcpStream, place: OwnedSemaphorePermit) -> impl Future<Output = ()> + use<> {
        let (connector, shutdown) = (self.refuse.clone(), self.shutdown.clone());
        async move {
            // Too slow to read it: closed all the same.
            let _ = tokio::time::timeout(REFUSAL_TIME, connector.serve(stream, &shutdown)).await;
            drop(place);
        }
    }

    /// Waits for the connections to finish, at most `limit`.
    async fn drain(&self, limit: Duration) {
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::info!(
                connections = self.tasks.len(),
                "closing Pub/Sub connections that did not finish"
            );
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Errors of accept(2) that belong to the connection that would have been accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
