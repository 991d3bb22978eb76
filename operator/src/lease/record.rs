//! What stands in the lease.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

/// The lease, as far as the election needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; none when it was released.
    pub holder: Option<String>,
    /// For how long it is held after a renewal.
    pub duration: Duration,
    /// How often it changed hands.
    pub transitions: i32,
    /// When the holder took it.
    pub acquired: Option<Timestamp>,
    /// When the holder renewed it last, by the holder's clock: for people, never compared with ours.
    pub renewed: Option<Timestamp>,
    /// The version that a write must name; none of a lease that does not exist yet.
    pub version: Option<String>,
}

impl Record {
    /// Reads a Lease. An empty holder is none.
    #[must_use]
    pub fn of(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let seconds = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            duration: Duration::from_secs(seconds.unwrap_or(0)),
            transitions: spec.lease_transitions.unwrap_or(0),
            acquired: spec.acquire_time.map(|time| time.0),
            renewed: spec.renew_time.map(|time| time.0),
            version: lease.metadata.resource_version.clone(),
        }
    }

    /// The Lease to write, under `name`. Its duration is written in whole seconds, at least one.
    #[must_use]
    pub fn to_lease(&self, name: &str) -> Lease {
        let seconds = i32::try_from(self.duration.as_secs().max(1)).unwrap_or(i32::MAX);
        Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                resource_version: self.version.clone(),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.holder.clone().unwrap_or_default()),
                lease_duration_seconds: Some(seconds),
                lease_transitions: Some(self.transitions),
                acquire_time: self.acquired.map(MicroTime),
                renew_time: self.renewed.map(MicroTime),
                ..LeaseSpec::default()
            }),
        }
    }
}
