//! Step 1: what an object refers to. Reads the caches only.

use std::sync::Arc;

use postroad_admin_api::{ResourceKey, TopicRef};
use postroad_crds::Topic;

use super::kind::Messaging;
use super::placement::{admits, cluster_of, find};
use super::verdict::{Verdict, reason};
use crate::broker::{Link, Registry, Standing};
use crate::pokes::ObjectKey;
use crate::state::State;

/// What an object stands for, without regard to whether it can be used now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its cluster.
    pub cluster: ObjectKey,
    /// What it is called in the catalog.
    pub key: ResourceKey,
    /// The topic it is or reads.
    pub topic: TopicRef,
}

/// An object with everything it refers to.
#[derive(Clone, Debug)]
pub struct Dereferenced {
    /// What it stands for.
    pub place: Place,
    /// Another object that stands for the same resource and is older.
    pub rival: Option<ObjectKey>,
    /// Its cluster, in use.
    pub link: Arc<Link>,
}

/// What `object` stands for.
///
/// # Errors
/// What is reported instead.
pub fn place<K: Messaging>(state: &State, object: &K) -> Result<Place, Verdict> {
    let key = object
        .admin_key()
        .ok_or_else(|| Verdict::invalid(reason::INVALID, "the object has no namespace"))?;
    let reported = object.reported();
    let (cluster, topic) = match object.topic_ref() {
        None => {
            let cluster = cluster_of(
                state,
                &key.namespace,
                object.cluster_ref(),
                reported.cluster.as_deref(),
            )?;
            (
                cluster,
                TopicRef {
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                },
            )
        }
        Some(topic) => of_topic(
            state,
            &ObjectKey::new(topic.namespace.as_deref().unwrap_or(&key.namespace), &topic.name),
        )?,
    };
    if let Some(found) = find(state, &cluster) {
        admits(&found, &key.namespace)?;
    }
    Ok(Place { cluster, key, topic })
}

/// The cluster and the name of the topic that a Topic object stands for.
fn of_topic(state: &State, topic: &ObjectKey) -> Result<(ObjectKey, TopicRef), Verdict> {
    let missing = || {
        let message =
            format!("there is no Topic {topic}; create it (a subscription can't change its spec.topicRef)");
        Verdict::waiting(reason::TOPIC_NOT_FOUND, message)
    };
    let found = state.topics.get(topic).ok_or_else(missing)?;
    let found: &Topic = found.0.as_ref().map_err(|_| missing())?;
    if found.metadata.deletion_timestamp.is_some() {
        return Err(Verdict::waiting(
            reason::TOPIC_NOT_FOUND,
            format!("Topic {topic} is being deleted"),
        ));
    }
    let place = place(state, found)?;
    Ok((place.cluster, place.topic))
}

/// Everything that `object` refers to.
///
/// # Errors
/// What is reported instead.
pub fn dereference<K: Messaging>(
    state: &State,
    registry: &Registry,
    object: &K,
) -> Result<Dereferenced, Verdict> {
    let place = place(state, object)?;
    let link = match registry.standing(&place.cluster) {
        Some(Standing::Serving(link)) => link,
        Some(Standing::NotServing { message }) => {
            let message = format!("PostroadCluster {}: {message}", place.cluster);
            return Err(Verdict::waiting(reason::CLUSTER_NOT_READY, message));
        }
        None => return Err(Verdict::Unknown),
    };
    let rival = rival(state, object, &place);
    Ok(Dereferenced { place, rival, link })
}

/// The older object of the same kind that stands for the same resource of the same cluster. An even older one may be of
/// another cluster.
pub fn rival<K: Messaging>(state: &State, object: &K, place: &Place) -> Option<ObjectKey> {
    let own = ObjectKey::of(object);
    let claimants = state.index.lock().claimants(&place.key);
    let is_here = |claimant: &ObjectKey| {
        let found = K::objects(state).get(claimant);
        let other = found.and_then(|found| self::place(state, found.0.as_ref().ok()?).ok());
        other.is_some_and(|other| other.cluster == place.cluster)
    };
    claimants
        .into_iter()
        .take_while(|claimant| *claimant != own)
        .find(is_here)
}
