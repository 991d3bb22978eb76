//! Failures as HTTP has them: the one place that maps kinds to status codes.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use postroad_admin_api::{ErrorBody, ErrorDetail, ErrorKind};
use postroad_types as broker;

/// The answer to a request that is refused.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
}

impl ApiError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            status: status(kind),
            detail: ErrorDetail {
                kind,
                message: message.into(),
            },
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A wrong request for which HTTP has a code of its own (413, 415).
    pub(super) fn invalid_as(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::invalid(message)
        }
    }

    pub(super) async fn no_such_path(uri: Uri) -> Self {
        Self::new(
            ErrorKind::NotFound,
            format!(
                "there is no {}; docs/admin-api.md lists what there is",
                uri.path()
            ),
        )
    }

    pub(super) async fn no_such_method(method: Method, uri: Uri) -> Self {
        let message = format!("{} can't be asked with {method}", uri.path());
        Self::invalid_as(StatusCode::METHOD_NOT_ALLOWED, message)
    }
}

/// The status code of each kind.
fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::FailedPrecondition => StatusCode::CONFLICT,
        ErrorKind::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Internal | ErrorKind::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let challenge = self.status == StatusCode::UNAUTHORIZED;
        let mut response = (self.status, Json(ErrorBody { error: self.detail })).into_response();
        if challenge {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A failure of the node, in the admin API's words.
pub(super) fn detail(error: broker::Error) -> ErrorDetail {
    let kind = match error.kind {
        broker::ErrorKind::InvalidArgument => ErrorKind::InvalidArgument,
        broker::ErrorKind::NotFound => ErrorKind::NotFound,
        broker::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        broker::ErrorKind::FailedPrecondition => ErrorKind::FailedPrecondition,
        broker::ErrorKind::ResourceExhausted => ErrorKind::ResourceExhausted,
        broker::ErrorKind::Unavailable => ErrorKind::Unavailable,
        broker::ErrorKind::Unsupported => ErrorKind::Unsupported,
        broker::ErrorKind::Internal => ErrorKind::Internal,
    };
    ErrorDetail {
        kind,
        message: error.message,
    }
}

impl From<broker::Error> for ApiError {
    fn from(error: broker::Error) -> Self {
        let detail = detail(error);
        Self {
            status: status(detail.kind),
            detail,
        }
    }
}
