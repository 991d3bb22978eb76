//! The queue of objects to look at: a set, so that an object that is asked for a thousand times is looked at once.
//! Its size is bounded by the number of objects.

use std::collections::HashSet;
use std::sync::Arc;

use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Namespace and name of an object of the queue's kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// `namespace` and `name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object that came from the API server.
    #[must_use]
    pub fn of<K: kube::Resource>(object: &K) -> Self {
        let meta = object.meta();
        Self::new(
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone().unwrap_or_default(),
        )
    }
}

/// `namespace/name`.
impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The queue. Clones are handles to the same queue.
#[derive(Clone, Debug, Default)]
pub struct Pokes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<HashSet<ObjectKey>>,
    filled: Notify,
}

impl Pokes {
    /// Asks for `key` to be looked at.
    pub fn poke(&self, key: ObjectKey) {
        self.shared.waiting.lock().insert(key);
        self.shared.filled.notify_one();
    }

    /// Asks for each of `keys` to be looked at.
    pub fn poke_all(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        self.shared.waiting.lock().extend(keys);
        self.shared.filled.notify_one();
    }

    /// Takes what waits, waiting for something if nothing does.
    async fn take(&self) -> HashSet<ObjectKey> {
        loop {
            let taken = std::mem::take(&mut *self.shared.waiting.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.shared.filled.notified().await;
        }
    }

    /// What is asked for, until `stop`. For one reader: two would share the keys between them.
    pub fn stream(&self, stop: CancellationToken) -> impl Stream<Item = ObjectKey> + Send + use<> {
        let pokes = self.clone();
        let batches = futures::stream::unfold((pokes, stop), |(pokes, stop)| async move {
            tokio::select! {
                () = stop.cancelled() => None,
                taken = pokes.take() => Some((taken, (pokes, stop))),
            }
        });
        futures::StreamExt::flat_map(batches, futures::stream::iter)
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_twice_is_given_once_and_the_stream_ends_when_stopped() {
        let pokes = Pokes::default();
        let stop = CancellationToken::new();
        let mut stream = std::pin::pin!(pokes.stream(stop.clone()));
        let key = |name: &str| ObjectKey::new("shop", name);
        pokes.poke(key("orders"));
        pokes.poke_all([key("orders"), key("bills")]);
        let mut seen = [stream.next().await.unwrap(), stream.next().await.unwrap()];
        seen.sort();
        assert_eq!(seen, [key("bills"), key("orders")]);
        pokes.poke(key("orders"));
        assert_eq!(stream.next().await, Some(key("orders")));
        stop.cancel();
        assert_eq!(stream.next().await, None);
    }
}
