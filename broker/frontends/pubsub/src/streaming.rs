//! StreamingPull: one task a stream. Two sides run in it at once, so that neither waits for the other:
//! [`Delivering`] (the session's messages into a bounded channel, which a slow reader fills) and [`listen`](Listener::listen)
//! (acknowledgements and deadlines from the client).
//!
//! A stream ends when the client closes its side (OK), a request breaks a rule (INVALID_ARGUMENT), the subscription is
//! deleted (NOT_FOUND), or the broker stops (UNAVAILABLE, which makes clients connect again).

mod listener;
mod requests;
mod responses;

use std::time::Duration;

use postroad_node::{Session, SessionOptions};
use postroad_types::Error;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use self::listener::Listener;
use crate::context::Context;
use crate::proto::pubsub::{StreamingPullRequest, StreamingPullResponse};
use crate::status;

/// How long the first request may take.
const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(60);
/// Responses that wait for a slow reader, each of at most [`responses::MAX_BYTES`] or one message.
const RESPONSES_WAITING: usize = 1;

type Outbound = mpsc::Sender<Result<StreamingPullResponse, Status>>;

/// Opens a stream: reads the first request, opens the session, and leaves both to a task.
pub async fn open(
    context: Context,
    mut inbound: Streaming<StreamingPullRequest>,
) -> Result<ReceiverStream<Result<StreamingPullResponse, Status>>, Status> {
    let first = first_request(&context, &mut inbound).await?;
    let opening = requests::opening(&first).map_err(status::stream)?;
    let acks = requests::later_part(&first).map_err(status::stream)?;

    let subscription = context
        .node
        .subscription(&opening.subscription)
        .map_err(status::stream)?;
    let options = SessionOptions {
        ack_deadline: Some(opening.ack_deadline),
        max_messages: opening.max_messages,
        max_bytes: opening.max_bytes,
    };
    let session = context
        .node
        .open_session(&opening.subscription, options)
        .await
        .map_err(status::stream)?;

    let (outbound, responses) = mpsc::channel(RESPONSES_WAITING);
    let (deadline, deadlines) = watch::channel(opening.ack_deadline);
    let mut listener = Listener::new(context.node.clone(), &subscription, deadline);
    listener.apply(acks).await.map_err(status::stream)?;
    let delivering = Delivering {
        session,
        ordered: subscription.spec.enable_message_ordering,
        deadlines,
    };
    tokio::spawn(run(context, inbound, listener, delivering, outbound));
    Ok(ReceiverStream::new(responses))
}

async fn first_request(
    context: &Context,
    inbound: &mut Streaming<StreamingPullRequest>,
) -> Result<StreamingPullRequest, Status> {
    let first = tokio::select! {
        first = tokio::time::timeout(FIRST_REQUEST_WAIT, inbound.message()) => first,
        () = context.stopping() => return Err(status::stopping()),
    };
    match first {
        Ok(Ok(Some(request))) => Ok(request),
        Ok(Err(status)) => Err(status),
        Ok(Ok(None)) | Err(_) => Err(Status::invalid_argument(
            "subscription: a stream begins with a request that names it",
        )),
    }
}

/// A stream's life.
async fn run(
    context: Context,
    mut inbound: Streaming<StreamingPullRequest>,
    mut listener: Listener,
    delivering: Delivering,
    outbound: Outbound,
) {
    // What the client sent before it went away still counts, so its side comes first.
    let end = tokio::select! {
        biased;
        heard = listener.listen(&mut inbound) => heard,
        error = delivering.run(&outbound) => Err(status::stream(error)),
        () = context.stopping() => Err(status::stopping()),
        () = outbound.closed() => Ok(()),
    };
    let end = end.and(listener.finish().await);
    if let Err(status) = end {
        tracing::debug!(code = ?status.code(), reason = status.message(), "a streaming pull ends");
        // Fails only when the client is gone, and then nobody wants to know.
        let _ = outbound.send(Err(status)).await;
    }
}

/// The broker's side of a stream: the session's messages.
struct Delivering {
    session: Session,
    /// Whether the subscription keeps the order of ordering keys; that never changes.
    ordered: bool,
    deadlines: watch::Receiver<Duration>,
}

impl Delivering {
    /// Hands on the session's messages until it fails.
    ///
    /// [`Session::next`] loses no messages when it is dropped while it waits; that is what makes a new deadline count at once.
    async fn run(mut self, outbound: &Outbound) -> Error {
        loop {
            let batch = tokio::select! {
                batch = self.session.next() => batch,
                Ok(()) = self.deadlines.changed() => {
                    self.session.set_ack_deadline(*self.deadlines.borrow_and_update());
                    continue;
                }
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return error,
            };
            for response in responses::split(batch, self.ordered) {
                if outbound.send(Ok(response)).await.is_err() {
                    // Nobody reads: the stream's task ends by that, too.
                    return Error::unavailable("the client closed the stream");
                }
            }
        }
    }
}
