//! What differs between a cluster's catalog and what is declared. Pure.

use std::collections::{HashMap, HashSet};

use postroad_admin_api::{Described, Kind, Owner, Resource, ResourceKey};

use crate::pokes::ObjectKey;
use crate::watch::Namespaces;

/// An object that is declared in Kubernetes, as far as the comparison needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its kind.
    pub kind: Kind,
    /// The object.
    pub object: ObjectKey,
    /// What it is called in the catalog.
    pub key: ResourceKey,
    /// What it asks for; none when that can't be told (it is invalid, being deleted, or waits for something).
    pub wanted: Option<Resource>,
    /// The id its status tells, if it is ready.
    pub ready_as: Option<String>,
}

/// Everything that is declared in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// What can be read.
    pub declarations: Vec<Declaration>,
    /// Kinds and namespaces of which not everything is known: an object there can't be read, or none is looked at.
    /// What the catalog has of those is not taken for orphaned.
    pub unknown: Unknown,
}

/// Of which kinds and namespaces not everything is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The namespaces the operator looks at.
    pub watched: Namespaces,
    /// Kind and namespace of objects that can't be read.
    pub unreadable: HashSet<(Kind, String)>,
}

impl Unknown {
    fn covers(&self, key: &ResourceKey) -> bool {
        !self.watched.contains(&key.namespace) || self.unreadable.contains(&(key.kind, key.namespace.clone()))
    }
}

/// Knows what is declared, and has objects reconciled.
pub trait Declarations: Send + Sync + 'static {
    /// What is declared in `cluster` now.
    fn declared(&self, cluster: &ObjectKey) -> Declared;

    /// Asks for these objects to be reconciled.
    fn reconcile(&self, objects: Vec<(Kind, ObjectKey)>);

    /// Asks for every object that is, or may be, declared in `cluster` to be reconciled.
    fn reconcile_all(&self, cluster: &ObjectKey);
}

/// What to do about the differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Objects to reconcile: missing from the catalog, different there, or not ready.
    pub reconcile: Vec<(Kind, ObjectKey)>,
    /// Resources that Kubernetes owns and nothing declares any more.
    pub release: Vec<ResourceKey>,
}

/// Compares.
#[must_use]
pub fn compare(catalog: &[Described], declared: &Declared) -> Differences {
    let by_key: HashMap<ResourceKey, &Described> = catalog
        .iter()
        .map(|described| (described.resource.key(), described))
        .collect();
    let is_right = |declaration: &Declaration| {
        let Some(described) = by_key.get(&declaration.key) else {
            return false;
        };
        described.owner == Owner::Kubernetes
            && declaration.wanted.as_ref() == Some(&described.resource)
            && declaration.ready_as.as_ref() == Some(&described.id)
    };
    let wrong = declared
        .declarations
        .iter()
        .filter(|declaration| !is_right(declaration));
    let keys: HashSet<&ResourceKey> = declared
        .declarations
        .iter()
        .map(|declaration| &declaration.key)
        .collect();
    let owned = catalog
        .iter()
        .filter(|described| described.owner == Owner::Kubernetes);
    let orphaned = |key: &ResourceKey| !keys.contains(key) && !declared.unknown.covers(key);
    Differences {
        reconcile: wrong
            .map(|declaration| (declaration.kind, declaration.object.clone()))
            .collect(),
        release: owned
            .map(|described| described.resource.key())
            .filter(orphaned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use postroad_admin_api::{Spec, TopicSpec};

    use super::*;

    fn topic(name: &str, partitions: u32) -> Resource {
        let spec = Spec::Topic(TopicSpec {
            partitions,
            ..TopicSpec::default()
        });
        Resource {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            spec,
        }
    }

    fn in_catalog(resource: Resource, owner: Owner, id: &str) -> Described {
        let created = "2026-01-01T00:00:00Z".parse().unwrap();
        Described {
            resource,
            owner,
            id: id.to_owned(),
            revision: 1,
            created,
            stats: None,
        }
    }

    fn declaration(resource: Resource, ready_as: Option<&str>) -> Declaration {
        Declaration {
            kind: Kind::Topic,
            object: ObjectKey::new("shop", &resource.name),
            key: resource.key(),
            wanted: Some(resource),
            ready_as: ready_as.map(str::to_owned),
        }
    }

    fn declared(declarations: Vec<Declaration>) -> Declared {
        Declared {
            declarations,
            unknown: Unknown::default(),
        }
    }

    #[test]
    fn what_is_as_declared_is_left_alone() {
        let catalog = [in_catalog(topic("orders", 1), Owner::Kubernetes, "7")];
        let declared = declared(vec![declaration(topic("orders", 1), Some("7"))]);
        assert_eq!(compare(&catalog, &declared), Differences::default());
    }

    #[test]
    fn what_is_missing_different_foreign_or_not_ready_is_reconciled() {
        let catalog = [
            in_catalog(topic("different", 1), Owner::Kubernetes, "1"),
            in_catalog(topic("foreign", 1), Owner::Api, "2"),
            in_catalog(topic("made-again", 1), Owner::Kubernetes, "3"),
            in_catalog(topic("not-ready", 1), Owner::Kubernetes, "4"),
        ];
        let declared = declared(vec![
            declaration(topic("missing", 1), Some("9")),
            declaration(topic("different", 2), Some("1")),
            declaration(topic("foreign", 1), Some("2")),
            declaration(topic("made-again", 1), Some("9")),
            declaration(topic("not-ready", 1), None),
        ]);
        let differences = compare(&catalog, &declared);
        let names: Vec<_> = differences
            .reconcile
            .iter()
            .map(|(_, object)| object.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["missing", "different", "foreign", "made-again", "not-ready"]
        );
        assert_eq!(differences.release, []);
    }

    #[test]
    fn only_what_kubernetes_owns_and_nothing_declares_is_released() {
        let catalog = [
            in_catalog(topic("orphan", 1), Owner::Kubernetes, "1"),
            in_catalog(topic("of-a-client", 1), Owner::Api, "2"),
            in_catalog(topic("of-a-file", 1), Owner::File, "3"),
            in_catalog(topic("being-deleted", 1), Owner::Kubernetes, "4"),
        ];
        let mut going = declaration(topic("being-deleted", 1), None);
        going.wanted = None;
        let released = compare(&catalog, &declared(vec![going])).release;
        assert_eq!(released, [topic("orphan", 1).key()]);
    }

    /// An operator that looks at some namespaces only must not give up what others declare, and an object that this
    /// version can't read is declared all the same.
    #[test]
    fn what_is_not_known_is_not_orphaned() {
        let catalog = [in_catalog(topic("orders", 1), Owner::Kubernetes, "1")];
        let mut elsewhere = declared(vec![]);
        elsewhere.unknown.watched = Namespaces::from_list(["bank".to_owned()]);
        assert_eq!(compare(&catalog, &elsewhere).release, []);
        let mut unreadable = declared(vec![]);
        unreadable
            .unknown
            .unreadable
            .insert((Kind::Topic, "shop".to_owned()));
        assert_eq!(compare(&catalog, &unreadable).release, []);
        unreadable.unknown.unreadable = HashSet::from([(Kind::Queue, "shop".to_owned())]);
        assert_eq!(compare(&catalog, &unreadable).release.len(), 1);
    }
}
