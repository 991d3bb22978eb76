//! How an object stands, and why: the reasons of its Ready condition.

/// The reasons of the Ready condition of Topic, Queue and Subscription; docs/operator.md explains each.
pub mod reason {
    /// It is in the broker as asked for.
    pub const READY: &str = "Ready";
    /// There is no such PostroadCluster.
    pub const CLUSTER_NOT_FOUND: &str = "ClusterNotFound";
    /// No clusterRef, and more than one cluster could be meant.
    pub const CLUSTER_AMBIGUOUS: &str = "ClusterAmbiguous";
    /// The cluster can't be used, or its broker can't be reached.
    pub const CLUSTER_NOT_READY: &str = "ClusterNotReady";
    /// The cluster does not take declarations from this namespace.
    pub const NAMESPACE_NOT_ALLOWED: &str = "NamespaceNotAllowed";
    /// The topic does not exist.
    pub const TOPIC_NOT_FOUND: &str = "TopicNotFound";
    /// The object, or what it asks for, is not valid.
    pub const INVALID: &str = "Invalid";
    /// It asks for something that this version does not do.
    pub const UNSUPPORTED: &str = "Unsupported";
    /// Something else is in its place.
    pub const CONFLICT: &str = "Conflict";
    /// The broker refused it.
    pub const REFUSED: &str = "Refused";
}

/// Reasons that say that something is on its way: no news worth an event. A missing Topic is none of them: nobody but its
/// author can tell whether it will come.
pub const ON_THEIR_WAY: [&str; 1] = [reason::CLUSTER_NOT_READY];

/// How an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the broker as asked for.
    Ready {
        /// The id the catalog gave it.
        id: Option<String>,
    },
    /// It waits for something else.
    Waiting {
        /// One of [`reason`].
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// The broker did not answer. An object that was as asked for stays so in its status: a broker that restarts is no
    /// reason to write the status of each of its topics twice.
    Unanswered {
        /// For people.
        message: String,
    },
    /// Somebody has to change something.
    Invalid {
        /// One of [`reason`].
        reason: &'static str,
        /// For people: what is wrong, where, and what to do.
        message: String,
    },
    /// Not known yet: the operator has just started. Nothing is reported.
    Unknown,
}

impl Verdict {
    /// It waits.
    pub fn waiting(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Waiting {
            reason,
            message: message.into(),
        }
    }

    /// Somebody has to change something.
    pub fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            reason,
            message: message.into(),
        }
    }
}
