//! The commands of the catalog, and their way from and to [`Change`].

use postroad_types::{
    Error, Owner, ResourceName, Result, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec,
};

use crate::catalog::{Change, Kind, PutMode};

/// Makes the catalog the catalog of a cluster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Bootstrap {
    /// The cluster's id: 1 to 64 letters, digits or `-`.
    #[prost(string, tag = "1")]
    pub cluster_id: String,
    /// How many shards the cluster has, the catalog among them; 2 to [`crate::catalog::MAX_SHARDS`].
    #[prost(uint32, tag = "2")]
    pub shards: u32,
}

/// A change of resources, and on whose behalf.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CatalogChange {
    /// Who asks: an [`Owner`].
    #[prost(enumeration = "Owner", tag = "1")]
    pub owner: i32,
    /// What is asked for.
    #[prost(oneof = "Requested", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub requested: Option<Requested>,
}

/// The changes there are.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
#[allow(missing_docs, reason = "each is the Change of the same name")]
pub enum Requested {
    #[prost(message, tag = "2")]
    PutTopic(PutTopic),
    #[prost(message, tag = "3")]
    PutSubscription(PutSubscription),
    #[prost(message, tag = "4")]
    PutQueue(PutQueue),
    #[prost(message, tag = "5")]
    DeleteTopic(DeleteTopic),
    #[prost(message, tag = "6")]
    DeleteSubscription(DeleteSubscription),
    #[prost(message, tag = "7")]
    DeleteQueue(DeleteQueue),
    #[prost(message, tag = "8")]
    Release(Release),
    #[prost(message, tag = "9")]
    UpdateTopic(UpdateTopic),
    #[prost(message, tag = "10")]
    UpdateSubscription(UpdateSubscription),
}

/// A resource's name on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Name {
    /// The namespace.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// The name within the namespace.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// [`Change::PutTopic`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutTopic {
    /// The topic.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// What it shall be.
    #[prost(message, required, tag = "2")]
    pub spec: TopicSpec,
    /// A [`PutMode`].
    #[prost(enumeration = "PutMode", tag = "3")]
    pub mode: i32,
}

/// [`Change::PutSubscription`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutSubscription {
    /// The subscription.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// Its topic.
    #[prost(message, required, tag = "2")]
    pub topic: Name,
    /// What it shall be.
    #[prost(message, required, tag = "3")]
    pub spec: SubscriptionSpec,
    /// A [`PutMode`].
    #[prost(enumeration = "PutMode", tag = "4")]
    pub mode: i32,
}

/// [`Change::PutQueue`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutQueue {
    /// The queue.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// What its subscription shall be.
    #[prost(message, required, tag = "2")]
    pub spec: SubscriptionSpec,
    /// A [`PutMode`].
    #[prost(enumeration = "PutMode", tag = "3")]
    pub mode: i32,
}

/// [`Change::DeleteTopic`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteTopic {
    /// The topic.
    #[prost(message, required, tag = "1")]
    pub name: Name,
}

/// [`Change::DeleteSubscription`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteSubscription {
    /// The subscription.
    #[prost(message, required, tag = "1")]
    pub name: Name,
}

/// [`Change::DeleteQueue`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteQueue {
    /// The queue.
    #[prost(message, required, tag = "1")]
    pub name: Name,
}

/// [`Change::Release`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Release {
    /// The resource.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// A [`Kind`].
    #[prost(enumeration = "Kind", tag = "2")]
    pub kind: i32,
}

/// [`Change::UpdateTopic`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UpdateTopic {
    /// The topic.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// What it shall be.
    #[prost(message, required, tag = "2")]
    pub spec: TopicSpec,
    /// The revision of the topic that `spec` was made from.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

/// [`Change::UpdateSubscription`] on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UpdateSubscription {
    /// The subscription.
    #[prost(message, required, tag = "1")]
    pub name: Name,
    /// What it shall be.
    #[prost(message, required, tag = "2")]
    pub spec: SubscriptionSpec,
    /// The revision of the subscription that `spec` was made from.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

impl CatalogChange {
    /// `change` on behalf of `owner`.
    #[must_use]
    pub fn new(owner: Owner, change: Change) -> Self {
        Self {
            owner: owner.into(),
            requested: Some(change.into()),
        }
    }

    /// What it means.
    ///
    /// # Errors
    /// [`postroad_types::ErrorKind::InvalidArgument`] for a name that is none, `Unsupported` for what a newer
    /// version wrote.
    pub fn read(&self) -> Result<(Owner, Change)> {
        let owner = known(self.owner, "owner")?;
        let requested = self
            .requested
            .as_ref()
            .ok_or_else(|| unknown("change", "a kind that is not known here"))?;
        Ok((owner, requested.read()?))
    }
}

impl Requested {
    fn read(&self) -> Result<Change> {
        Ok(match self {
            Self::PutTopic(put) => Change::PutTopic {
                name: TopicName(put.name.read()?),
                spec: put.spec.clone(),
                mode: known(put.mode, "mode")?,
            },
            Self::PutSubscription(put) => Change::PutSubscription {
                name: SubscriptionName(put.name.read()?),
                topic: TopicName(put.topic.read()?),
                spec: put.spec.clone(),
                mode: known(put.mode, "mode")?,
            },
            Self::PutQueue(put) => Change::PutQueue {
                name: put.name.read()?,
                spec: put.spec.clone(),
                mode: known(put.mode, "mode")?,
            },
            Self::DeleteTopic(delete) => Change::DeleteTopic {
                name: TopicName(delete.name.read()?),
            },
            Self::DeleteSubscription(delete) => Change::DeleteSubscription {
                name: SubscriptionName(delete.name.read()?),
            },
            Self::DeleteQueue(delete) => Change::DeleteQueue {
                name: delete.name.read()?,
            },
            Self::Release(release) => Change::Release {
                kind: known(release.kind, "kind")?,
                name: release.name.read()?,
            },
            Self::UpdateTopic(update) => Change::UpdateTopic {
                name: TopicName(update.name.read()?),
                spec: update.spec.clone(),
                revision: update.revision,
            },
            Self::UpdateSubscription(update) => Change::UpdateSubscription {
                name: SubscriptionName(update.name.read()?),
                spec: update.spec.clone(),
                revision: update.revision,
            },
        })
    }
}

impl From<Change> for Requested {
    fn from(change: Change) -> Self {
        match change {
            Change::PutTopic { name, spec, mode } => Self::PutTopic(PutTopic {
                name: Name::from(&name.0),
                spec,
                mode: mode.into(),
            }),
            Change::PutSubscription {
                name,
                topic,
                spec,
                mode,
            } => Self::PutSubscription(PutSubscription {
                name: Name::from(&name.0),
                topic: Name::from(&topic.0),
                spec,
                mode: mode.into(),
            }),
            Change::PutQueue { name, spec, mode } => Self::PutQueue(PutQueue {
                name: Name::from(&name),
                spec,
                mode: mode.into(),
            }),
            Change::DeleteTopic { name } => Self::DeleteTopic(DeleteTopic {
                name: Name::from(&name.0),
            }),
            Change::DeleteSubscription { name } => Self::DeleteSubscription(DeleteSubscription {
                name: Name::from(&name.0),
            }),
            Change::DeleteQueue { name } => Self::DeleteQueue(DeleteQueue {
                name: Name::from(&name),
            }),
            Change::Release { kind, name } => Self::Release(Release {
                name: Name::from(&name),
                kind: kind.into(),
            }),
            Change::UpdateTopic { name, spec, revision } => Self::UpdateTopic(UpdateTopic {
                name: Name::from(&name.0),
                spec,
                revision,
            }),
            Change::UpdateSubscription { name, spec, revision } => {
                Self::UpdateSubscription(UpdateSubscription {
                    name: Name::from(&name.0),
                    spec,
                    revision,
                })
            }
        }
    }
}

impl Name {
    /// The name, checked.
    pub(crate) fn read(&self) -> Result<ResourceName> {
        ResourceName::parse(&self.namespace, &self.name)
    }
}

impl From<&ResourceName> for Name {
    fn from(name: &ResourceName) -> Self {
        Self {
            namespace: name.namespace().as_str().to_owned(),
            name: name.name().to_owned(),
        }
    }
}

fn known<T: TryFrom<i32>>(number: i32, what: &str) -> Result<T> {
    T::try_from(number).map_err(|_| unknown(what, number))
}

fn unknown(what: &str, found: impl std::fmt::Display) -> Error {
    Error::unsupported(format!(
        "the catalog command's {what} is {found}: a newer version wrote it; upgrade this broker"
    ))
}
