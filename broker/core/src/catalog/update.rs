//! Changing what is there, from what it was.
//!
//! Who changes one field of a spec reads the resource, and puts it back with that field changed. Two who do so at once
//! would undo each other's change; so an update says which revision it was made from, and is done only on that one.

use postroad_types::{Error, Owner, Result, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};

use super::apply::{keeps_ordering, keeps_partitions};
use super::owner::{part_of_queue, permit_put};
use super::spec::{check_subscription, check_topic};
use super::{Catalog, Changed, Kind, Outcome};

impl Catalog {
    /// Gives a topic another spec, if it is at `revision`. Its owner stays.
    pub(super) fn renew_topic(
        &mut self,
        actor: Owner,
        name: &TopicName,
        spec: TopicSpec,
        revision: u64,
    ) -> Result<Changed> {
        check_topic(&spec)?;
        let old = self.topics.get(name).cloned();
        let old = old.ok_or_else(|| Error::not_found(name))?;
        if old.queue {
            return Err(part_of_queue(name, &name.0));
        }
        permit_put(actor, old.owner, Kind::Topic, &name.0)?;
        if old.revision != revision {
            return Ok(Changed::topic(Outcome::Outdated, old));
        }
        keeps_partitions(&old, &spec)?;
        let (outcome, topic) = self.update_topic(&old, old.owner, spec);
        Ok(Changed::topic(outcome, topic))
    }

    /// Gives a subscription another spec, if it is at `revision`. Its owner and its topic stay.
    pub(super) fn renew_subscription(
        &mut self,
        actor: Owner,
        name: &SubscriptionName,
        spec: SubscriptionSpec,
        revision: u64,
    ) -> Result<Changed> {
        check_subscription(&spec)?;
        let old = self.subscriptions.get(name).cloned();
        let old = old.ok_or_else(|| Error::not_found(name))?;
        if old.queue {
            return Err(part_of_queue(name, &name.0));
        }
        permit_put(actor, old.owner, Kind::Subscription, &name.0)?;
        if old.revision != revision {
            return Ok(Changed::subscription(Outcome::Outdated, old));
        }
        keeps_ordering(&old, &spec)?;
        let (outcome, subscription) = self.update_subscription(&old, old.owner, spec);
        Ok(Changed::subscription(outcome, subscription))
    }
}
