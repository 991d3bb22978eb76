//! How a request, or one resource of a batch, can be refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure it is: what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorKind {
    /// The request itself is wrong; it will never succeed.
    InvalidArgument,
    /// There is no token, or a wrong one.
    Unauthenticated,
    /// The resource, or the path, is not there.
    NotFound,
    /// A resource of that name is there already.
    AlreadyExists,
    /// The resource's state (its owner, its siblings) forbids it.
    FailedPrecondition,
    /// A bound was reached; trying later is right.
    ResourceExhausted,
    /// This broker can't serve now; trying again is right.
    Unavailable,
    /// Postroad doesn't do this.
    Unsupported,
    /// A defect or damaged data; the broker's log says more.
    Internal,
    /// A kind that this client does not know: the broker is newer.
    #[serde(other)]
    Unknown,
}

impl ErrorKind {
    /// Whether the same request may succeed later, without a change to it.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::ResourceExhausted | Self::Unavailable)
    }
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What was wrong, where, and what to do.
    pub message: String,
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorDetail {}

/// The body of every answer that is not 2xx: `{"error": {"kind", "message"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Why.
    pub error: ErrorDetail,
}
