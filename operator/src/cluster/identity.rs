//! Forming the cluster: once, and never again by mistake.
//!
//! The id is recorded in the PostroadCluster's status first (with Bootstrapped=False), then the broker is bootstrapped with
//! it, then Bootstrapped=True is recorded. A crash anywhere in between is continued with the same id. Once Bootstrapped is
//! True, a broker without an id is one that lost its volume: it is not bootstrapped again until somebody accepts the loss.

/// What to do about a cluster's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing can be told before the broker answers.
    Wait,
    /// Record a new id, as one that is about to be used.
    Intend,
    /// Bootstrap the broker with this id, which is recorded.
    Bootstrap(String),
    /// Record that the cluster has been formed with this id.
    Formed(String),
    /// The broker lost its volume.
    Lost(String),
    /// The broker belongs to another cluster.
    Mismatch {
        /// The id in the status.
        recorded: String,
        /// The broker's.
        found: String,
    },
}

/// What the status says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// `status.clusterId`.
    pub id: Option<&'a str>,
    /// Whether the condition Bootstrapped is True.
    pub bootstrapped: bool,
    /// The annotation that accepts the loss of a cluster, by its id.
    pub accepted_loss: Option<&'a str>,
}

/// What the broker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerSays<'a> {
    /// It did not answer.
    Nothing,
    /// It has not been bootstrapped.
    Empty,
    /// It belongs to the cluster of this id.
    Member(&'a str),
}

/// Decides. Pure.
#[must_use]
pub fn decide(recorded: Recorded<'_>, broker: BrokerSays<'_>) -> Step {
    match (broker, recorded.id) {
        (BrokerSays::Nothing, Some(id)) if recorded.bootstrapped => Step::Formed(id.to_owned()),
        (BrokerSays::Nothing, _) => Step::Wait,
        // A status without an id is of an object that was made again: the volumes know which cluster it is.
        (BrokerSays::Member(found), None) => Step::Formed(found.to_owned()),
        (BrokerSays::Member(found), Some(id)) if found == id || !recorded.bootstrapped => {
            Step::Formed(found.to_owned())
        }
        (BrokerSays::Member(found), Some(id)) => Step::Mismatch {
            recorded: id.to_owned(),
            found: found.to_owned(),
        },
        (BrokerSays::Empty, None) => Step::Intend,
        (BrokerSays::Empty, Some(id)) if !recorded.bootstrapped => Step::Bootstrap(id.to_owned()),
        (BrokerSays::Empty, Some(id)) if recorded.accepted_loss == Some(id) => Step::Intend,
        (BrokerSays::Empty, Some(id)) => Step::Lost(id.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(id: Option<&str>, bootstrapped: bool) -> Recorded<'_> {
        Recorded {
            id,
            bootstrapped,
            accepted_loss: None,
        }
    }

    #[test]
    fn a_new_cluster_is_intended_then_bootstrapped_then_formed() {
        assert_eq!(decide(recorded(None, false), BrokerSays::Nothing), Step::Wait);
        assert_eq!(decide(recorded(None, false), BrokerSays::Empty), Step::Intend);
        assert_eq!(
            decide(recorded(Some("a"), false), BrokerSays::Empty),
            Step::Bootstrap("a".to_owned())
        );
        assert_eq!(
            decide(recorded(Some("a"), false), BrokerSays::Member("a")),
            Step::Formed("a".to_owned())
        );
        assert_eq!(
            decide(recorded(Some("a"), true), BrokerSays::Nothing),
            Step::Formed("a".to_owned())
        );
    }

    #[test]
    fn a_cluster_that_was_formed_is_never_formed_again_by_mistake() {
        assert_eq!(
            decide(recorded(Some("a"), true), BrokerSays::Empty),
            Step::Lost("a".to_owned())
        );
        let accepts = |id| Recorded {
            accepted_loss: Some(id),
            ..recorded(Some("b"), true)
        };
        assert_eq!(decide(accepts("b"), BrokerSays::Empty), Step::Intend);
        let old = "an acceptance that was left behind accepts no later loss";
        assert_eq!(
            decide(accepts("a"), BrokerSays::Empty),
            Step::Lost("b".to_owned()),
            "{old}"
        );
    }

    #[test]
    fn volumes_that_were_kept_bring_their_identity_along() {
        assert_eq!(
            decide(recorded(None, false), BrokerSays::Member("a")),
            Step::Formed("a".to_owned())
        );
        assert_eq!(
            decide(recorded(Some("b"), false), BrokerSays::Member("a")),
            Step::Formed("a".to_owned())
        );
        let mismatch = Step::Mismatch {
            recorded: "b".to_owned(),
            found: "a".to_owned(),
        };
        assert_eq!(
            decide(recorded(Some("b"), true), BrokerSays::Member("a")),
            mismatch
        );
    }
}
