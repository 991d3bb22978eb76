//! Apply, delete and release. One request is one entry of the catalog's log; what is wrong with one resource does not hinder
//! the others.

use axum::Json as JsonAnswer;
use axum::extract::State as Extract;
use postroad_admin_api::{
    ApplyRequest, BatchResponse, DeleteRequest, ItemResult, MAX_BATCH, Outcome, Owner, ReleaseRequest,
};
use postroad_node::{Change, Changed};
use postroad_types::{Error, ErrorKind, Result};

use super::error::ApiError;
use super::extract::Json;
use super::{State, convert};

type Answer = Result<JsonAnswer<BatchResponse>, ApiError>;

pub(super) async fn apply(Extract(state): Extract<State>, Json(request): Json<ApplyRequest>) -> Answer {
    change(&state, "apply", request.owner, request.resources, convert::put).await
}

pub(super) async fn delete(Extract(state): Extract<State>, Json(request): Json<DeleteRequest>) -> Answer {
    change(
        &state,
        "delete",
        request.owner,
        request.resources,
        convert::delete,
    )
    .await
}

pub(super) async fn release(Extract(state): Extract<State>, Json(request): Json<ReleaseRequest>) -> Answer {
    change(
        &state,
        "release",
        request.owner,
        request.resources,
        convert::release,
    )
    .await
}

async fn change<R>(
    state: &State,
    operation: &'static str,
    owner: Owner,
    resources: Vec<R>,
    to_change: impl Fn(R) -> Result<Change>,
) -> Answer {
    if resources.len() > MAX_BATCH {
        let count = resources.len();
        let message =
            format!("resources: {count} in one request; at most {MAX_BATCH} are allowed, so ask in parts");
        return Err(ApiError::invalid(message));
    }
    let changes: Vec<Result<Change>> = resources.into_iter().map(to_change).collect();
    let possible: Vec<Change> = changes
        .iter()
        .filter_map(|change| change.as_ref().ok().cloned())
        .collect();
    let changed = if possible.is_empty() {
        Vec::new()
    } else {
        run(state, owner, possible).await?
    };
    if let Some(error) = refused_as_a_whole(&changed) {
        return Err(error.into());
    }
    let results = paired(changes, changed);
    log(operation, owner, &results);
    Ok(JsonAnswer(BatchResponse { results }))
}

/// A change that was begun is finished whether or not somebody still waits for its answer: half of it would be a resource
/// that the catalog has and the shards lack.
async fn run(state: &State, owner: Owner, changes: Vec<Change>) -> Result<Vec<Result<Changed>>, ApiError> {
    let node = state.node.clone();
    let change = tokio::spawn(async move { node.change(convert::owner(owner), changes).await });
    change
        .await
        .map_err(|error| Error::internal(format!("the change was interrupted: {error}")).into())
}

/// The catalog takes all changes of a request or, when it can't be reached, none: that is no matter of a single resource.
fn refused_as_a_whole(changed: &[Result<Changed>]) -> Option<Error> {
    let unavailable = |result: &Result<Changed>| {
        let error = result.as_ref().err()?;
        (error.kind == ErrorKind::Unavailable).then(|| error.clone())
    };
    let first = unavailable(changed.first()?)?;
    changed
        .iter()
        .all(|result| unavailable(result).is_some())
        .then_some(first)
}

/// One result for each change, in order: the node's, or why the change could not be asked for.
fn paired(changes: Vec<Result<Change>>, changed: Vec<Result<Changed>>) -> Vec<ItemResult> {
    let mut changed = changed.into_iter();
    let missing = || Err(Error::internal("the catalog gave no result for this resource"));
    let results = changes.into_iter().map(|change| match change {
        Ok(_) => changed.next().unwrap_or_else(missing),
        Err(error) => Err(error),
    });
    results.map(convert::result).collect()
}

fn log(operation: &'static str, owner: Owner, results: &[ItemResult]) {
    let count = |wanted: fn(&ItemResult) -> bool| results.iter().filter(|result| wanted(result)).count();
    let failed = count(|result| matches!(result, ItemResult::Failed { .. }));
    let idle = count(|result| {
        matches!(
            result,
            ItemResult::Done {
                outcome: Outcome::Unchanged | Outcome::Absent,
                ..
            }
        )
    });
    let changed = results.len() - failed - idle;
    if changed + failed > 0 {
        tracing::info!(
            operation,
            owner = owner.as_str(),
            changed,
            idle,
            failed,
            "resources changed"
        );
    }
}
