//! The admin API of a broker: its JSON types and a client. docs/admin-api.md describes it for people. Read in this order:
//!
//! 1. [`resource`]: topics, subscriptions and queues as the API writes them;
//! 2. [`batch`]: apply, delete and release many of them at once;
//! 3. [`describe`]: what the broker knows about them, one by one or in pages;
//! 4. [`cluster`]: bootstrap, status, and the watch's events;
//! 5. [`error`]: how a request or one resource of a batch can be refused;
//! 6. [`client`]: all of it as methods, and [`watch`]: the stream of catalog revisions.
//!
//! Requests refuse unknown fields, so a misspelt one is never silently ignored. Answers tolerate them outside of a resource, so an
//! older client understands a newer broker.

pub mod batch;
pub mod client;
pub mod cluster;
pub mod describe;
pub mod error;
pub mod resource;
mod sse;
pub mod watch;

pub use batch::{ApplyRequest, BatchResponse, DeleteRequest, ItemResult, Outcome, ReleaseRequest};
pub use client::{Client, ClientError};
pub use cluster::{BootstrapRequest, BootstrapResponse, ShardStatus, StatusResponse, WatchEvent};
pub use describe::{Described, ListQuery, ListResponse, Stats, SubscriptionStats, TopicStats};
pub use error::{ErrorBody, ErrorDetail, ErrorKind};
pub use resource::{
    Kind, Owner, QueueSpec, Resource, ResourceKey, Spec, SubscriptionSpec, TopicRef, TopicSpec,
};

/// The most resources that one apply, delete or release may name.
pub const MAX_BATCH: usize = 1_000;
/// The most bytes that a request's body may have.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The largest page that a list gives; larger wishes get this.
pub const MAX_PAGE_SIZE: usize = 1_000;
/// The page that a list gives when none is asked for.
pub const DEFAULT_PAGE_SIZE: usize = 100;
/// The broker sends something on an idle watch at least this often.
pub const WATCH_HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(10);
