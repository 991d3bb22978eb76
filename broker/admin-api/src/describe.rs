//! What the broker knows about resources.

use serde::{Deserialize, Serialize};

use crate::resource::{Kind, Owner, Resource};

/// A resource as the broker has it: the answer to `GET /v1/resources/{kind}/{namespace}/{name}`, and an item of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    /// Kind, name and spec, with the defaults filled in.
    pub resource: Resource,
    /// Who may change it.
    pub owner: Owner,
    /// The id the catalog gave it (of a queue: its topic's).
    pub id: String,
    /// The catalog's revision when it last changed.
    pub revision: u64,
    /// When it was created.
    pub created: jiff::Timestamp,
    /// Live numbers; none in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
}

/// Live numbers of a resource. A queue has both halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Of the topic or queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicStats>,
    /// Of the subscription or queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionStats>,
}

/// Live numbers of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicStats {
    /// Messages published since the topic was created.
    pub published_messages: u64,
    /// Messages that are stored now.
    pub retained_messages: u64,
}

/// Live numbers of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionStats {
    /// Messages that are not acknowledged, leased ones included.
    pub backlog_messages: u64,
    /// Messages in consumers' hands.
    pub leased_messages: u64,
    /// Age in seconds of the oldest message that is not acknowledged; 0 when there is none.
    pub oldest_unacked_seconds: u64,
}

/// What `GET /v1/resources` is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ListQuery {
    /// Only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Only this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// At most this many; 0 = [`crate::DEFAULT_PAGE_SIZE`], at most [`crate::MAX_PAGE_SIZE`].
    pub page_size: usize,
    /// From the page before; empty for the first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub page_token: String,
}

/// The answer to `GET /v1/resources`: topics and queues by name, then subscriptions by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListResponse {
    /// At most a page of them; there may be fewer (none even) while there is a next page.
    pub resources: Vec<Described>,
    /// Give this to get the next page; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}
