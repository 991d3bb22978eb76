//! Changing a part of a resource, whatever others change of it at the same time.

use std::fmt::Display;
use std::sync::Arc;

use postroad_core::{Change, Changed, Outcome, Subscription, Topic};
use postroad_types::{Error, Owner, Result, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};

use crate::node::Node;

/// How often an update is made anew because others were faster: each time, one of them had its way.
const ATTEMPTS: usize = 100;

impl Node {
    /// Changes a topic that is there: `edit` makes the new spec from the current one. What others change meanwhile is
    /// kept: `edit` is then called again, with what they made.
    ///
    /// # Errors
    /// What `edit` says; `NotFound`; `FailedPrecondition` when the topic is not `owner`'s to change; `Unavailable` while
    /// the node is not ready, or when others change the topic all the time.
    pub async fn update_topic(
        &self,
        owner: Owner,
        name: &TopicName,
        edit: impl Fn(&TopicSpec) -> Result<TopicSpec>,
    ) -> Result<Arc<Topic>> {
        let mut current = self.topic(name)?;
        for _ in 0..ATTEMPTS {
            let change = Change::UpdateTopic {
                name: name.clone(),
                spec: edit(&current.spec)?,
                revision: current.revision,
            };
            let changed = self.change_one(owner, change).await?;
            current = changed.topic.ok_or_else(|| not_returned(name))?;
            if changed.outcome != Outcome::Outdated {
                return Ok(current);
            }
        }
        Err(changed_by_others(name))
    }

    /// Changes a subscription that is there, as [`Self::update_topic`] does a topic. What consumers hold, they keep: a new
    /// deadline is that of later deliveries.
    ///
    /// # Errors
    /// As [`Self::update_topic`].
    pub async fn update_subscription(
        &self,
        owner: Owner,
        name: &SubscriptionName,
        edit: impl Fn(&SubscriptionSpec) -> Result<SubscriptionSpec>,
    ) -> Result<Arc<Subscription>> {
        let mut current = self.subscription(name)?;
        for _ in 0..ATTEMPTS {
            let change = Change::UpdateSubscription {
                name: name.clone(),
                spec: edit(&current.spec)?,
                revision: current.revision,
            };
            let changed = self.change_one(owner, change).await?;
            current = changed.subscription.ok_or_else(|| not_returned(name))?;
            if changed.outcome != Outcome::Outdated {
                return Ok(current);
            }
        }
        Err(changed_by_others(name))
    }

    async fn change_one(&self, owner: Owner, change: Change) -> Result<Changed> {
        let results = self.change(owner, vec![change]).await;
        let missing = || Err(Error::internal("the catalog did not answer the change"));
        results.into_iter().next().unwrap_or_else(missing)
    }
}

fn not_returned(name: impl Display) -> Error {
    Error::internal(format!("{name} was updated, but the catalog did not return it"))
}

fn changed_by_others(name: impl Display) -> Error {
    Error::unavailable(format!(
        "{name} was changed by others {ATTEMPTS} times while it was to be updated: try again"
    ))
}
