//! The admin API's client.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batch::{ApplyRequest, BatchResponse, DeleteRequest, ReleaseRequest};
use crate::cluster::{BootstrapRequest, BootstrapResponse, StatusResponse};
use crate::describe::{Described, ListQuery, ListResponse};
use crate::error::{ErrorBody, ErrorKind};
use crate::resource::ResourceKey;
use crate::watch::Watch;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How a call on a broker's admin API can fail.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one; calling again is no use.
    #[error("{address:?} is not the address of an admin API (http://HOST:PORT): {reason}")]
    BadAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The broker answered, and refused.
    #[error("refused ({status}, {kind:?}): {message}")]
    Refused {
        /// What kind of failure it is.
        kind: ErrorKind,
        /// The broker's words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer: no connection, a lost one, or a timeout. The request may or may not have been carried out;
    /// every request of this API can be made again.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why, down to the first cause.
        reason: String,
    },
    /// Something answered that is not this API.
    #[error("the answer of {url} (status {status}) can't be read: {reason}")]
    BadAnswer {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ClientError {
    /// The kind of a refusal; none when there was none.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// Whether the same request may succeed later, without a change to it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { kind, .. } => kind.is_retryable(),
            Self::Unreachable { .. } => true,
            Self::BadAddress { .. } | Self::BadAnswer { .. } => false,
        }
    }

    fn unreachable(url: &Url, error: &reqwest::Error) -> Self {
        Self::Unreachable {
            url: url.to_string(),
            reason: causes(error),
        }
    }
}

/// The result of a call on a broker's admin API.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// One broker's admin API. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the broker at `base_url` (`http://HOST:PORT`), with the token of its admin API if it asks for one.
    /// Nothing is connected yet. Proxies of the environment are not used: brokers are near.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`].
    pub fn new(base_url: &str, token: Option<&str>) -> Result<Self> {
        let bad = |reason: String| ClientError::BadAddress {
            address: base_url.to_owned(),
            reason,
        };
        let base = Url::parse(base_url).map_err(|error| bad(error.to_string()))?;
        if base.scheme() != "http" || base.host_str().is_none() {
            return Err(bad("it needs the scheme http and a host".to_owned()));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| bad(causes(&error)))?;
        Ok(Self {
            http,
            base,
            token: token.map(str::to_owned),
        })
    }

    /// Forms a cluster of this broker, or answers with the one it has.
    ///
    /// # Errors
    /// FailedPrecondition when the broker belongs to another cluster than the one asked for.
    pub async fn bootstrap(&self, request: &BootstrapRequest) -> Result<BootstrapResponse> {
        self.post("v1/bootstrap", request).await
    }

    /// Where the broker stands.
    ///
    /// # Errors
    /// Only those of the connection and the token.
    pub async fn status(&self) -> Result<StatusResponse> {
        self.get(self.url(&["v1", "status"])).await
    }

    /// Creates, updates and adopts resources. A resource that is refused does not hinder the others.
    ///
    /// # Errors
    /// Only those of the request as a whole: too many resources, not bootstrapped, no leader.
    pub async fn apply(&self, request: &ApplyRequest) -> Result<BatchResponse> {
        let answer = self.post("v1/resources:apply", request).await?;
        self.checked("v1/resources:apply", answer, request.resources.len())
    }

    /// Deletes resources with their data.
    ///
    /// # Errors
    /// Only those of the request as a whole, as for [`Client::apply`].
    pub async fn delete(&self, request: &DeleteRequest) -> Result<BatchResponse> {
        let answer = self.post("v1/resources:delete", request).await?;
        self.checked("v1/resources:delete", answer, request.resources.len())
    }

    /// Gives resources up; they stay with their data.
    ///
    /// # Errors
    /// Only those of the request as a whole, as for [`Client::apply`].
    pub async fn release(&self, request: &ReleaseRequest) -> Result<BatchResponse> {
        let answer = self.post("v1/resources:release", request).await?;
        self.checked("v1/resources:release", answer, request.resources.len())
    }

    /// One page of the resources.
    ///
    /// # Errors
    /// InvalidArgument for a token that is not from an earlier page.
    pub async fn list(&self, query: &ListQuery) -> Result<ListResponse> {
        let mut url = self.url(&["v1", "resources"]);
        {
            let mut pairs = url.query_pairs_mut();
            if let Some(kind) = query.kind {
                pairs.append_pair("kind", kind.as_str());
            }
            if let Some(namespace) = &query.namespace {
                pairs.append_pair("namespace", namespace);
            }
            pairs.append_pair("pageSize", &query.page_size.to_string());
            if !query.page_token.is_empty() {
                pairs.append_pair("pageToken", &query.page_token);
            }
        }
        self.get(url).await
    }

    /// What the broker knows about one resource, with live numbers.
    ///
    /// # Errors
    /// NotFound when there is none of that kind and name.
    pub async fn describe(&self, key: &ResourceKey) -> Result<Described> {
        self.get(self.url(&["v1", "resources", key.kind.as_str(), &key.namespace, &key.name]))
            .await
    }

    /// Watches the catalog. The stream's first item is the catalog's revision, at once if it is another than `since`
    /// (0: in any case); then each later one, of those that follow each other closely only the last.
    /// It ends with an error when the connection is lost or silent for too long: watch again, from the last revision seen.
    ///
    /// # Errors
    /// As for [`Client::status`], when the watch can't be begun.
    pub async fn watch(&self, since: u64) -> Result<Watch> {
        let mut url = self.url(&["v1", "watch"]);
        url.query_pairs_mut().append_pair("since", &since.to_string());
        // The answer's head comes at once; its body lasts, and has the watch's own limit on silence.
        let request = self.request(Method::GET, url.clone());
        let response = match tokio::time::timeout(REQUEST_TIMEOUT, request.send()).await {
            Ok(response) => response.map_err(|error| ClientError::unreachable(&url, &error))?,
            Err(_) => {
                let reason = format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
                return Err(ClientError::Unreachable {
                    url: url.to_string(),
                    reason,
                });
            }
        };
        let response = accepted(&url, response).await?;
        Ok(Watch::new(url.to_string(), response.bytes_stream()))
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend(segments);
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<A: DeserializeOwned>(&self, url: Url) -> Result<A> {
        let request = self.request(Method::GET, url.clone());
        answer(url, request).await
    }

    async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A> {
        let url = self.url(&path.split('/').collect::<Vec<_>>());
        let request = self.request(Method::POST, url.clone()).json(body);
        answer(url, request).await
    }

    /// Callers pair results with resources by their position, so a batch's answer must have one for each.
    fn checked(&self, path: &str, answer: BatchResponse, expected: usize) -> Result<BatchResponse> {
        if answer.results.len() == expected {
            return Ok(answer);
        }
        let url = self.url(&path.split('/').collect::<Vec<_>>()).to_string();
        let reason = format!("{} results for {expected} resources", answer.results.len());
        Err(ClientError::BadAnswer {
            url,
            status: StatusCode::OK.as_u16(),
            reason,
        })
    }
}

async fn answer<A: DeserializeOwned>(url: Url, request: RequestBuilder) -> Result<A> {
    let response = request.timeout(REQUEST_TIMEOUT).send().await;
    let response = response.map_err(|error| ClientError::unreachable(&url, &error))?;
    let response = accepted(&url, response).await?;
    let status = response.status().as_u16();
    let body = response
        .bytes()
        .await
        .map_err(|error| ClientError::unreachable(&url, &error))?;
    serde_json::from_slice(&body).map_err(|error| ClientError::BadAnswer {
        url: url.to_string(),
        status,
        reason: error.to_string(),
    })
}

/// Turns an answer that is not 2xx into its error.
async fn accepted(url: &Url, response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response
        .bytes()
        .await
        .map_err(|error| ClientError::unreachable(url, &error))?;
    match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(ErrorBody { error }) => Err(ClientError::Refused {
            kind: error.kind,
            message: error.message,
            status: status.as_u16(),
        }),
        Err(error) => Err(ClientError::BadAnswer {
            url: url.to_string(),
            status: status.as_u16(),
            reason: format!("not an error of the admin API: {error}"),
        }),
    }
}

/// The error and its causes, the first cause last.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
