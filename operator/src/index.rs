//! Who refers to whom, kept up to date by the watches, so that nothing searches all objects.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use postroad_admin_api::{Kind, ResourceKey};

use crate::pokes::ObjectKey;

/// An object that would stand for a resource of the catalog. They are ordered by age: the oldest of a cluster does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    created: Option<Timestamp>,
    object: ObjectKey,
}

/// What is known of one object.
#[derive(Clone, Debug)]
struct Entry {
    resource: ResourceKey,
    claim: Claim,
    topic: Option<ObjectKey>,
}

/// The index of topics, queues and subscriptions. Holds one entry an object.
#[derive(Debug, Default)]
pub struct Index {
    entries: HashMap<(Kind, ObjectKey), Entry>,
    claims: HashMap<ResourceKey, BTreeSet<Claim>>,
    subscriptions: HashMap<ObjectKey, HashSet<ObjectKey>>,
}

impl Index {
    /// An object is there or has changed. `topic` is the Topic object it refers to.
    pub fn put(
        &mut self,
        object: ObjectKey,
        created: Option<Timestamp>,
        resource: ResourceKey,
        topic: Option<ObjectKey>,
    ) {
        let kind = resource.kind;
        self.remove(kind, &object);
        let claim = Claim {
            created,
            object: object.clone(),
        };
        self.claims
            .entry(resource.clone())
            .or_default()
            .insert(claim.clone());
        if let Some(topic) = &topic {
            self.subscriptions
                .entry(topic.clone())
                .or_default()
                .insert(object.clone());
        }
        self.entries.insert(
            (kind, object),
            Entry {
                resource,
                claim,
                topic,
            },
        );
    }

    /// An object is gone. Answers with the objects that would stand for its resource now, as [`Index::claimants`].
    pub fn remove(&mut self, kind: Kind, object: &ObjectKey) -> Vec<ObjectKey> {
        let Some(entry) = self.entries.remove(&(kind, object.clone())) else {
            return Vec::new();
        };
        if let Some(topic) = &entry.topic {
            remove_from(&mut self.subscriptions, topic, |objects| {
                objects.remove(object);
                objects.is_empty()
            });
        }
        remove_from(&mut self.claims, &entry.resource, |claims| {
            claims.remove(&entry.claim);
            claims.is_empty()
        });
        self.claimants(&entry.resource)
    }

    /// The objects that would stand for `resource`, the oldest first. In each cluster, the first of those that belong there
    /// does.
    #[must_use]
    pub fn claimants(&self, resource: &ResourceKey) -> Vec<ObjectKey> {
        let claims = self.claims.get(resource).into_iter().flatten();
        claims.map(|claim| claim.object.clone()).collect()
    }

    /// The Subscription objects that refer to the Topic object `topic`.
    #[must_use]
    pub fn subscriptions_of(&self, topic: &ObjectKey) -> Vec<ObjectKey> {
        self.subscriptions
            .get(topic)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

/// Lets `empty` change the value of `key`, and removes it if it says that nothing is left.
fn remove_from<K, V>(map: &mut HashMap<K, V>, key: &K, empty: impl FnOnce(&mut V) -> bool)
where
    K: Eq + std::hash::Hash,
{
    if map.get_mut(key).is_some_and(empty) {
        map.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, name: &str) -> ResourceKey {
        ResourceKey {
            kind,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    fn object(name: &str) -> ObjectKey {
        ObjectKey::new("shop", name)
    }

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn the_oldest_object_stands_for_a_resource_and_the_next_follows_it() {
        let mut index = Index::default();
        let orders = key(Kind::Topic, "orders");
        index.put(object("b"), at(2), orders.clone(), None);
        index.put(object("a"), at(3), orders.clone(), None);
        index.put(object("orders"), at(1), orders.clone(), None);
        assert_eq!(
            index.claimants(&orders),
            [object("orders"), object("b"), object("a")]
        );
        assert_eq!(
            index.remove(Kind::Topic, &object("orders")),
            [object("b"), object("a")]
        );
        assert_eq!(index.remove(Kind::Topic, &object("b")), [object("a")]);
        assert_eq!(index.remove(Kind::Topic, &object("a")), []);
    }

    #[test]
    fn subscriptions_are_found_by_their_topic_until_they_are_gone() {
        let mut index = Index::default();
        index.put(
            object("billing"),
            at(1),
            key(Kind::Subscription, "billing"),
            Some(object("orders")),
        );
        index.put(
            object("billing"),
            at(1),
            key(Kind::Subscription, "billing"),
            Some(object("orders")),
        );
        assert_eq!(index.subscriptions_of(&object("orders")), [object("billing")]);
        index.remove(Kind::Subscription, &object("billing"));
        assert!(index.subscriptions_of(&object("orders")).is_empty());
        assert!(index.entries.is_empty() && index.claims.is_empty() && index.subscriptions.is_empty());
    }
}
