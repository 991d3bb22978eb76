//! A Kubernetes API server, a kubelet with the controllers that matter here, and a broker's admin API: small, in memory,
//! stateful, and able to fail in the ways the real ones do.

pub mod api;
pub mod broker;
pub mod faults;
pub mod kubelet;
pub mod path;
pub mod store;
pub mod watch;

pub use api::FakeApi;
pub use broker::FakeBroker;
