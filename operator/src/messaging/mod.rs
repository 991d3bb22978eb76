//! Topic, Queue and Subscription: the same five steps for all three. Read in this order:
//!
//! 1. [`kind`]: what the three differ in;
//! 2. [`placement`] and [`dereference`]: which cluster and topic an object refers to;
//! 3. [`validate`]: whether it can be as asked for, pure;
//! 4. [`build`]: the broker's resource, pure;
//! 5. [`apply`]: the broker's answer;
//! 6. [`status`]: what is reported;
//! 7. [`deletion`], with its finalizers;
//! 8. [`reconcile`]: the steps in their order;
//! 9. [`declared`]: what is declared in a cluster, for the comparison with its catalog.

pub mod apply;
pub mod build;
pub mod declared;
pub mod deletion;
pub mod dereference;
pub mod kind;
pub mod placement;
pub mod reconcile;
pub mod status;
pub mod validate;
pub mod verdict;

pub use kind::Messaging;
pub use reconcile::MessagingReconciler;
pub use verdict::Verdict;
