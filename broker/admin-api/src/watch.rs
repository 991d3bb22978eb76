//! The stream of catalog revisions.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};

use crate::client::{ClientError, Result, causes};
use crate::cluster::WatchEvent;
use crate::sse::{Decoder, Event};

/// Silence for this many heartbeats means that the connection is lost.
const SILENT_HEARTBEATS: u32 = 3;

/// Catalog revisions as they come. Ends after its first error; see [`crate::Client::watch`].
pub struct Watch(BoxStream<'static, Result<u64>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Stream for Watch {
    type Item = Result<u64>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl Watch {
    pub(crate) fn new(
        url: String,
        body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let reader = Some(Reader {
            url,
            body: body.boxed(),
            decoder: Decoder::default(),
        });
        // Each step gives the revisions of one chunk; an error is the last item.
        let chunks = futures::stream::unfold(reader, |reader| async move {
            let mut reader = reader?;
            match reader.revisions().await {
                Ok(revisions) => Some((revisions.into_iter().map(Ok).collect::<Vec<_>>(), Some(reader))),
                Err(error) => Some((vec![Err(error)], None)),
            }
        });
        Self(chunks.flat_map(futures::stream::iter).boxed())
    }
}

struct Reader {
    url: String,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
}

impl Reader {
    /// The revisions of the next chunk, or how the connection ended.
    async fn revisions(&mut self) -> Result<Vec<u64>> {
        let silence = crate::WATCH_HEARTBEAT * SILENT_HEARTBEATS;
        let chunk = match tokio::time::timeout(silence, self.body.next()).await {
            Err(_) => return Err(self.lost(format!("the watch was silent for {} s", silence.as_secs()))),
            Ok(None) => return Err(self.lost("the broker ended the watch".to_owned())),
            Ok(Some(Err(error))) => return Err(self.lost(causes(&error))),
            Ok(Some(Ok(chunk))) => chunk,
        };
        let events = self.decoder.feed(&chunk).map_err(|reason| self.bad(reason))?;
        events
            .iter()
            .filter(|event| event.name == "revision")
            .map(|event| self.revision(event))
            .collect()
    }

    fn revision(&self, event: &Event) -> Result<u64> {
        let event: WatchEvent = serde_json::from_str(&event.data)
            .map_err(|error| self.bad(format!("a revision event: {error}")))?;
        Ok(event.revision)
    }

    fn lost(&self, reason: String) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            reason,
        }
    }

    fn bad(&self, reason: String) -> ClientError {
        ClientError::BadAnswer {
            url: self.url.clone(),
            status: 200,
            reason,
        }
    }
}
