//! What the broker knows about one resource.

use axum::Json as JsonAnswer;
use axum::extract::State as Extract;
use postroad_admin_api::{self as api, Described, Stats};
use postroad_node::Node;
use postroad_types::{Error, Result, SubscriptionName, TopicName};

use super::error::ApiError;
use super::extract::Path;
use super::{State, convert};

pub(super) async fn describe(
    Extract(state): Extract<State>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
) -> Result<JsonAnswer<Described>, ApiError> {
    let kind = kind.parse().map_err(ApiError::invalid)?;
    let (topic, subscription) = (
        TopicName::parse(&namespace, &name)?,
        SubscriptionName::parse(&namespace, &name)?,
    );
    let node = state.node.clone();
    // The age of the oldest message may have to be read from the disk.
    let described = tokio::task::spawn_blocking(move || match kind {
        api::Kind::Topic => describe_topic(&node, &topic),
        api::Kind::Subscription => describe_subscription(&node, &subscription),
        api::Kind::Queue => describe_queue(&node, &topic, &subscription),
    });
    let described = described
        .await
        .map_err(|error| Error::internal(format!("describe was interrupted: {error}")))?;
    Ok(JsonAnswer(described?))
}

fn describe_topic(node: &Node, name: &TopicName) -> Result<Described> {
    let topic = node.topic(name)?;
    if topic.queue {
        return Err(Error::not_found(format!("{name}; there is a Queue of that name")));
    }
    let stats = Stats {
        topic: Some(topic_stats(node, name)?),
        subscription: None,
    };
    Ok(Described {
        stats: Some(stats),
        ..convert::topic(&topic)?
    })
}

fn describe_subscription(node: &Node, name: &SubscriptionName) -> Result<Described> {
    let subscription = node.subscription(name)?;
    if subscription.queue {
        return Err(Error::not_found(format!("{name}; there is a Queue of that name")));
    }
    let stats = Stats {
        topic: None,
        subscription: Some(subscription_stats(node, name)?),
    };
    Ok(Described {
        stats: Some(stats),
        ..convert::subscription(&subscription)?
    })
}

fn describe_queue(node: &Node, name: &TopicName, half: &SubscriptionName) -> Result<Described> {
    let topic = node.topic(name)?;
    if !topic.queue {
        return Err(Error::not_found(format!(
            "Queue {}; there is a Topic of that name",
            name.0
        )));
    }
    let subscription = node.subscription(half)?;
    let stats = Stats {
        topic: Some(topic_stats(node, name)?),
        subscription: Some(subscription_stats(node, half)?),
    };
    Ok(Described {
        stats: Some(stats),
        ..convert::queue(&topic, &subscription)?
    })
}

fn topic_stats(node: &Node, name: &TopicName) -> Result<api::TopicStats> {
    let stats = node.topic_stats(name)?;
    Ok(api::TopicStats {
        published_messages: stats.published_messages,
        retained_messages: stats.retained_messages,
    })
}

fn subscription_stats(node: &Node, name: &SubscriptionName) -> Result<api::SubscriptionStats> {
    let stats = node.subscription_stats(name)?;
    Ok(api::SubscriptionStats {
        backlog_messages: stats.backlog_messages,
        leased_messages: stats.leased_messages,
        oldest_unacked_seconds: stats.oldest_unacked_seconds,
    })
}
