//! Tells a change that matters from one that does not, such as the operator's own write of a status.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kube::api::ObjectMeta;

use crate::pokes::ObjectKey;

/// A hash of what matters of each object that was seen. Holds one number an object, none of an object that is gone.
#[derive(Debug, Default)]
pub struct Seen(HashMap<ObjectKey, u64>);

impl Seen {
    /// Whether `fingerprint` differs from the one that was seen of `key` before; remembers it.
    pub fn is_news(&mut self, key: &ObjectKey, fingerprint: u64) -> bool {
        self.0.insert(key.clone(), fingerprint) != Some(fingerprint)
    }

    /// The object is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.0.remove(key);
    }
}

/// What matters of an object whose spec is reconciled: everything but its status and resource version.
#[must_use]
pub fn of_declared(meta: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    meta.uid.hash(&mut hasher);
    meta.generation.hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    meta.finalizers.hash(&mut hasher);
    meta.annotations.hash(&mut hasher);
    hasher.finish()
}
