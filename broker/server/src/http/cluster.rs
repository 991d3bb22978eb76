//! Bootstrap and status.

use axum::Json as JsonAnswer;
use axum::extract::State as Extract;
use futures::FutureExt;
use postroad_admin_api::{BootstrapRequest, BootstrapResponse, ShardStatus, StatusResponse};
use postroad_types::Error;

use super::State;
use super::error::ApiError;
use super::extract::Json;

pub(super) async fn bootstrap(
    Extract(state): Extract<State>,
    Json(request): Json<BootstrapRequest>,
) -> Result<JsonAnswer<BootstrapResponse>, ApiError> {
    // Finished whether or not somebody still waits for the answer.
    let node = state.node.clone();
    let bootstrap = tokio::spawn(async move { node.bootstrap(request.cluster_id).await });
    let interrupted = |error| Error::internal(format!("the bootstrap was interrupted: {error}"));
    let cluster_id = bootstrap.await.map_err(interrupted)??;
    let broker_id = state.node.status().broker_id;
    Ok(JsonAnswer(BootstrapResponse {
        cluster_id,
        broker_id,
    }))
}

pub(super) async fn status(Extract(state): Extract<State>) -> JsonAnswer<StatusResponse> {
    let status = state.node.status();
    let shards = status.shards.into_iter().map(|shard| ShardStatus {
        id: shard.id,
        role: shard.role,
        term: shard.term,
        last_index: shard.last_index,
        applied_index: shard.applied_index,
        checkpoint_index: shard.checkpoint_index,
    });
    let catalog_revision = state
        .node
        .catalog_changed(0)
        .now_or_never()
        .and_then(Result::ok)
        .unwrap_or(0);
    JsonAnswer(StatusResponse {
        broker_id: status.broker_id,
        cluster_id: status.cluster_id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: status.ready,
        reason: status.reason,
        catalog_revision,
        shards: shards.collect(),
    })
}
