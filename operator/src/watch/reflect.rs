//! Keeps a cache of watched objects, and tells of each change.
//!
//! A cache may be fed by several watches (one for each namespace). It becomes ready when each of them has listed its
//! objects. A watch that lists again later (after 410 Gone) is turned into the changes that were missed, so that a
//! deletion during the gap is told like any other.

use std::collections::HashSet;
use std::fmt::Debug;

use futures::StreamExt;
use futures::stream::select_all;
use kube::Resource;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event};

use super::source::Feed;
use crate::metrics::Metrics;
use crate::pokes::ObjectKey;

/// What happened to an object.
#[derive(Debug)]
pub enum Change<'a, K> {
    /// It is there, new or different, or was listed.
    Applied(&'a K),
    /// It is gone.
    Deleted(&'a K),
}

/// Feeds `writer`'s store from `feeds` and calls `told` after each change of it. Never returns.
pub async fn reflect<K>(
    mut feeds: Vec<Feed<K>>,
    mut writer: Writer<K>,
    metrics: &Metrics,
    mut told: impl FnMut(Change<'_, K>) + Send,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    writer.apply_watcher_event(&Event::Init);
    for feed in &mut feeds {
        for object in first_list(feed, metrics).await {
            // Told before the store is ready: who waits for the store then finds everything in its place.
            told(Change::Applied(&object));
            writer.apply_watcher_event(&Event::InitApply(object));
        }
    }
    writer.apply_watcher_event(&Event::InitDone);
    let mut listing: Vec<Vec<K>> = feeds.iter().map(|_| Vec::new()).collect();
    let namespaces: Vec<_> = feeds.iter().map(|feed| feed.namespace.clone()).collect();
    let streams = feeds
        .into_iter()
        .enumerate()
        .map(|(at, feed)| feed.events.map(move |event| (at, event)).boxed());
    let mut events = select_all(streams);
    while let Some((at, event)) = events.next().await {
        let changes = match event {
            Err(error) => {
                failed::<K>(&error, metrics);
                continue;
            }
            Ok(Event::Init) => {
                listing[at].clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                listing[at].push(object);
                continue;
            }
            Ok(Event::InitDone) => missed(
                &writer,
                namespaces[at].as_deref(),
                std::mem::take(&mut listing[at]),
            ),
            Ok(change) => vec![change],
        };
        for change in changes {
            writer.apply_watcher_event(&change);
            match &change {
                Event::Apply(object) => told(Change::Applied(object)),
                Event::Delete(object) => told(Change::Deleted(object)),
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
        }
    }
}

/// Calls `told` for each object that is there, new, different or gone, keeping none of them. Never returns.
pub async fn observe<K>(feeds: Vec<Feed<K>>, metrics: &Metrics, mut told: impl FnMut(&K) + Send)
where
    K: Resource<DynamicType = ()> + Debug + Send + 'static,
{
    let mut events = select_all(feeds.into_iter().map(|feed| feed.events));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => told(&object),
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => failed::<K>(&error, metrics),
        }
    }
}

/// The objects of the first list that comes to its end.
async fn first_list<K: Resource<DynamicType = ()> + Debug>(feed: &mut Feed<K>, metrics: &Metrics) -> Vec<K> {
    let mut listed = Vec::new();
    while let Some(event) = feed.events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object) | Event::Apply(object)) => listed.push(object),
            Ok(Event::InitDone) => return listed,
            // A watch begins with a list, so there is nothing to delete before its end.
            Ok(Event::Delete(_)) => {}
            Err(error) => failed::<K>(&error, metrics),
        }
    }
    listed
}

/// The changes between the store and a new list of `namespace`.
fn missed<K>(writer: &Writer<K>, namespace: Option<&str>, listed: Vec<K>) -> Vec<Event<K>>
where
    K: Resource<DynamicType = ()> + Clone,
{
    let there: HashSet<ObjectKey> = listed.iter().map(ObjectKey::of).collect();
    let of_this_watch = |object: &K| namespace.is_none() || object.meta().namespace.as_deref() == namespace;
    let gone = writer
        .as_reader()
        .state_filter(|object| of_this_watch(object) && !there.contains(&ObjectKey::of(object)));
    let deletions = gone.into_iter().map(|object| Event::Delete((*object).clone()));
    deletions.chain(listed.into_iter().map(Event::Apply)).collect()
}

fn failed<K: Resource<DynamicType = ()>>(error: &watcher::Error, metrics: &Metrics) {
    let kind = K::kind(&());
    metrics.watch_failed(&kind);
    tracing::warn!(%kind, %error, "a watch failed; it goes on");
}
