//! The Google Pub/Sub front end: gRPC without TLS (h2c), by default on port 8085. What is supported, and every rule and
//! code, is in docs/protocols/pubsub.md. Read in this order:
//!
//! 1. [`proto`]: the generated messages, services and clients;
//! 2. `names`, `validate`, `resources`, `mask`: what a request may say, pure functions with one error a rule;
//! 3. `convert`: Pub/Sub's messages and resources from and to the broker's;
//! 4. `status`: the broker's errors as gRPC codes;
//! 5. `publisher`, `subscriber`, `updates`, `streaming`: the calls that work; `unimplemented`: those that don't yet;
//! 6. `context`: what every call shares; `metrics`: what is counted;
//! 7. [`server`]: connections, limits, shutdown.
//!
//! Architecture invariant: this crate knows the broker through `postroad_node` only; it holds no message beyond the
//! bounded batch a connection is sending.

mod context;
mod convert;
mod mask;
mod metrics;
mod names;
pub mod proto;
mod publisher;
mod resources;
pub mod server;
mod status;
mod streaming;
mod subscriber;
mod unimplemented;
mod updates;
mod validate;

pub use server::{ServeOptions, serve};
