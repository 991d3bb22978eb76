//! The admin API's resources from and to the node's.

use postroad_admin_api as api;
use postroad_node::{Change, Changed, Kind, Outcome, PutMode, Subscription, Topic};
use postroad_types::{
    Error, Owner, ResourceName, Result, SubscriptionName, SubscriptionSpec, Timestamp, TopicName, TopicSpec,
};

/// On whose behalf the node changes something.
pub(super) fn owner(owner: api::Owner) -> Owner {
    match owner {
        api::Owner::Api => Owner::Api,
        api::Owner::Kubernetes => Owner::Kubernetes,
        api::Owner::File => Owner::File,
    }
}

/// The change that makes the catalog hold `resource`.
pub(super) fn put(resource: api::Resource) -> Result<Change> {
    let name = ResourceName::parse(&resource.namespace, &resource.name)?;
    let mode = PutMode::Apply;
    Ok(match resource.spec {
        api::Spec::Topic(spec) => {
            let spec = TopicSpec {
                partitions: spec.partitions,
                labels: spec.labels,
            };
            Change::PutTopic {
                name: TopicName(name),
                spec,
                mode,
            }
        }
        api::Spec::Subscription(spec) => {
            let topic = TopicName::parse(&spec.topic.namespace, &spec.topic.name)?;
            let spec = SubscriptionSpec {
                ack_deadline_seconds: spec.ack_deadline_seconds,
                enable_message_ordering: spec.enable_message_ordering,
                labels: spec.labels,
            };
            Change::PutSubscription {
                name: SubscriptionName(name),
                topic,
                spec,
                mode,
            }
        }
        api::Spec::Queue(spec) => {
            let spec = SubscriptionSpec {
                ack_deadline_seconds: spec.ack_deadline_seconds,
                enable_message_ordering: false,
                labels: spec.labels,
            };
            Change::PutQueue { name, spec, mode }
        }
    })
}

/// The change that deletes what `key` names.
pub(super) fn delete(key: api::ResourceKey) -> Result<Change> {
    let name = ResourceName::parse(&key.namespace, &key.name)?;
    Ok(match key.kind {
        api::Kind::Topic => Change::DeleteTopic {
            name: TopicName(name),
        },
        api::Kind::Subscription => Change::DeleteSubscription {
            name: SubscriptionName(name),
        },
        api::Kind::Queue => Change::DeleteQueue { name },
    })
}

/// The change that gives up what `key` names.
pub(super) fn release(key: api::ResourceKey) -> Result<Change> {
    let name = ResourceName::parse(&key.namespace, &key.name)?;
    let kind = match key.kind {
        api::Kind::Topic => Kind::Topic,
        api::Kind::Subscription => Kind::Subscription,
        api::Kind::Queue => Kind::Queue,
    };
    Ok(Change::Release { kind, name })
}

/// What became of one resource.
pub(super) fn result(result: Result<Changed>) -> api::ItemResult {
    let changed = match result {
        Ok(changed) => changed,
        Err(error) => {
            return api::ItemResult::Failed {
                error: super::error::detail(error),
            };
        }
    };
    let outcome = match changed.outcome {
        Outcome::Created => api::Outcome::Created,
        Outcome::Updated => api::Outcome::Updated,
        Outcome::Unchanged => api::Outcome::Unchanged,
        Outcome::Deleted => api::Outcome::Deleted,
        Outcome::Released => api::Outcome::Released,
        Outcome::Absent => api::Outcome::Absent,
        // The answer to an update, which the admin API doesn't make.
        Outcome::Outdated => {
            let error = Error::internal("the catalog took this for an update of an earlier revision");
            return api::ItemResult::Failed {
                error: super::error::detail(error),
            };
        }
    };
    // A queue has both; its id is its topic's.
    let topic = changed.topic.map(|topic| topic.id.0);
    let id = topic.or_else(|| changed.subscription.map(|subscription| subscription.id.0));
    api::ItemResult::Done {
        outcome,
        id: id.map(|id| id.to_string()),
    }
}

/// A topic that is no queue.
pub(super) fn topic(topic: &Topic) -> Result<api::Described> {
    let spec = api::TopicSpec {
        partitions: topic.spec.partitions,
        labels: topic.spec.labels.clone(),
    };
    Ok(api::Described {
        resource: resource(&topic.name.0, api::Spec::Topic(spec)),
        owner: described_owner(topic.owner),
        id: topic.id.0.to_string(),
        revision: topic.revision,
        created: time(topic.created)?,
        stats: None,
    })
}

/// A queue, from its two halves.
pub(super) fn queue(topic: &Topic, subscription: &Subscription) -> Result<api::Described> {
    let spec = api::QueueSpec {
        ack_deadline_seconds: subscription.spec.ack_deadline_seconds,
        labels: topic.spec.labels.clone(),
    };
    Ok(api::Described {
        resource: resource(&topic.name.0, api::Spec::Queue(spec)),
        owner: described_owner(topic.owner),
        id: topic.id.0.to_string(),
        revision: topic.revision.max(subscription.revision),
        created: time(topic.created)?,
        stats: None,
    })
}

/// A subscription that is no queue's.
pub(super) fn subscription(subscription: &Subscription) -> Result<api::Described> {
    let name = &subscription.name.0;
    let topic = match &subscription.topic {
        Some(topic) => api::TopicRef {
            namespace: topic.namespace().to_string(),
            name: topic.name().to_owned(),
        },
        None => api::TopicRef {
            namespace: name.namespace().to_string(),
            name: api::TopicRef::DELETED.to_owned(),
        },
    };
    let spec = api::SubscriptionSpec {
        topic,
        ack_deadline_seconds: subscription.spec.ack_deadline_seconds,
        enable_message_ordering: subscription.spec.enable_message_ordering,
        labels: subscription.spec.labels.clone(),
    };
    Ok(api::Described {
        resource: resource(name, api::Spec::Subscription(spec)),
        owner: described_owner(subscription.owner),
        id: subscription.id.0.to_string(),
        revision: subscription.revision,
        created: time(subscription.created)?,
        stats: None,
    })
}

fn resource(name: &ResourceName, spec: api::Spec) -> api::Resource {
    api::Resource {
        namespace: name.namespace().to_string(),
        name: name.name().to_owned(),
        spec,
    }
}

fn described_owner(owner: Owner) -> api::Owner {
    match owner {
        Owner::Api => api::Owner::Api,
        Owner::Kubernetes => api::Owner::Kubernetes,
        Owner::File => api::Owner::File,
    }
}

fn time(time: Timestamp) -> Result<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(time.0)
        .map_err(|error| Error::internal(format!("a creation time of {} ms is damaged: {error}", time.0)))
}
