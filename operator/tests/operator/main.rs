//! The operator as a whole against a fake API server and a fake broker, and its pure parts through their public interface.

mod batch;
mod cluster;
mod deletion;
mod fake;
mod faults;
mod golden;
mod leadership;
mod lease;
mod messaging;
mod world;
