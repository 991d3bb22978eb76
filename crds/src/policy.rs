//! What happens to messages that are not acknowledged, and how messages are pushed.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::refs::TopicRef;

/// Where messages go that nobody could process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterPolicy {
    /// The topic that takes the messages.
    pub dead_letter_topic_ref: TopicRef,
    /// Deliveries of a message before it is moved there; 5 to 100.
    #[serde(default = "default_max_delivery_attempts")]
    #[schemars(range(min = 5, max = 100))]
    pub max_delivery_attempts: i32,
}

fn default_max_delivery_attempts() -> i32 {
    5
}

/// How long a message rests before it is delivered again. Without a policy it is delivered again at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.minimumBackoff) <= duration(self.maximumBackoff)")
    .message("minimumBackoff must not be longer than maximumBackoff"))]
pub struct RetryPolicy {
    /// Pause before the second delivery; it doubles with each delivery. 0s to 600s.
    #[serde(default = "default_minimum_backoff")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('600s')").message("must be 0s to 600s"))]
    pub minimum_backoff: GoDuration,
    /// The longest pause. 0s to 600s.
    #[serde(default = "default_maximum_backoff")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('600s')").message("must be 0s to 600s"))]
    pub maximum_backoff: GoDuration,
}

fn default_minimum_backoff() -> GoDuration {
    "10s".into()
}

fn default_maximum_backoff() -> GoDuration {
    "600s".into()
}

/// When a subscription that nobody uses is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpirationPolicy {
    /// Time without use after which the subscription is deleted: at least 24h. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('24h')").message("must be at least 24h"))]
    pub ttl: Option<GoDuration>,
}

/// Delivers messages by HTTP POST instead of waiting for a consumer to pull them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushConfig {
    /// Where messages are posted to: an http or https URL.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://.+$"))]
    pub push_endpoint: String,
    /// Attributes of the endpoint, such as `x-goog-version`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::push_attributes")]
    pub attributes: BTreeMap<String, String>,
    /// Signs each request with an OpenID Connect token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_token: Option<OidcToken>,
    /// Posts the message's data as the body, without the usual JSON wrapper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_wrapper: Option<NoWrapper>,
}

/// The token that goes with each pushed message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcToken {
    /// The identity that the token states.
    #[schemars(length(min = 1, max = 320))]
    pub service_account_email: String,
    /// The audience that the token states. Default: the push endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub audience: Option<String>,
}

/// Delivery without the JSON wrapper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoWrapper {
    /// Writes the message's id, attributes and publish time as `x-goog-pubsub-*` headers.
    #[serde(default)]
    pub write_metadata: bool,
}
