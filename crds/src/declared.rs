//! What Topic, Subscription and Queue have in common.

use kube::ResourceExt;
use postroad_admin_api as admin;

use crate::queue::Queue;
use crate::refs::{ClusterRef, DeletionPolicy};
use crate::subscription::Subscription;
use crate::topic::Topic;

/// A resource that a user declares and a broker holds.
pub trait Declared: ResourceExt {
    /// Its kind in the admin API.
    const KIND: admin::Kind;

    /// The cluster it asks for; of a subscription none: it lives where its topic does.
    fn cluster_ref(&self) -> Option<&ClusterRef>;

    /// What happens to its data when it is deleted.
    fn deletion_policy(&self) -> DeletionPolicy;

    /// Its `spec.resourceID`.
    fn resource_id(&self) -> Option<&str>;

    /// Its name in Postroad: the resourceID, or else `metadata.name`.
    fn postroad_name(&self) -> String {
        self.resource_id().map_or_else(|| self.name_any(), str::to_owned)
    }

    /// What names it in the admin API; none when the object has no namespace (no object of an API server lacks one).
    fn admin_key(&self) -> Option<admin::ResourceKey> {
        Some(admin::ResourceKey {
            kind: Self::KIND,
            namespace: self.namespace()?,
            name: self.postroad_name(),
        })
    }
}

/// The full name as Pub/Sub clients write it: `projects/shop/topics/orders`. A queue's is that of its topic.
#[must_use]
pub fn full_name(key: &admin::ResourceKey) -> String {
    let collection = match key.kind {
        admin::Kind::Topic | admin::Kind::Queue => "topics",
        admin::Kind::Subscription => "subscriptions",
    };
    format!("projects/{}/{collection}/{}", key.namespace, key.name)
}

impl Declared for Topic {
    const KIND: admin::Kind = admin::Kind::Topic;

    fn cluster_ref(&self) -> Option<&ClusterRef> {
        self.spec.cluster_ref.as_ref()
    }

    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }

    fn resource_id(&self) -> Option<&str> {
        self.spec.resource_id.as_deref()
    }
}

impl Declared for Subscription {
    const KIND: admin::Kind = admin::Kind::Subscription;

    fn cluster_ref(&self) -> Option<&ClusterRef> {
        None
    }

    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }

    fn resource_id(&self) -> Option<&str> {
        self.spec.resource_id.as_deref()
    }
}

impl Declared for Queue {
    const KIND: admin::Kind = admin::Kind::Queue;

    fn cluster_ref(&self) -> Option<&ClusterRef> {
        self.spec.cluster_ref.as_ref()
    }

    fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.deletion_policy
    }

    fn resource_id(&self) -> Option<&str> {
        self.spec.resource_id.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::TopicSpec;

    #[test]
    fn the_resource_id_wins_over_the_objects_name() {
        let mut topic = Topic::new("orders", serde_json::from_str::<TopicSpec>("{}").unwrap());
        assert_eq!(topic.admin_key(), None);
        topic.metadata.namespace = Some("shop".to_owned());
        assert_eq!(
            full_name(&topic.admin_key().unwrap()),
            "projects/shop/topics/orders"
        );
        topic.spec.resource_id = Some("Orders".to_owned());
        assert_eq!(
            full_name(&topic.admin_key().unwrap()),
            "projects/shop/topics/Orders"
        );
    }
}
