//! Step 1: what there is of a cluster now. Reads the API server, not a cache: what is decided upon it deletes pods.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, ListParams};
use kube::{Client, Resource};

use super::build::{Names, pod_selector, token_of};
use super::reason;
use super::validate::Refusal;
use crate::error::Failure;
use crate::names::CLUSTER_LABEL;

/// The StatefulSet of the cluster, if there is one. One of the same name that belongs to somebody else is not it.
///
/// # Errors
/// When the API server does not say.
pub async fn stateful_set(client: &Client, names: &Names) -> Result<Option<StatefulSet>, Failure> {
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), &names.namespace);
    let found = api
        .get_opt(&names.cluster)
        .await
        .map_err(Failure::kube("reading the StatefulSet"))?;
    Ok(found.filter(|set| ownership(names, set) == Ownership::Ours))
}

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The cluster's; or nobody's, and made by this operator for a cluster of that name.
    Ours,
    /// That of a cluster of the same name that is gone: Kubernetes is about to delete it.
    LeftOver,
    /// Somebody else's.
    Foreign {
        /// Whose, for people.
        owner: String,
    },
}

/// Whose `live` is. Owners are told by their uid, never by name or label alone.
#[must_use]
pub fn ownership<K: Resource>(names: &Names, live: &K) -> Ownership {
    let owners = live.meta().owner_references.iter().flatten();
    let controller = owners.into_iter().find(|owner| owner.controller == Some(true));
    let labels = live.meta().labels.as_ref();
    let made_here = labels.and_then(|labels| labels.get(CLUSTER_LABEL)) == Some(&names.cluster);
    match controller {
        Some(owner) if owner.uid == names.owner.uid => Ownership::Ours,
        None if made_here => Ownership::Ours,
        Some(owner) if owner.kind == names.owner.kind && owner.name == names.owner.name => {
            Ownership::LeftOver
        }
        Some(owner) => Ownership::Foreign {
            owner: format!("{} {}", owner.kind, owner.name),
        },
        None => Ownership::Foreign {
            owner: "nobody that this operator knows".to_owned(),
        },
    }
}

/// The pods that `stateful_set` controls, told by its uid.
///
/// # Errors
/// When the API server does not say.
pub async fn pods(client: &Client, names: &Names, stateful_set: &StatefulSet) -> Result<Vec<Pod>, Failure> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &names.namespace);
    let selected = ListParams::default().labels(&pod_selector(&names.cluster));
    let listed = api
        .list(&selected)
        .await
        .map_err(Failure::kube("listing the brokers' pods"))?;
    let uid = stateful_set.metadata.uid.as_deref();
    let is_ours = |pod: &Pod| {
        let owners = pod.metadata.owner_references.iter().flatten();
        owners
            .into_iter()
            .any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
    };
    Ok(listed.items.into_iter().filter(is_ours).collect())
}

/// What there is of the admin API's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// There is no Secret.
    Missing,
    /// There is one, and no token in it.
    Unusable(Refusal),
    /// The token.
    There(String),
}

/// The admin API's token.
///
/// # Errors
/// When the API server does not say.
pub async fn token(client: &Client, names: &Names) -> Result<Token, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    let secret = api
        .get_opt(&names.token())
        .await
        .map_err(Failure::kube("reading the token's Secret"))?;
    Ok(match secret {
        None => Token::Missing,
        Some(secret) => token_of(&secret).map_or_else(|| Token::Unusable(unusable(names)), Token::There),
    })
}

fn unusable(names: &Names) -> Refusal {
    let message = format!(
        "Secret {} has no usable key {:?}; put a token of {} to {} visible ASCII characters there, or delete the Secret to get \
         a new one",
        names.token(),
        super::build::TOKEN_KEY,
        super::build::TOKEN_BYTES.start(),
        super::build::TOKEN_BYTES.end()
    );
    Refusal::new(reason::INVALID, message)
}
