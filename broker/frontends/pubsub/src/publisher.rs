//! The service Publisher: topics, and publishing to them.

use postroad_node::{Change, Outcome, PutMode};
use postroad_types::{Error, Owner, Result};
use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::proto::pubsub::publisher_server::Publisher;
use crate::proto::pubsub::*;
use crate::{convert, names, resources, status, unimplemented, updates, validate};

#[tonic::async_trait]
impl Publisher for Context {
    async fn create_topic(&self, request: Request<Topic>) -> Result<Response<Topic>, Status> {
        let created = create_topic(self, request.get_ref()).await;
        created.map(Response::new).map_err(status::unary)
    }

    async fn get_topic(&self, request: Request<GetTopicRequest>) -> Result<Response<Topic>, Status> {
        let found = names::topic("topic", &request.get_ref().topic).and_then(|name| self.node.topic(&name));
        found
            .map(|topic| Response::new(convert::topic(&topic)))
            .map_err(status::unary)
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<Response<ListTopicsResponse>, Status> {
        list_topics(self, request.get_ref())
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn delete_topic(&self, request: Request<DeleteTopicRequest>) -> Result<Response<()>, Status> {
        delete_topic(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        publish(self, request.into_inner())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn list_topic_subscriptions(
        &self,
        request: Request<ListTopicSubscriptionsRequest>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        list_topic_subscriptions(self, request.get_ref())
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn update_topic(&self, request: Request<UpdateTopicRequest>) -> Result<Response<Topic>, Status> {
        updates::topic(self, request.get_ref())
            .await
            .map(Response::new)
            .map_err(status::unary)
    }

    async fn list_topic_snapshots(
        &self,
        _: Request<ListTopicSnapshotsRequest>,
    ) -> Result<Response<ListTopicSnapshotsResponse>, Status> {
        unimplemented::call("ListTopicSnapshots")
    }

    async fn detach_subscription(
        &self,
        _: Request<DetachSubscriptionRequest>,
    ) -> Result<Response<DetachSubscriptionResponse>, Status> {
        unimplemented::call("DetachSubscription")
    }
}

async fn create_topic(context: &Context, request: &Topic) -> Result<Topic> {
    let (name, spec) = resources::new_topic(request)?;
    let changed = context
        .change(Change::PutTopic {
            name: name.clone(),
            spec,
            mode: PutMode::Create,
        })
        .await?;
    match changed.topic {
        Some(topic) => Ok(convert::topic(&topic)),
        None => Err(Error::internal(format!(
            "{name} was created, but the catalog did not return it"
        ))),
    }
}

async fn delete_topic(context: &Context, request: &DeleteTopicRequest) -> Result<()> {
    let name = names::topic("topic", &request.topic)?;
    let changed = context.change(Change::DeleteTopic { name: name.clone() }).await?;
    if changed.outcome == Outcome::Absent {
        Err(Error::not_found(name))
    } else {
        Ok(())
    }
}

fn list_topics(context: &Context, request: &ListTopicsRequest) -> Result<ListTopicsResponse> {
    let project = names::project("project", &request.project)?;
    let size = validate::page_size(request.page_size)?;
    let page = context.node.topics(Some(&project), size, &request.page_token)?;
    Ok(ListTopicsResponse {
        topics: page.items.iter().map(|topic| convert::topic(topic)).collect(),
        next_page_token: page.next.unwrap_or_default(),
    })
}

fn list_topic_subscriptions(
    context: &Context,
    request: &ListTopicSubscriptionsRequest,
) -> Result<ListTopicSubscriptionsResponse> {
    let topic = names::topic("topic", &request.topic)?;
    let size = validate::page_size(request.page_size)?;
    let page = context
        .node
        .topic_subscriptions(&topic, size, &request.page_token)?;
    Ok(ListTopicSubscriptionsResponse {
        subscriptions: page.items.iter().map(ToString::to_string).collect(),
        next_page_token: page.next.unwrap_or_default(),
    })
}

async fn publish(context: &Context, request: PublishRequest) -> Result<PublishResponse> {
    let topic = names::topic("topic", &request.topic)?;
    validate::publish(&request)?;
    let messages = request.messages.into_iter().map(convert::message).collect();
    let ids = context.node.publish(&topic, messages).await?;
    Ok(PublishResponse {
        message_ids: ids.iter().map(ToString::to_string).collect(),
    })
}

impl Context {
    /// One change on behalf of a client: what Kubernetes or a file owns, the node refuses.
    pub(crate) async fn change(&self, change: Change) -> Result<postroad_node::Changed> {
        let results = self.node.change(Owner::Api, vec![change]).await;
        let missing = || Err(Error::internal("the catalog did not answer the change"));
        results.into_iter().next().unwrap_or_else(missing)
    }
}
