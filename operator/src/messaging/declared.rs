//! What is declared in a cluster, for the comparison with its catalog.

use std::collections::HashSet;

use postroad_admin_api::Kind;
use postroad_crds::condition::{READY, is_true};
use postroad_crds::{Queue, Subscription, Topic};

use super::build::build;
use super::dereference::{place, rival};
use super::kind::Messaging;
use super::validate::validate;
use crate::broker::drift::{Declaration, Declarations, Declared, Unknown};
use crate::pokes::ObjectKey;
use crate::state::State;

impl Declarations for State {
    fn declared(&self, cluster: &ObjectKey) -> Declared {
        let watched = self.namespaces.clone();
        let unknown = Unknown {
            watched,
            unreadable: HashSet::new(),
        };
        let mut declared = Declared {
            declarations: Vec::new(),
            unknown,
        };
        collect::<Topic>(self, cluster, &mut declared);
        collect::<Queue>(self, cluster, &mut declared);
        collect::<Subscription>(self, cluster, &mut declared);
        declared
    }

    fn reconcile(&self, objects: Vec<(Kind, ObjectKey)>) {
        for (kind, object) in objects {
            match kind {
                Kind::Topic => self.topics.pokes.poke(object),
                Kind::Queue => self.queues.pokes.poke(object),
                Kind::Subscription => self.subscriptions.pokes.poke(object),
            }
        }
    }

    fn reconcile_all(&self, cluster: &ObjectKey) {
        tracing::debug!(%cluster, "reconciling everything that may be declared in it");
        self.topics.poke_all();
        self.queues.poke_all();
        self.subscriptions.poke_all();
    }
}

fn collect<K: Messaging>(state: &State, cluster: &ObjectKey, declared: &mut Declared) {
    for guarded in K::objects(state).store.state() {
        match &guarded.0 {
            Ok(object) => declared.declarations.extend(declaration(state, cluster, object)),
            Err(invalid) => {
                let namespace = invalid.metadata.namespace.clone().unwrap_or_default();
                declared.unknown.unreadable.insert((K::KIND, namespace));
            }
        }
    }
}

/// What `object` declares in `cluster`; none when it declares something elsewhere.
fn declaration<K: Messaging>(state: &State, cluster: &ObjectKey, object: &K) -> Option<Declaration> {
    let key = object.admin_key()?;
    let reported = object.reported();
    let place = place(state, object);
    let is_here = match &place {
        Ok(place) => place.cluster == *cluster,
        // What can't be placed now (its topic is gone) may still have been applied here: it is not orphaned.
        Err(_) => reported
            .cluster
            .as_ref()
            .is_none_or(|reported| *reported == cluster.to_string()),
    };
    if !is_here {
        return None;
    }
    let is_living = object.meta().deletion_timestamp.is_none();
    let wanted = place.ok().filter(|_| is_living).and_then(|place| {
        let spec = validate(object, &place, rival(state, object, &place).as_ref()).ok()?;
        Some(build(&place, spec))
    });
    let ready =
        is_true(&reported.conditions, READY) && reported.observed_generation == object.meta().generation;
    Some(Declaration {
        kind: K::KIND,
        object: ObjectKey::of(object),
        key,
        wanted,
        ready_as: reported.id.filter(|_| ready),
    })
}
