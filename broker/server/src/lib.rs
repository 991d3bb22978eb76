//! The broker as a library: what the binary `postroad-broker`, dev mode and tests start. Read in this order:
//!
//! 1. [`config`]: flags, environment and file, checked once into a [`Config`];
//! 2. [`broker`]: [`Broker`] binds the listeners, opens the node, wires both, and stops them in order;
//! 3. [`http`]: probes, metrics and the admin API on one port;
//! 4. [`logging`], [`signals`] and [`open_files`]: what only the process itself has.
//!
//! Architecture invariant: this crate decides nothing about messages. It translates (JSON ↔ node) and wires.

pub mod broker;
pub mod config;
pub mod http;
pub mod logging;
pub mod open_files;
pub mod signals;

pub use broker::{Addresses, Broker, StartError, Stopped};
pub use config::{Config, Settings};
