//! The probes: plain text, for Kubernetes and for people.

use axum::extract::State as Extract;
use axum::http::StatusCode;

use super::State;

type Answer = (StatusCode, String);

/// Whether the process should go on. A broker that waits for its bootstrap, or for a leader, lives.
pub(super) async fn live(Extract(state): Extract<State>) -> Answer {
    match state.node.failure() {
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("failed: {reason}\n")),
        None => (StatusCode::OK, "ok\n".to_owned()),
    }
}

/// Whether clients should come here. Not before the bootstrap, not without leaders, not while stopping.
pub(super) async fn ready(Extract(state): Extract<State>) -> Answer {
    if state.node.stopping().is_cancelled() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: stopping\n".to_owned(),
        );
    }
    let status = state.node.status();
    if status.ready {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let reason = status.reason.as_deref().unwrap_or("no reason given");
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
}
