//! Step 4: the broker has it, or says why not.

use postroad_admin_api::{ErrorDetail, ErrorKind, Kind, Resource};

use super::verdict::{Verdict, reason};
use crate::broker::{Batcher, Change, Refusal};

/// Applies `resource`, together with others.
pub async fn apply(batcher: &Batcher, resource: Resource) -> Verdict {
    let kind = resource.kind();
    match batcher.submit(Change::Apply(resource)).await {
        Ok((_, id)) => Verdict::Ready { id },
        Err(Refusal::Item(error)) => refused(kind, error),
        Err(Refusal::Request(error)) => Verdict::Unanswered {
            message: error.to_string(),
        },
        // The cluster was taken out of use; that asks for another reconcile by itself.
        Err(Refusal::Closed) => Verdict::Unknown,
    }
}

/// What the broker's refusal means for the object. Pure.
#[must_use]
pub fn refused(kind: Kind, error: ErrorDetail) -> Verdict {
    let message = error.message;
    match error.kind {
        ErrorKind::InvalidArgument => Verdict::invalid(reason::INVALID, message),
        ErrorKind::Unsupported => Verdict::invalid(reason::UNSUPPORTED, message),
        ErrorKind::NotFound if kind == Kind::Subscription => {
            Verdict::waiting(reason::TOPIC_NOT_FOUND, message)
        }
        ErrorKind::FailedPrecondition | ErrorKind::AlreadyExists => {
            Verdict::waiting(reason::CONFLICT, message)
        }
        ErrorKind::Unavailable => Verdict::Unanswered { message },
        ErrorKind::NotFound
        | ErrorKind::ResourceExhausted
        | ErrorKind::Unauthenticated
        | ErrorKind::Internal
        | ErrorKind::Unknown => Verdict::waiting(reason::REFUSED, message),
    }
}
