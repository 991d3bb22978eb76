//! Many proposals into one entry: what waits while an entry is being made durable goes into the next one together.

use std::sync::Arc;

use openraft::error::ClientWriteError;
use postroad_core::{Batch, Command, Reply};
use postroad_types::{Error, Result, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::raft_types::{Commands, Raft, Replies, TypeConfig};

/// Commands of one entry.
const MAX_COMMANDS: usize = 1_024;
/// Payload bytes of one entry, unless one command alone has more.
const MAX_ENTRY_BYTES: usize = 4 << 20;
/// Entries on their way: one that is being written, one that is ready to be.
const ENTRIES_IN_FLIGHT: usize = 2;
/// Proposals that wait for an entry; proposers beyond wait for a place.
pub(crate) const QUEUE: usize = 4_096;

/// One command and where its reply goes.
pub(crate) struct Proposal {
    pub(crate) command: Command,
    pub(crate) bytes: usize,
    pub(crate) waiting: Waiting,
}

/// A place among what may be on its way, shared by the proposals that it is for.
pub type Permit = Arc<OwnedSemaphorePermit>;

/// Who waits for a reply, and what is given back with it.
pub(crate) struct Waiting {
    pub(crate) reply: oneshot::Sender<Result<Reply>>,
    pub(crate) _permit: Option<Permit>,
}

/// Where the proposing broker's time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Turns proposals into entries until every sender is gone.
pub(crate) async fn run(raft: Raft, clock: Clock, mut proposals: mpsc::Receiver<Proposal>) {
    let in_flight = Arc::new(Semaphore::new(ENTRIES_IN_FLIGHT));
    while let Some(first) = proposals.recv().await {
        let permit = Arc::clone(&in_flight)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (commands, replies) = gather(first, &mut proposals);
        let batch = Batch {
            time: clock().0,
            commands,
        };
        match raft.client_write_ff(Commands(Arc::new(batch))).await {
            Err(fatal) => refuse(
                replies,
                &Error::unavailable(format!("the shard has stopped: {fatal}")),
            ),
            Ok(receiver) => {
                tokio::spawn(async move {
                    let outcome = receiver.await;
                    drop(permit);
                    distribute(outcome, replies);
                });
            }
        }
    }
}

type ReplySenders = Vec<Waiting>;

fn gather(first: Proposal, proposals: &mut mpsc::Receiver<Proposal>) -> (Vec<Command>, ReplySenders) {
    let mut bytes = first.bytes;
    let mut commands = vec![first.command];
    let mut replies = vec![first.waiting];
    while commands.len() < MAX_COMMANDS && bytes < MAX_ENTRY_BYTES {
        let Ok(next) = proposals.try_recv() else { break };
        bytes += next.bytes;
        commands.push(next.command);
        replies.push(next.waiting);
    }
    (commands, replies)
}

type Outcome = std::result::Result<
    openraft::raft::ClientWriteResult<TypeConfig>,
    tokio::sync::oneshot::error::RecvError,
>;

fn distribute(outcome: Outcome, replies: ReplySenders) {
    match outcome {
        Ok(Ok(written)) => {
            let Replies(results) = written.data;
            for (waiting, result) in replies.into_iter().zip(results) {
                // A receiver that is gone has lost interest in the reply, not in the change.
                let _ = waiting.reply.send(result);
            }
        }
        Ok(Err(ClientWriteError::ForwardToLeader(forward))) => {
            let leader = forward
                .leader_id
                .map_or_else(|| "none is known".to_owned(), |id| format!("{id:016x}"));
            refuse(
                replies,
                &Error::unavailable(format!("this broker does not lead the shard (leader: {leader})")),
            );
        }
        Ok(Err(error)) => refuse(
            replies,
            &Error::unavailable(format!("the shard refused the entry: {error}")),
        ),
        Err(_) => refuse(
            replies,
            &Error::unavailable("the shard stopped before the entry was durable"),
        ),
    }
}

fn refuse(replies: ReplySenders, error: &Error) {
    for waiting in replies {
        let _ = waiting.reply.send(Err(error.clone()));
    }
}
