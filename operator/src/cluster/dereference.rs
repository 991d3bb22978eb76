//! Step 1: what there is of a cluster now. Reads the API server, not a cache: what is decided upon it deletes pods.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Client;
use kube::api::{Api, ListParams};

use super::build::{Names, pod_selector, token_of};
use super::reason;
use super::validate::Refusal;
use crate::error::Failure;

/// The StatefulSet of the cluster, if there is one.
///
/// # Errors
/// When the API server does not say.
pub async fn stateful_set(client: &Client, names: &Names) -> Result<Option<StatefulSet>, Failure> {
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), &names.namespace);
    api.get_opt(&names.cluster)
        .await
        .map_err(Failure::kube("reading the StatefulSet"))
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
        "Secret {} has no usable key {:?}; put a token of printable ASCII characters there, or delete the Secret to get a new one",
        names.token(),
        super::build::TOKEN_KEY
    );
    Refusal::new(reason::INVALID, message)
}
