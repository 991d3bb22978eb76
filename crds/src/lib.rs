//! The Kubernetes resource types of Postroad, `postroad.dev/v1alpha1`. Read in this order:
//!
//! 1. [`cluster`]: PostroadCluster, the brokers;
//! 2. [`topic`], [`subscription`], [`queue`]: what users declare, with [`policy`] and [`refs`];
//! 3. [`status`] and [`condition`]: what the operator reports;
//! 4. [`duration`], [`bytes`]: texts that stand for a quantity;
//! 5. [`declared`] and [`convert`]: what the three messaging kinds have in common, and from a declared spec to what the
//!    admin API takes;
//! 6. [`manifest`]: the CRD manifests, and [`check`]: an object against its CRD, without an API server.

#![allow(
    clippy::duplicated_attributes,
    reason = "the lint takes the keys of different printer columns for repeats"
)]

pub mod bytes;
pub mod check;
pub mod cluster;
pub mod condition;
pub mod convert;
pub mod declared;
pub mod duration;
pub mod manifest;
pub mod policy;
pub mod queue;
pub mod refs;
mod schema;
pub mod status;
pub mod subscription;
pub mod topic;

pub use bytes::ByteQuantity;
pub use cluster::{PostroadCluster, PostroadClusterSpec, PostroadClusterStatus};
pub use declared::Declared;
pub use duration::GoDuration;
pub use queue::{Queue, QueueSpec};
pub use refs::{ClusterRef, DeletionPolicy, Durability, TopicRef};
pub use status::{QueueStatus, SubscriptionStatus, TopicStatus};
pub use subscription::{Subscription, SubscriptionSpec};
pub use topic::{Topic, TopicSpec};

/// The API group of every kind.
pub const GROUP: &str = "postroad.dev";
/// The version of every kind.
pub const VERSION: &str = "v1alpha1";
