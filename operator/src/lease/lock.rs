//! Where the lease is kept.

use std::future::Future;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;

use super::record::Record;

/// How reading or writing the lease can fail.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another replica wrote it since it was read.
    #[error("another replica wrote the lease first")]
    Conflict,
    /// The API server can't be reached, or refuses.
    #[error("the lease can't be reached: {0}")]
    Failed(#[source] Box<kube::Error>),
}

/// Keeps one lease, and refuses a write that was decided on an old version.
pub trait Lock: Send + Sync {
    /// The lease; none when nobody ever took it.
    ///
    /// # Errors
    /// [`LockError::Failed`].
    fn read(&self) -> impl Future<Output = Result<Option<Record>, LockError>> + Send;

    /// Writes the lease (creates it, if `record` has no version) and gives it back with its new version.
    ///
    /// # Errors
    /// [`LockError::Conflict`] when the lease has another version than `record`.
    fn write(&self, record: &Record) -> impl Future<Output = Result<Record, LockError>> + Send;
}

/// The lease in Kubernetes.
#[derive(Clone, Debug)]
pub struct KubeLock {
    api: Api<Lease>,
    name: String,
}

impl KubeLock {
    /// The lease `name` in `namespace`.
    #[must_use]
    pub fn new(client: kube::Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
        }
    }
}

impl Lock for KubeLock {
    async fn read(&self) -> Result<Option<Record>, LockError> {
        let lease = self.api.get_opt(&self.name).await.map_err(classified)?;
        Ok(lease.as_ref().map(Record::of))
    }

    async fn write(&self, record: &Record) -> Result<Record, LockError> {
        let lease = record.to_lease(&self.name);
        let params = PostParams::default();
        let written = match record.version {
            None => self.api.create(&params, &lease).await,
            Some(_) => self.api.replace(&self.name, &params, &lease).await,
        };
        written.map(|lease| Record::of(&lease)).map_err(classified)
    }
}

fn classified(error: kube::Error) -> LockError {
    match &error {
        kube::Error::Api(status) if status.code == 409 => LockError::Conflict,
        _ => LockError::Failed(Box::new(error)),
    }
}
