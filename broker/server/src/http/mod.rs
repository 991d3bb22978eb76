//! One HTTP port: probes and metrics for everybody, the admin API for who knows the token. docs/admin-api.md describes it for
//! people. Read in this order:
//!
//! 1. [`router`]: every path in one table;
//! 2. `serve`: connections, their limits, and the end;
//! 3. `auth`: the token; `error`: failures as JSON; `extract`: bodies, paths and queries;
//! 4. `convert`: the admin API's resources from and to the node's;
//! 5. `batch`, `describe`, `list`, `watch`, `cluster`: the calls; `probes`, `metrics`: the rest.

mod auth;
mod batch;
mod cluster;
mod convert;
mod describe;
mod error;
mod extract;
mod list;
mod metrics;
mod probes;
mod serve;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use postroad_admin_api::MAX_BODY_BYTES;
use postroad_node::Node;

pub use auth::Access;
pub use serve::serve;

use error::ApiError;
use metrics::Metrics;

/// A request that takes longer is answered with Unavailable: the catalog has no leader, most likely.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What every request sees.
#[derive(Clone)]
pub struct State {
    node: Node,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
}

impl State {
    /// Registers the port's metrics with the node's.
    ///
    /// # Errors
    /// When one of the metrics is registered already: a defect.
    pub fn new(node: Node, access: Access) -> prometheus::Result<Self> {
        let metrics = Arc::new(Metrics::register(node.registry())?);
        Ok(Self {
            node,
            access: Arc::new(access),
            metrics,
        })
    }
}

/// Every path of the port.
pub fn router(state: State) -> Router {
    let admin = Router::new()
        .route("/v1/bootstrap", post(cluster::bootstrap))
        .route("/v1/status", get(cluster::status))
        .route("/v1/resources:apply", post(batch::apply))
        .route("/v1/resources:delete", post(batch::delete))
        .route("/v1/resources:release", post(batch::release))
        .route("/v1/resources", get(list::list))
        .route("/v1/resources/{kind}/{namespace}/{name}", get(describe::describe))
        .route("/v1/watch", get(watch::watch))
        .route_layer(middleware::from_fn_with_state(state.clone(), auth::require_token));
    Router::new()
        .merge(admin)
        .route("/metrics", get(metrics::metrics))
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .fallback(ApiError::no_such_path)
        .method_not_allowed_fallback(ApiError::no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(time_limit))
        .layer(middleware::from_fn_with_state(state.clone(), metrics::observe))
        .with_state(state)
}

/// Bounds the time to an answer's head; a watch's body goes on beyond it.
async fn time_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let seconds = REQUEST_TIMEOUT.as_secs();
            ApiError::unavailable(format!(
                "no answer within {seconds} s; it may be done all the same; ask again"
            ))
            .into_response()
        }
    }
}
