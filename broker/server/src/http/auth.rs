//! The admin API's token.

use std::io;
use std::path::{Path, PathBuf};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use postroad_admin_api::ErrorKind;
use subtle::ConstantTimeEq;
use tokio::io::AsyncReadExt;

use super::error::ApiError;
use crate::config::AdminAccess;

const MIN_TOKEN: usize = 16;
const MAX_TOKEN: usize = 4_096;

/// Who may use the admin API.
#[derive(Debug)]
pub enum Access {
    /// Who knows the token in this file. The file is read for each request: those are few, and a token that was replaced
    /// (Kubernetes swaps a Secret's files by renaming a folder) then counts at once.
    TokenFile(PathBuf),
    /// Everybody who reaches the listener, which is on a loopback address.
    Open,
}

impl Access {
    /// Checks that the token can be read now, so that a wrong file is found when the broker starts.
    ///
    /// # Errors
    /// What is wrong with the file; never its content.
    pub async fn open(access: &AdminAccess) -> Result<Self, String> {
        match access {
            AdminAccess::Loopback => Ok(Self::Open),
            AdminAccess::TokenFile(path) => {
                read_token(path).await?;
                Ok(Self::TokenFile(path.clone()))
            }
        }
    }

    async fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Self::TokenFile(path) = self else {
            return Ok(());
        };
        let expected = read_token(path).await.map_err(|problem| {
            tracing::warn!(problem, "the admin API's token can't be read");
            ApiError::unavailable("the broker can't read its token file; its log says why")
        })?;
        let Some(given) = bearer(headers) else {
            return Err(refused("a token is needed: Authorization: Bearer TOKEN"));
        };
        if bool::from(given.ct_eq(expected.as_bytes())) {
            Ok(())
        } else {
            Err(refused("the token is wrong"))
        }
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, message)
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1); the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

async fn read_token(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        file.take(MAX_TOKEN as u64 + 2).read_to_string(&mut text).await
    };
    read.await
        .map_err(|error: io::Error| format!("{}: {error}", path.display()))?;
    let token = text.trim_ascii();
    if !(MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{}: a token is one line of {MIN_TOKEN} to {MAX_TOKEN} visible ASCII characters",
            path.display()
        ));
    }
    Ok(token.to_owned())
}

/// Lets requests with the right token pass.
pub(super) async fn require_token(
    State(state): State<super::State>,
    request: Request,
    next: Next,
) -> Response {
    match state.access.check(request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
