//! Changes of one cluster's catalog, many in a request.
//!
//! Whoever wants a change hands it in and waits for its result. One task takes what has come together, sends it as one
//! request a kind of change, and hands the results out. One request is in flight at a time; meanwhile the next comes
//! together, so the busier it is, the larger the batches.

use std::sync::Arc;
use std::time::Duration;

use postroad_admin_api::{
    ApplyRequest, BatchResponse, Client, ClientError, DeleteRequest, ErrorDetail, Kind, Outcome, Owner,
    ReleaseRequest, Resource, ResourceKey,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::metrics::Metrics;

/// The most changes of one request: with the longest names and all labels that are allowed, they stay well below
/// [`postroad_admin_api::MAX_BODY_BYTES`].
pub const MAX_CHANGES: usize = 200;
/// Changes that wait for their turn; who brings more waits.
const MAX_WAITING: usize = 4_096;
/// How long the first change of a batch waits for others.
const LINGER: Duration = Duration::from_millis(10);

/// A change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Create, update or adopt it.
    Apply(Resource),
    /// Delete it with its data.
    Delete(ResourceKey),
    /// Give it up; it stays.
    Release(ResourceKey),
}

/// A change that was made: what it did, and the resource's id.
pub type Done = (Outcome, Option<String>);

/// Why a change was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The broker refused this one.
    #[error("{0}")]
    Item(ErrorDetail),
    /// The request failed; it may or may not have been carried out, and can be made again.
    #[error("{0}")]
    Request(Arc<ClientError>),
    /// The cluster is not used any more.
    #[error("the cluster is not in use any more")]
    Closed,
}

struct Job {
    change: Change,
    reply: oneshot::Sender<Result<Done, Refusal>>,
}

/// Hands in changes. Clones hand in to the same task, which ends when the last is dropped, or when it is aborted.
#[derive(Clone, Debug)]
pub struct Batcher {
    jobs: mpsc::Sender<Job>,
}

impl Batcher {
    /// Starts the task. Aborting it refuses what waits: an operator that may not write any more must not send it.
    #[must_use]
    pub fn start(client: Client, metrics: Metrics) -> (Self, AbortHandle) {
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let task = tokio::spawn(work(client, metrics, waiting));
        (Self { jobs }, task.abort_handle())
    }

    /// Makes one change, together with others.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn submit(&self, change: Change) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send(Job { change, reply })
            .await
            .map_err(|_| Refusal::Closed)?;
        answer.await.unwrap_or(Err(Refusal::Closed))
    }
}

async fn work(client: Client, metrics: Metrics, mut waiting: mpsc::Receiver<Job>) {
    while let Some(batch) = collect(&mut waiting).await {
        let (mut applies, mut deletes, mut releases) = (Vec::new(), Vec::new(), Vec::new());
        for job in batch {
            match &job.change {
                Change::Apply(_) => applies.push(job),
                Change::Delete(_) => deletes.push(job),
                Change::Release(_) => releases.push(job),
            }
        }
        // What is given up or deleted may be in the way of what is applied. Subscriptions need their topics.
        deletes.sort_by_key(|job| std::cmp::Reverse(rank(&job.change)));
        applies.sort_by_key(|job| rank(&job.change));
        for jobs in [releases, deletes, applies] {
            send(&client, &metrics, jobs).await;
        }
    }
}

/// The next batch; none when nobody hands in any more.
async fn collect(waiting: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    let mut batch = vec![waiting.recv().await?];
    let end = Instant::now() + LINGER;
    while batch.len() < MAX_CHANGES {
        match timeout_at(end, waiting.recv()).await {
            Ok(Some(job)) => batch.push(job),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// Topics come before the subscriptions that read them.
fn rank(change: &Change) -> u8 {
    let kind = match change {
        Change::Apply(resource) => resource.kind(),
        Change::Delete(key) | Change::Release(key) => key.kind,
    };
    match kind {
        Kind::Topic => 0,
        Kind::Queue => 1,
        Kind::Subscription => 2,
    }
}

async fn send(client: &Client, metrics: &Metrics, mut jobs: Vec<Job>) {
    // Whoever does not wait any more has been stopped, or wants something else by now.
    jobs.retain(|job| !job.reply.is_closed());
    if jobs.is_empty() {
        return;
    }
    match request(client, metrics, &jobs).await {
        Ok(answer) => {
            for (job, result) in jobs.into_iter().zip(answer.results) {
                // Whoever handed it in may have been stopped; the change is made all the same.
                let _ = job.reply.send(result.into_result().map_err(Refusal::Item));
            }
        }
        // A request that is wrong as a whole is taken apart, so that one change does not stall the others.
        Err(error) if jobs.len() > 1 && !error.is_retryable() => {
            for job in jobs {
                Box::pin(send(client, metrics, vec![job])).await;
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for job in jobs {
                let _ = job.reply.send(Err(Refusal::Request(Arc::clone(&error))));
            }
        }
    }
}

/// Sends changes that are all of the kind of the first.
async fn request(client: &Client, metrics: &Metrics, jobs: &[Job]) -> Result<BatchResponse, ClientError> {
    let owner = Owner::Kubernetes;
    let keys = || {
        let key = |job: &Job| match &job.change {
            Change::Delete(key) | Change::Release(key) => key.clone(),
            Change::Apply(resource) => resource.key(),
        };
        jobs.iter().map(key).collect()
    };
    let (operation, answer) = match jobs[0].change {
        Change::Apply(_) => {
            let resource = |job: &Job| match &job.change {
                Change::Apply(resource) => Some(resource.clone()),
                Change::Delete(_) | Change::Release(_) => None,
            };
            let resources = jobs.iter().filter_map(resource).collect();
            ("apply", client.apply(&ApplyRequest { owner, resources }).await)
        }
        Change::Delete(_) => (
            "delete",
            client
                .delete(&DeleteRequest {
                    owner,
                    resources: keys(),
                })
                .await,
        ),
        Change::Release(_) => (
            "release",
            client
                .release(&ReleaseRequest {
                    owner,
                    resources: keys(),
                })
                .await,
        ),
    };
    metrics.admin_request(operation, answer.is_ok());
    answer
}
