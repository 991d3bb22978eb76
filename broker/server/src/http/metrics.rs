//! `/metrics`, and the metrics of this port itself. docs/metrics.md lists all of them.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use postroad_admin_api::ErrorKind;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT,
    TextEncoder,
};

use super::State;
use super::error::ApiError;

/// The metrics of this port, and those of the process.
#[derive(Debug)]
pub(super) struct Metrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    pub(super) connections: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "postroad_admin_requests_total",
                "Requests to the admin port, by route and HTTP status code.",
            ),
            &["route", "code"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "postroad_admin_request_duration_seconds",
                "Time from a request to the head of its answer on the admin port.",
            )
            .buckets(vec![0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0]),
            &["route"],
        )?;
        let connections = IntGauge::new(
            "postroad_admin_connections",
            "Open connections of the admin port.",
        )?;
        let build = IntGaugeVec::new(
            Opts::new(
                "postroad_build_info",
                "Always 1; the labels say which program runs.",
            ),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(build))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Self {
            requests,
            duration,
            connections,
        })
    }
}

/// Counts a request and its time, by the pattern of its path: names in paths would be series without end.
pub(super) async fn observe(
    Extract(state): Extract<State>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = path.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    state
        .metrics
        .duration
        .with_label_values(&[&route])
        .observe(began.elapsed().as_secs_f64());
    state
        .metrics
        .requests
        .with_label_values(&[route.as_str(), response.status().as_str()])
        .inc();
    response
}

/// Everything that is registered, in Prometheus' text format.
pub(super) async fn metrics(Extract(state): Extract<State>) -> Result<Response, ApiError> {
    let registry = state.node.registry().clone();
    // With ten thousand subscriptions this takes a while; it must not hold up a thread that serves messages.
    let encoded =
        tokio::task::spawn_blocking(move || TextEncoder::new().encode_to_string(&registry.gather())).await;
    let text = encoded
        .map_err(|error| error.to_string())
        .and_then(|text| text.map_err(|error| error.to_string()));
    match text {
        Ok(text) => Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response()),
        Err(error) => {
            tracing::error!(error, "metrics can't be written");
            Err(ApiError::new(ErrorKind::Internal, format!("metrics: {error}")))
        }
    }
}
