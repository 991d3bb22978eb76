//! PostroadCluster. Read in this order:
//!
//! 1. [`dereference`]: what there is of the cluster now;
//! 2. [`validate`]: whether it can be as asked for, pure;
//! 3. [`build`]: the objects it is made of, pure;
//! 4. [`apply`], with [`difference`] and [`quantity`]: those objects in Kubernetes;
//! 5. [`identity`], pure, and [`forming`]: forming the cluster, once, and never again by mistake;
//! 6. [`roll`]: replacing pods that are out of date;
//! 7. [`status`]: what is reported;
//! 8. [`deletion`]: what happens to the volumes;
//! 9. [`reconcile`]: the steps in their order.

pub mod apply;
pub mod build;
pub mod deletion;
pub mod dereference;
pub mod difference;
pub mod forming;
pub mod identity;
pub mod quantity;
pub mod reconcile;
pub mod roll;
pub mod status;
pub mod validate;

pub use reconcile::ClusterReconciler;

/// The reasons of a PostroadCluster's conditions; docs/operator.md explains each.
pub mod reason {
    /// It serves clients.
    pub const READY: &str = "Ready";
    /// The broker's pod is not there, or not ready.
    pub const BROKER_NOT_READY: &str = "BrokerNotReady";
    /// The cluster has not been formed yet.
    pub const BOOTSTRAPPING: &str = "Bootstrapping";
    /// The cluster has been formed.
    pub const BOOTSTRAPPED: &str = "Bootstrapped";
    /// The broker lost its volume.
    pub const DATA_LOST: &str = "DataLost";
    /// The broker belongs to another cluster.
    pub const IDENTITY_MISMATCH: &str = "IdentityMismatch";
    /// It asks for something that this version does not do.
    pub const UNSUPPORTED: &str = "Unsupported";
    /// The object, or what it asks for, is not valid.
    pub const INVALID: &str = "Invalid";
    /// An object of a name that the cluster needs belongs to somebody else.
    pub const NAME_CONFLICT: &str = "NameConflict";
    /// The API server refused an object of the cluster.
    pub const REFUSED: &str = "Refused";
    /// The volumes are being handed over for deletion.
    pub const DELETING: &str = "Deleting";
    /// A pod is being replaced.
    pub const ROLLING: &str = "Rolling";
    /// The broker is starting.
    pub const STARTING: &str = "Starting";
    /// Nothing is on its way.
    pub const SETTLED: &str = "Settled";
}

/// Reasons that say that something is on its way: no news worth an event.
pub const ON_THEIR_WAY: [&str; 3] = [reason::BROKER_NOT_READY, reason::BOOTSTRAPPING, reason::DELETING];
