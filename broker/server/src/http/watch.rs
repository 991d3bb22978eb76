//! The catalog's revisions as server-sent events.

use std::convert::Infallible;

use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{FutureExt, Stream, StreamExt, stream};
use postroad_admin_api::{WATCH_HEARTBEAT, WatchEvent};
use postroad_node::Node;
use serde::Deserialize;

use super::State;
use super::error::ApiError;
use super::extract::Query;

/// What `GET /v1/watch` is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WatchQuery {
    /// The last revision that the watcher knows; 0 = none.
    since: u64,
}

pub(super) async fn watch(
    Extract(state): Extract<State>,
    Query(query): Query<WatchQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let events = revisions(state.node, query.since).map(|revision| {
        let data = serde_json::to_string(&WatchEvent { revision }).expect("a number is always JSON");
        Ok(Event::default().event("revision").data(data))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(WATCH_HEARTBEAT).text("heartbeat")))
}

/// The revision there is, unless it is `since`, then each later one. Revisions that come while the watcher is slow are
/// skipped, so nothing queues up. Ends when the node stops.
fn revisions(node: Node, since: u64) -> impl Stream<Item = u64> {
    // A revision below `since` is another catalog's: the watcher must hear of it, so the test is not for greater.
    let current = node.catalog_changed(0).now_or_never().and_then(Result::ok);
    let first = current.filter(|revision| *revision != since);
    let later = stream::unfold((node, current.unwrap_or(0)), |(node, seen)| async move {
        let revision = node.catalog_changed(seen).await.ok()?;
        Some((revision, (node, revision)))
    });
    stream::iter(first).chain(later)
}
