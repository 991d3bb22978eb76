//! `/metrics`, `/livez` and `/readyz`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::state::State;

/// Whether the operator is ready: its caches are filled, or it waits for the lease. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets it.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether it is.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What is shown. Clones share it.
#[derive(Clone)]
pub struct Shown {
    /// The metrics.
    pub metrics: Metrics,
    /// Whether the operator is ready.
    pub readiness: Readiness,
    /// What a leader knows; counted when the metrics are asked for.
    pub state: Arc<Mutex<Option<Arc<State>>>>,
}

impl Shown {
    /// Nothing is known, nothing is ready.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            readiness: Readiness::default(),
            state: Arc::default(),
        }
    }
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(shown);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Listens on `address`.
///
/// # Errors
/// When it can't, saying which address.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!("can't listen on {address} (--metrics-addr): {error}"))
}

async fn readyz(Extract(shown): Extract<Shown>) -> Response {
    if shown.readiness.get() {
        return "ok\n".into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "starting: the caches are not filled yet\n",
    )
        .into_response()
}

async fn render(Extract(shown): Extract<Shown>) -> Response {
    let state = shown.state.lock().clone();
    match state {
        Some(state) => state.count(&shown.metrics),
        None => shown.metrics.forget_objects(),
    }
    match shown.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
