//! Tests of Postroad on a real Kubernetes cluster: whichever KUBECONFIG names, with `kubectl` and `helm` on the PATH and
//! the image present on the nodes. docs/install.md says how to run them. Read in this order:
//!
//! 1. [`environment`]: what the tests are told, and about what they are not;
//! 2. [`process`], [`wait`]: programs, and conditions that come true some time later;
//! 3. [`kubectl`], [`helm`]: the two programs that a user would use;
//! 4. [`installation`]: a release of the chart for one scenario, and what is printed when the scenario fails;
//! 5. [`endpoint`], [`broker`], [`client`], [`prometheus`]: what scenarios do with it.
//!
//! The scenarios are in `tests/`. They run one at a time (`--test-threads=1`): each installs the chart, whose resource
//! types and cluster roles belong to the whole cluster.

pub mod broker;
pub mod client;
pub mod endpoint;
pub mod environment;
pub mod helm;
pub mod installation;
pub mod kubectl;
pub mod process;
pub mod prometheus;
pub mod wait;

pub use installation::{Installation, scenario};
