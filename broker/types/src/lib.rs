//! The words that every broker crate shares. Read in this order:
//!
//! 1. [`name`]: namespaces, and the names of topics and subscriptions;
//! 2. [`id`]: partitions, message ids, shards, brokers;
//! 3. [`message`] and [`record`]: what a client publishes, and the record batch that is stored;
//! 4. [`spec`]: what a topic or subscription is asked to be;
//! 5. [`error`]: how an operation can fail;
//! 6. [`limits`]: every bound, in one place.

pub mod error;
pub mod id;
pub mod limits;
pub mod message;
pub mod name;
pub mod record;
pub mod spec;
pub mod time;

pub use error::{Error, ErrorKind, Result};
pub use id::{BrokerId, MessageId, PartitionId, ShardId, SubscriptionId, TopicId};
pub use message::Message;
pub use name::{Namespace, ResourceName, SubscriptionName, TopicName};
pub use spec::{Owner, SubscriptionSpec, TopicSpec};
pub use time::Timestamp;
