//! The brokers of every cluster, as the rest of the operator uses them. Read in this order:
//!
//! 1. [`endpoint`]: where a cluster's admin API is;
//! 2. [`batch`]: changes of the catalog, many in a request;
//! 3. [`drift`]: what differs between catalog and declarations, pure;
//! 4. [`survey`]: a cluster's catalog, watched and compared;
//! 5. [`registry`]: the clusters that can be used now.

pub mod batch;
pub mod drift;
pub mod endpoint;
pub mod registry;
pub mod survey;

pub use batch::{Batcher, Change, Refusal};
pub use endpoint::{Endpoints, ServiceDns};
pub use registry::{Link, Registry, Standing};
