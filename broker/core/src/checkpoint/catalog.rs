//! The catalog as bytes.

use postroad_types::{
    Owner, ShardId, SubscriptionId, SubscriptionName, SubscriptionSpec, Timestamp, TopicId, TopicName,
    TopicSpec,
};

use crate::catalog::{Catalog, Cluster, Subscription, Topic};
use crate::command::Name;
use crate::error::DecodeError;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CatalogState {
    #[prost(message, optional, tag = "1")]
    cluster: Option<ClusterState>,
    #[prost(uint64, tag = "2")]
    next_id: u64,
    #[prost(uint64, tag = "3")]
    revision: u64,
    #[prost(message, repeated, tag = "4")]
    topics: Vec<TopicState>,
    #[prost(message, repeated, tag = "5")]
    subscriptions: Vec<SubscriptionState>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ClusterState {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(uint32, tag = "2")]
    shards: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TopicState {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, required, tag = "2")]
    name: Name,
    #[prost(message, required, tag = "3")]
    spec: TopicSpec,
    #[prost(enumeration = "Owner", tag = "4")]
    owner: i32,
    #[prost(sint64, tag = "5")]
    created: i64,
    #[prost(bool, tag = "6")]
    queue: bool,
    #[prost(uint64, tag = "7")]
    revision: u64,
    #[prost(uint32, repeated, tag = "8")]
    placement: Vec<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SubscriptionState {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, required, tag = "2")]
    name: Name,
    #[prost(message, required, tag = "3")]
    spec: SubscriptionSpec,
    #[prost(enumeration = "Owner", tag = "4")]
    owner: i32,
    #[prost(sint64, tag = "5")]
    created: i64,
    #[prost(bool, tag = "6")]
    queue: bool,
    #[prost(uint64, tag = "7")]
    revision: u64,
    /// Its topic's number; none when that was deleted.
    #[prost(uint64, optional, tag = "8")]
    topic: Option<u64>,
}

pub(super) fn write(catalog: &Catalog) -> CatalogState {
    CatalogState {
        cluster: catalog.cluster().map(|cluster| ClusterState {
            id: cluster.id.clone(),
            shards: cluster.shards,
        }),
        next_id: catalog.next_id(),
        revision: catalog.revision(),
        topics: catalog
            .topics(None, None)
            .map(|topic| write_topic(topic))
            .collect(),
        subscriptions: catalog
            .subscriptions(None, None)
            .map(|found| write_subscription(found))
            .collect(),
    }
}

fn write_topic(topic: &Topic) -> TopicState {
    TopicState {
        id: topic.id.0,
        name: Name::from(&topic.name.0),
        spec: topic.spec.clone(),
        owner: topic.owner.into(),
        created: topic.created.0,
        queue: topic.queue,
        revision: topic.revision,
        placement: topic.placement.iter().map(|shard| shard.0).collect(),
    }
}

fn write_subscription(subscription: &Subscription) -> SubscriptionState {
    SubscriptionState {
        id: subscription.id.0,
        name: Name::from(&subscription.name.0),
        spec: subscription.spec.clone(),
        owner: subscription.owner.into(),
        created: subscription.created.0,
        queue: subscription.queue,
        revision: subscription.revision,
        topic: subscription.topic_id.map(|id| id.0),
    }
}

pub(super) fn read(state: CatalogState) -> Result<Catalog, DecodeError> {
    let cluster = state.cluster.map(|cluster| Cluster {
        id: cluster.id,
        shards: cluster.shards,
    });
    let mut catalog = Catalog::restore(cluster, state.next_id, state.revision);
    for topic in state.topics {
        catalog
            .restore_topic(read_topic(topic)?)
            .map_err(DecodeError::Invalid)?;
    }
    for subscription in state.subscriptions {
        let subscription = read_subscription(subscription, &catalog)?;
        catalog
            .restore_subscription(subscription)
            .map_err(DecodeError::Invalid)?;
    }
    Ok(catalog)
}

fn read_topic(state: TopicState) -> Result<Topic, DecodeError> {
    Ok(Topic {
        id: TopicId(state.id),
        name: TopicName(state.name.read().map_err(invalid)?),
        spec: state.spec,
        owner: Owner::try_from(state.owner).map_err(invalid)?,
        created: Timestamp(state.created),
        queue: state.queue,
        revision: state.revision,
        placement: state.placement.into_iter().map(ShardId).collect(),
    })
}

fn read_subscription(state: SubscriptionState, catalog: &Catalog) -> Result<Subscription, DecodeError> {
    let topic_id = state.topic.map(TopicId);
    let topic = match topic_id {
        None => None,
        Some(id) => {
            let missing = || DecodeError::Invalid(format!("subscription {} has no topic {}", state.id, id.0));
            Some(catalog.topic_by_id(id).ok_or_else(missing)?.name.clone())
        }
    };
    Ok(Subscription {
        id: SubscriptionId(state.id),
        name: SubscriptionName(state.name.read().map_err(invalid)?),
        topic,
        topic_id,
        spec: state.spec,
        owner: Owner::try_from(state.owner).map_err(invalid)?,
        created: Timestamp(state.created),
        queue: state.queue,
        revision: state.revision,
    })
}

fn invalid(reason: impl std::fmt::Display) -> DecodeError {
    DecodeError::Invalid(reason.to_string())
}
