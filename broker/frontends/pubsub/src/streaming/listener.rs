//! The client's side of a stream: acknowledgements, new deadlines, keep-alives.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use postroad_node::{AckId, Node, Subscription};
use postroad_types::{Result, SubscriptionId, SubscriptionName};
use tokio::sync::watch;
use tonic::{Status, Streaming};

use super::requests::{self, Later};
use crate::proto::pubsub::StreamingPullRequest;
use crate::{convert, status};

/// Acknowledging requests that wait to be durable; more are not read before one of them is.
const MAX_ACKS_WAITING: usize = 16;

/// Applies what the client sends. Deadlines take effect in order, before the next request is read; acknowledgements are
/// begun in order, and wait for the disk together.
pub struct Listener {
    node: Node,
    name: SubscriptionName,
    id: SubscriptionId,
    deadline: watch::Sender<Duration>,
    acks: FuturesUnordered<BoxFuture<'static, Result<()>>>,
}

impl Listener {
    /// For a stream of `subscription`; a new deadline for the deliveries to come goes to `deadline`.
    pub fn new(node: Node, subscription: &Subscription, deadline: watch::Sender<Duration>) -> Self {
        let (name, id) = (subscription.name.clone(), subscription.id);
        Self {
            node,
            name,
            id,
            deadline,
            acks: FuturesUnordered::new(),
        }
    }

    /// Until the client closes its side (Ok), or something fails that ends the stream.
    pub async fn listen(&mut self, inbound: &mut Streaming<StreamingPullRequest>) -> Result<(), Status> {
        loop {
            let request = tokio::select! {
                Some(done) = self.acks.next() => {
                    done.map_err(status::stream)?;
                    continue;
                }
                request = inbound.message(), if self.acks.len() < MAX_ACKS_WAITING => request?,
            };
            let Some(request) = request else { return Ok(()) };
            let later = requests::later(&request).map_err(status::stream)?;
            self.apply(later).await.map_err(status::stream)?;
        }
    }

    /// Applies one request.
    pub async fn apply(&mut self, request: Later) -> Result<()> {
        if let Some(deadline) = request.ack_deadline {
            self.deadline.send_replace(deadline);
        }
        let deadlines: Vec<_> = request
            .deadlines
            .iter()
            .filter_map(|(text, deadline)| Some((self.ack_id(text)?, *deadline)))
            .collect();
        if !deadlines.is_empty() {
            self.node.modify_deadline(&self.name, deadlines).await?;
        }
        let ids: Vec<_> = request
            .acknowledge
            .iter()
            .filter_map(|text| self.ack_id(text))
            .collect();
        if !ids.is_empty() {
            let (node, name) = (self.node.clone(), self.name.clone());
            self.acks
                .push(Box::pin(async move { node.acknowledge(&name, ids).await }));
        }
        Ok(())
    }

    /// Waits until what was acknowledged is durable.
    pub async fn finish(&mut self) -> Result<(), Status> {
        let mut end = Ok(());
        while let Some(done) = self.acks.next().await {
            end = end.and(done.map_err(status::stream));
        }
        end
    }

    /// An id of this subscription, or nothing. A stream must survive bad ids: a client that reconnects repeats what it
    /// has, also ids of a subscription that was deleted and made again in between.
    fn ack_id(&self, text: &str) -> Option<AckId> {
        let id = convert::ack_id(text).ok().filter(|id| id.subscription == self.id);
        if id.is_none() {
            tracing::debug!(subscription = %self.name, "skipped an ack id that is not of this subscription");
        }
        id
    }
}
