//! The service Subscriber: subscriptions, and unary consuming from them. Streams are in [`crate::streaming`].

use std::time::Duration;

use postroad_node::{Change, Outcome, PutMode};
use postroad_types::{Error, Result};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::context::Context;
use crate::proto::pubsub::subscriber_server::Subscriber;
use crate::proto::pubsub::*;
use crate::{convert, names, resources, status, streaming, unimplemented, updates, validate};

/// How long a pull waits for a first message. Official clients give a pull 60 seconds.
const PULL_WAIT: Duration = Duration::from_secs(20);

#[tonic::async_trait]
impl Subscriber for Context {
    async fn create_subscription(
        &self,
        request: Request<Subscription>,
    ) -> Result<Response<Subscription>, Status> {
        let created = create_subscription(self, request.get_ref()).await;
        created.map(Response::new).map_err(status::unary)
    }

    async fn get_subscription(
        &self,
        request: Request<GetSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let name = names::subscription("subscription", &request.get_ref().subscription);
        let found = name.and_then(|name| self.node.subscription(&name));
        found
            .map(|found| Response::new(convert::subscription(&found)))
            .map_err(status::unary)
    }

    async fn list_subscriptions(
        &self,
        request: Request<ListSubscriptionsRequest>,
    ) -> Result<Response<ListSubscriptionsResponse>, Status> {
        list_subscriptions(self, request.get_ref())
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn delete_subscription(
        &self,
        request: Request<DeleteSubscriptionRequest>,
    ) -> Result<Response<()>, Status> {
        delete_subscription(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn modify_ack_deadline(
        &self,
        request: Request<ModifyAckDeadlineRequest>,
    ) -> Result<Response<()>, Status> {
        modify_ack_deadline(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn acknowledge(&self, request: Request<AcknowledgeRequest>) -> Result<Response<()>, Status> {
        acknowledge(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        tokio::select! {
            pulled = pull(self, request.get_ref()) => pulled.map(Response::new).map_err(status::unary),
            () = self.stopping() => Err(status::stopping()),
        }
    }

    type StreamingPullStream = ReceiverStream<Result<StreamingPullResponse, Status>>;

    async fn streaming_pull(
        &self,
        request: Request<Streaming<StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        streaming::open(self.clone(), request.into_inner())
            .await
            .map(Response::new)
    }

    async fn update_subscription(
        &self,
        request: Request<UpdateSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        updates::subscription(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn modify_push_config(
        &self,
        request: Request<ModifyPushConfigRequest>,
    ) -> Result<Response<()>, Status> {
        updates::push_config(self, request.get_ref())
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn get_snapshot(&self, _: Request<GetSnapshotRequest>) -> Result<Response<Snapshot>, Status> {
        unimplemented::call("GetSnapshot")
    }

    async fn list_snapshots(
        &self,
        _: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        unimplemented::call("ListSnapshots")
    }

    async fn create_snapshot(&self, _: Request<CreateSnapshotRequest>) -> Result<Response<Snapshot>, Status> {
        unimplemented::call("CreateSnapshot")
    }

    async fn update_snapshot(&self, _: Request<UpdateSnapshotRequest>) -> Result<Response<Snapshot>, Status> {
        unimplemented::call("UpdateSnapshot")
    }

    async fn delete_snapshot(&self, _: Request<DeleteSnapshotRequest>) -> Result<Response<()>, Status> {
        unimplemented::call("DeleteSnapshot")
    }

    async fn seek(&self, _: Request<SeekRequest>) -> Result<Response<SeekResponse>, Status> {
        unimplemented::call("Seek")
    }
}

async fn create_subscription(context: &Context, request: &Subscription) -> Result<Subscription> {
    let (name, topic, spec) = resources::new_subscription(request)?;
    let change = Change::PutSubscription {
        name: name.clone(),
        topic,
        spec,
        mode: PutMode::Create,
    };
    match context.change(change).await?.subscription {
        Some(subscription) => Ok(convert::subscription(&subscription)),
        None => Err(Error::internal(format!(
            "{name} was created, but the catalog did not return it"
        ))),
    }
}

async fn delete_subscription(context: &Context, request: &DeleteSubscriptionRequest) -> Result<()> {
    let name = names::subscription("subscription", &request.subscription)?;
    let changed = context
        .change(Change::DeleteSubscription { name: name.clone() })
        .await?;
    if changed.outcome == Outcome::Absent {
        Err(Error::not_found(name))
    } else {
        Ok(())
    }
}

fn list_subscriptions(
    context: &Context,
    request: &ListSubscriptionsRequest,
) -> Result<ListSubscriptionsResponse> {
    let project = names::project("project", &request.project)?;
    let size = validate::page_size(request.page_size)?;
    let page = context
        .node
        .subscriptions(Some(&project), size, &request.page_token)?;
    Ok(ListSubscriptionsResponse {
        subscriptions: page
            .items
            .iter()
            .map(|found| convert::subscription(found))
            .collect(),
        next_page_token: page.next.unwrap_or_default(),
    })
}

async fn modify_ack_deadline(context: &Context, request: &ModifyAckDeadlineRequest) -> Result<()> {
    let name = names::subscription("subscription", &request.subscription)?;
    let deadline = validate::new_deadline("ack_deadline_seconds", request.ack_deadline_seconds)?;
    let ids = convert::ack_ids(&request.ack_ids)?;
    context
        .node
        .modify_deadline(&name, ids.into_iter().map(|id| (id, deadline)).collect())
        .await
}

async fn acknowledge(context: &Context, request: &AcknowledgeRequest) -> Result<()> {
    let name = names::subscription("subscription", &request.subscription)?;
    context
        .node
        .acknowledge(&name, convert::ack_ids(&request.ack_ids)?)
        .await
}

async fn pull(context: &Context, request: &PullRequest) -> Result<PullResponse> {
    let name = names::subscription("subscription", &request.subscription)?;
    let max = validate::max_messages(request.max_messages)?;
    // Deprecated by Google, but still sent.
    #[allow(deprecated)]
    let wait = if request.return_immediately {
        Duration::ZERO
    } else {
        PULL_WAIT
    };
    let deliveries = context.node.pull(&name, max, wait).await?;
    Ok(PullResponse {
        received_messages: deliveries.into_iter().map(convert::received).collect(),
    })
}
