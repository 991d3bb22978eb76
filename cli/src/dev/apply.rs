//! Makes the broker hold what the files declare, as the owner `file`.

use std::collections::BTreeSet;

use postroad_admin_api as admin;
use postroad_admin_api::{
    ApplyRequest, BootstrapRequest, Client, ClientError, ListQuery, MAX_BATCH, MAX_PAGE_SIZE, Outcome, Owner,
    ReleaseRequest, ResourceKey,
};
use serde::Serialize;

use crate::documents::{Declaration, Declarations, Problem};

/// What applying came to. Names are written as `Topic shop/orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Made.
    pub created: Vec<String>,
    /// Changed, or taken over from a client.
    pub updated: Vec<String>,
    /// How many were as declared already.
    pub unchanged: usize,
    /// In no file any more: they stay with their messages, and any client may change them.
    pub released: Vec<String>,
    /// What the broker refused.
    pub problems: Vec<Problem>,
}

/// Forms the cluster of this one broker, unless it is formed. It serves when this returns. Answers with the cluster's id.
///
/// # Errors
/// As the admin API.
pub async fn bootstrap(client: &Client) -> Result<String, ClientError> {
    Ok(client.bootstrap(&BootstrapRequest::default()).await?.cluster_id)
}

/// Applies all declarations, and releases what earlier files declared and these do not.
///
/// # Errors
/// When the broker can't be asked; that it refuses a resource is part of the answer.
pub async fn apply(client: &Client, declarations: &Declarations) -> Result<Applied, ClientError> {
    let mut applied = Applied::default();
    for batch in declarations.resources.chunks(MAX_BATCH) {
        let resources = batch
            .iter()
            .map(|declaration| declaration.resource.clone())
            .collect();
        let answer = client
            .apply(&ApplyRequest {
                owner: Owner::File,
                resources,
            })
            .await?;
        for (declaration, result) in batch.iter().zip(answer.results) {
            applied.record(declaration, result.into_result());
        }
    }
    let declared: BTreeSet<ResourceKey> = declarations
        .resources
        .iter()
        .map(|declaration| declaration.resource.key())
        .collect();
    let mut surplus = owned(client).await?;
    surplus.retain(|key| !declared.contains(key));
    for batch in surplus.chunks(MAX_BATCH) {
        let request = ReleaseRequest {
            owner: Owner::File,
            resources: batch.to_vec(),
        };
        for (key, result) in batch.iter().zip(client.release(&request).await?.results) {
            match result.into_result() {
                Ok((Outcome::Released, _)) => applied.released.push(key.to_string()),
                // A client was faster to delete it.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(resource = %key, %error, "is in no file any more and was not released")
                }
            }
        }
    }
    Ok(applied)
}

impl Applied {
    fn record(
        &mut self,
        declaration: &Declaration,
        result: Result<(Outcome, Option<String>), admin::ErrorDetail>,
    ) {
        let name = declaration.resource.key().to_string();
        match result {
            Ok((Outcome::Created, _)) => self.created.push(name),
            Ok((Outcome::Unchanged, _)) => self.unchanged += 1,
            Ok(_) => self.updated.push(name),
            Err(error) => self
                .problems
                .push(Problem::new(&declaration.place, Some(name), error.message)),
        }
    }
}

/// All resources that files declared.
async fn owned(client: &Client) -> Result<Vec<ResourceKey>, ClientError> {
    let mut keys = Vec::new();
    let mut query = ListQuery {
        page_size: MAX_PAGE_SIZE,
        ..ListQuery::default()
    };
    loop {
        let page = client.list(&query).await?;
        let ours = page
            .resources
            .into_iter()
            .filter(|described| described.owner == Owner::File);
        keys.extend(ours.map(|described| described.resource.key()));
        let Some(token) = page.next_page_token else {
            return Ok(keys);
        };
        query.page_token = token;
    }
}
