//! Starts real brokers for tests: the binary, a port, a folder, a log, as a user has them. Read in this order:
//!
//! 1. [`Broker`]: start, kill, stop, start again; everything a test needs hangs on it;
//! 2. [`DevMode`]: the same for `postroad dev -f FILE`;
//! 3. [`Pubsub`]: a gRPC client for what tests do most;
//! 4. [`python`]: an interpreter with the official client, and programs run with it;
//! 5. `binary`, `process`: where the binary comes from, and one running process.
//!
//! Nothing here waits for a fixed time: it waits for what has to happen, up to a limit, and says what was missing.

mod binary;
mod broker;
mod dev;
mod process;
mod pubsub;
pub mod python;
mod wait;

pub use binary::{binary, repository};
pub use broker::{Broker, BrokerOptions};
pub use dev::DevMode;
pub use process::Process;
pub use pubsub::{Pubsub, Received};
pub use wait::eventually;
