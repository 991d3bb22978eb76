//! One broker: what every front end and the admin API talk to. Read in this order:
//!
//! 1. [`node`]: [`Node`], the handle; opening, bootstrapping, stopping;
//! 2. [`catalog`]: resources: changes, look-ups, lists; [`update`]: changes of a part;
//! 3. [`reconcile`]: what the catalog says, made true in the shards;
//! 4. [`publish`]: the way in;
//! 5. [`hub`] and [`part`]: one subscription's leases, and the messages they are for;
//! 6. [`session`]: a consumer's stream, and [`Node::pull`];
//! 7. [`ack`]: acknowledgements and deadlines;
//! 8. [`checkpointer`], [`events`], [`metrics`], [`status`]: what goes on beside.
//!
//! Architecture Invariant: a front end knows this crate and the types, never shards or files.

mod ack;
mod catalog;
mod checkpointer;
mod cluster_file;
mod delivery;
mod events;
mod hub;
mod leases;
mod metrics;
mod node;
mod part;
mod publish;
mod reconcile;
mod session;
mod shards;
mod status;
mod update;

pub use catalog::Page;
pub use cluster_file::ClusterFileError;
pub use delivery::{AckId, Delivery};
pub use node::{Clock, Node, NodeOptions, OpenError};
pub use postroad_core::{Change, Changed, Kind, Outcome, PutMode, Subscription, Topic};
pub use session::{Session, SessionOptions};
pub use status::{ShardStatus, Status, SubscriptionStats, TopicStats};
