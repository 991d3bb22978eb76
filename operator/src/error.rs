//! How a reconcile can fail.
//!
//! There are three classes. What only time can mend is a [`Failure`]: it is logged and tried again. What waits for
//! something else, and what somebody has to change, is no failure of the reconcile but its outcome: it goes into the
//! object's Ready condition.

use std::fmt::Display;
use std::time::Duration;

use crate::pokes::ObjectKey;

/// Something that should be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The API server can't be reached or refuses.
    #[error("{doing}: {source}")]
    Kube {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// A broker can't be reached or refuses.
    #[error("{doing}: {source}")]
    Broker {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: Box<postroad_admin_api::ClientError>,
    },
    /// Something that should not be.
    #[error("{0}")]
    Defect(String),
}

impl Failure {
    /// A failure of the API server while `doing`.
    pub fn kube(doing: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kube {
            doing,
            source: Box::new(source),
        }
    }

    /// A failure of a broker while `doing`.
    pub fn broker(doing: &'static str) -> impl FnOnce(postroad_admin_api::ClientError) -> Self {
        move |source| Self::Broker {
            doing,
            source: Box::new(source),
        }
    }

    /// Whether it is a write that was decided on an old version: normal when others write too.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 409))
    }

    /// Whether the object is gone.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Kube { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 404))
    }

    /// Logs it: a conflict quietly.
    pub fn log(&self, kind: &impl Display, object: &ObjectKey, wait: Duration) {
        let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if self.is_conflict() {
            tracing::debug!(%kind, %object, milliseconds, error = %self, "trying again");
        } else {
            tracing::warn!(%kind, %object, milliseconds, error = %self, "a reconcile failed; trying again");
        }
    }
}
