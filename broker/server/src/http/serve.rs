//! Connections of the admin port.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus::IntGauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{State, router};

/// Operators, scrapers, probes and people; more than this at a time is a mistake, and waits.
const MAX_CONNECTIONS: usize = 256;
/// A connection on which no request begins for this long is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause after an accept that failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the port until `stop`, then lets running requests finish.
pub async fn serve(state: State, listener: TcpListener, stop: CancellationToken) {
    let connections = state.metrics.connections.clone();
    let server = Server {
        router: router(state),
        builder: builder(),
        graceful: GracefulShutdown::new(),
        connections,
    };
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        server.spawn(accepted);
    }
    drop(listener);
    server.graceful.shutdown().await;
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = permits
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "the admin port can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT);
    builder
}

struct Server {
    router: axum::Router,
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    connections: IntGauge,
}

impl Server {
    fn spawn(&self, (stream, permit): (TcpStream, OwnedSemaphorePermit)) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection of the admin port went away at once");
            return;
        }
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = self.graceful.watch(connection);
        let open = Open::count(self.connections.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection of the admin port ended");
            }
            drop((open, permit));
        });
    }
}

/// Counts a connection for as long as it lives.
struct Open(IntGauge);

impl Open {
    fn count(connections: IntGauge) -> Self {
        connections.inc();
        Self(connections)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
