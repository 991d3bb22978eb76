//! One connection: HTTP/2 without TLS, and HTTP/1 for whoever asks with a browser or curl.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::ServeOptions;

/// How long a new connection may stay silent, and a request's head may take.
const FIRST_BYTE_WAIT: Duration = Duration::from_secs(10);
/// What one call may have on its way before the broker has read it: a large publish without waiting for the window.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for a whole connection.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Serves connections with one router.
#[derive(Clone)]
pub struct Connector {
    builder: Builder<TokioExecutor>,
    router: Router,
}

impl Connector {
    /// With the bounds of `options`.
    pub fn new(router: Router, options: &ServeOptions) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(FIRST_BYTE_WAIT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(options.max_streams_per_connection)
            .keep_alive_interval(options.keepalive_interval)
            .keep_alive_timeout(options.keepalive_timeout);
        Self { builder, router }
    }

    /// Until the client leaves; after `shutdown`, until what runs is finished.
    pub async fn serve(&self, stream: TcpStream, shutdown: &CancellationToken) {
        // Without it, small answers wait for the client's delayed ACK.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
        if !speaks(&stream, shutdown).await {
            return;
        }
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a Pub/Sub connection broke");
        }
    }
}

/// Whether the client sends anything at all: one that only connects must not hold a place.
async fn speaks(stream: &TcpStream, shutdown: &CancellationToken) -> bool {
    let mut first = [0];
    tokio::select! {
        peeked = tokio::time::timeout(FIRST_BYTE_WAIT, stream.peek(&mut first)) => {
            matches!(peeked, Ok(Ok(read)) if read > 0)
        }
        () = shutdown.cancelled() => false,
    }
}
