//! Who may change a resource.
//!
//! What is declared (in Kubernetes, or in the file of dev mode) is changed where it is declared; who declares it may take
//! over what a client made.

use postroad_types::{Error, Owner, ResourceName, Result};

use super::Kind;

/// Whether `actor` may put over a resource of `owner`.
pub(super) fn permit_put(actor: Owner, owner: Owner, kind: Kind, name: &ResourceName) -> Result<()> {
    match owner {
        Owner::Api => Ok(()),
        _ if owner == actor => Ok(()),
        _ => Err(declared_elsewhere(owner, kind, name)),
    }
}

/// Whether a delete or release by `actor` means this resource of `owner`. False for a declarer and a resource that clients
/// own: what it declared is not there (never was, or was released), so it has nothing to delete.
pub(super) fn permit_removal(actor: Owner, owner: Owner, kind: Kind, name: &ResourceName) -> Result<bool> {
    match owner {
        _ if owner == actor => Ok(true),
        Owner::Api => Ok(false),
        _ => Err(declared_elsewhere(owner, kind, name)),
    }
}

fn declared_elsewhere(owner: Owner, kind: Kind, name: &ResourceName) -> Error {
    let place = match owner {
        Owner::Kubernetes => "in Kubernetes",
        Owner::File => "in the file that postroad dev reads",
        Owner::Api => "by a client",
    };
    Error::precondition(format!(
        "{name} is declared {place} ({kind} {name}); change it there"
    ))
}

/// The refusal of a change to one half of a queue.
pub(super) fn part_of_queue(full_name: impl std::fmt::Display, name: &ResourceName) -> Error {
    Error::precondition(format!("{full_name} is part of Queue {name}; change the queue"))
}
