//! The body of a watch: a line an event, bookmarks, and 410 for a version that is forgotten.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::{Value, json};

use super::api::{Inner, only_metadata};
use super::path::selects;

/// What a watch looks at.
#[derive(Clone, Debug)]
pub struct Watched {
    pub resource: String,
    pub namespace: Option<String>,
    pub selector: String,
    pub metadata_only: bool,
    pub from: u64,
}

/// An idle watch gets a bookmark this often.
const BOOKMARK: Duration = Duration::from_millis(500);

struct Reader {
    inner: Arc<Inner>,
    watched: Watched,
    over: bool,
}

pub fn body(inner: Arc<Inner>, watched: Watched) -> impl Stream<Item = Bytes> {
    let reader = Reader {
        inner,
        watched,
        over: false,
    };
    stream::unfold(reader, |mut reader| async move {
        if reader.over {
            return None;
        }
        let lines = reader.next().await;
        Some((Bytes::from(lines), reader))
    })
}

impl Reader {
    async fn next(&mut self) -> String {
        let mut changed = self.inner.changed.subscribe();
        loop {
            if let Some(lines) = self.lines() {
                return lines;
            }
            if tokio::time::timeout(BOOKMARK, changed.changed()).await.is_err() {
                return self.bookmark();
            }
        }
    }

    /// What happened since the last look; none when nothing did.
    fn lines(&mut self) -> Option<String> {
        let store = self.inner.store.lock();
        if self.watched.from < store.compacted {
            self.over = true;
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
                                "reason": "Expired", "message": "too old resource version"});
            return Some(format!("{}\n", json!({"type": "ERROR", "object": status})));
        }
        let news = store.history.iter().filter(|entry| {
            entry.version > self.watched.from
                && entry.resource == self.watched.resource
                && self
                    .watched
                    .namespace
                    .as_ref()
                    .is_none_or(|namespace| entry.object["metadata"]["namespace"] == **namespace)
                && selects(&self.watched.selector, &entry.object)
        });
        let lines: String = news.map(|entry| self.line(entry.kind, &entry.object)).collect();
        self.watched.from = store.version;
        (!lines.is_empty()).then_some(lines)
    }

    fn line(&self, kind: &str, object: &Value) -> String {
        let object = if self.watched.metadata_only {
            only_metadata(object)
        } else {
            object.clone()
        };
        format!("{}\n", json!({"type": kind, "object": object}))
    }

    fn bookmark(&self) -> String {
        let version = self.watched.from.to_string();
        let object =
            json!({"kind": "Bookmark", "apiVersion": "v1", "metadata": {"resourceVersion": version}});
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }
}
