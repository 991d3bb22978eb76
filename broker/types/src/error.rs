//! How an operation on the broker can fail, in words that every protocol can translate.

use std::fmt;

/// The result of an operation on the broker.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is: what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request itself is wrong; it will never succeed.
    InvalidArgument,
    /// The resource is not there.
    NotFound,
    /// A resource of that name is there already.
    AlreadyExists,
    /// The resource's state (its owner, its siblings) forbids it.
    FailedPrecondition,
    /// A bound was reached; trying later is right.
    ResourceExhausted,
    /// This broker can't serve now (starting, stopping, no leader, storage failed); trying again is right.
    Unavailable,
    /// Postroad doesn't do this.
    Unsupported,
    /// A defect or damaged data; the log says more.
    Internal,
}

impl ErrorKind {
    /// The kind's name as the admin API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::Unavailable => "Unavailable",
            Self::Unsupported => "Unsupported",
            Self::Internal => "Internal",
        }
    }
}

/// A failure: its kind, and a sentence that says what was wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The sentence for the caller. Never holds a payload.
    pub message: String,
}

impl Error {
    /// A failure of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// [`ErrorKind::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// [`ErrorKind::NotFound`], in the words that Pub/Sub's clients know.
    pub fn not_found(resource: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::NotFound,
            format!("Resource not found (resource={resource})."),
        )
    }

    /// [`ErrorKind::AlreadyExists`], in the words that Pub/Sub's clients know.
    pub fn already_exists(resource: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::AlreadyExists,
            format!("Resource already exists in the project (resource={resource})."),
        )
    }

    /// [`ErrorKind::FailedPrecondition`].
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::FailedPrecondition, message)
    }

    /// [`ErrorKind::ResourceExhausted`].
    pub fn exhausted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceExhausted, message)
    }

    /// [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
