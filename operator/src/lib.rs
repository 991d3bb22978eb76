//! The Kubernetes operator of Postroad; docs/operator.md describes it for people. Read in this order:
//!
//! 1. [`arguments`], [`operator`]: what it is told, and the whole of it;
//! 2. [`watchers`], with [`watch`], [`state`], [`index`] and [`pokes`]: what it knows, and what it looks at next;
//! 3. [`controller`], with [`backoff`] and [`error`]: running reconciles;
//! 4. [`cluster`], the reconciler of PostroadCluster;
//! 5. [`messaging`], that of Topic, Queue and Subscription;
//! 6. [`broker`]: the brokers' catalogs;
//! 7. [`conditions`], [`events`], [`finalizer`], [`unreadable`], [`names`], [`context`]: what the reconcilers share;
//! 8. [`lease`], [`clock`]: leader election;
//! 9. [`metrics`], [`http`]: what it shows of itself;
//! 10. [`definitions`]: the CRDs.

pub mod arguments;
pub mod backoff;
pub mod broker;
pub mod clock;
pub mod cluster;
pub mod conditions;
pub mod context;
pub mod controller;
pub mod definitions;
pub mod error;
pub mod events;
pub mod finalizer;
pub mod http;
pub mod index;
pub mod lease;
pub mod messaging;
pub mod metrics;
pub mod names;
pub mod operator;
pub mod pokes;
pub mod state;
pub mod unreadable;
pub mod watch;
pub mod watchers;
