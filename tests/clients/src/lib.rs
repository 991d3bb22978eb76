//! Tests with other people's clients: programs in `python/` that use Google's official client, and the example
//! `examples/shop`, each run against a real broker. The tests are in `tests/`; [`Client`] is what they share.

mod client;

pub use client::Client;
