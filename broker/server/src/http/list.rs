//! Resources in pages: topics and queues by name, then subscriptions by name.

use axum::Json as JsonAnswer;
use axum::extract::State as Extract;
use postroad_admin_api::{DEFAULT_PAGE_SIZE, Described, Kind, ListQuery, ListResponse, MAX_PAGE_SIZE};
use postroad_node::{Node, Topic};
use postroad_types::{ErrorKind, Namespace, Result, SubscriptionName};

use super::error::ApiError;
use super::extract::Query;
use super::{State, convert};

pub(super) async fn list(
    Extract(state): Extract<State>,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<ListResponse>, ApiError> {
    let namespace = query.namespace.as_deref().map(Namespace::parse).transpose()?;
    let size = if query.page_size == 0 {
        DEFAULT_PAGE_SIZE
    } else {
        query.page_size.min(MAX_PAGE_SIZE)
    };
    let lister = Lister {
        node: &state.node,
        kind: query.kind,
        namespace: namespace.as_ref(),
        size,
    };
    let mut place = Place::parse(&query.page_token, query.kind)?;
    loop {
        let (resources, next) = lister.page(&place)?;
        // A page whose resources are all of another kind, or a broker without topics, is not worth an answer.
        match next {
            Some(next) if resources.is_empty() => place = next,
            next => {
                let next_page_token = next.map(|place| place.to_token());
                return Ok(JsonAnswer(ListResponse {
                    resources,
                    next_page_token,
                }));
            }
        }
    }
}

/// Where a page begins: in which of the two lists, and there at which of the node's tokens.
enum Place {
    Topics(String),
    Subscriptions(String),
}

impl Place {
    fn parse(token: &str, kind: Option<Kind>) -> Result<Self, ApiError> {
        let wrong = || ApiError::invalid("pageToken is not from an earlier page of this list");
        match (token.split_at_checked(1), kind) {
            _ if token.is_empty() && kind == Some(Kind::Subscription) => {
                Ok(Self::Subscriptions(String::new()))
            }
            _ if token.is_empty() => Ok(Self::Topics(String::new())),
            (Some(("t", rest)), None | Some(Kind::Topic | Kind::Queue)) => Ok(Self::Topics(rest.to_owned())),
            (Some(("s", rest)), None | Some(Kind::Subscription)) => Ok(Self::Subscriptions(rest.to_owned())),
            _ => Err(wrong()),
        }
    }

    fn to_token(&self) -> String {
        match self {
            Self::Topics(token) => format!("t{token}"),
            Self::Subscriptions(token) => format!("s{token}"),
        }
    }
}

struct Lister<'a> {
    node: &'a Node,
    kind: Option<Kind>,
    namespace: Option<&'a Namespace>,
    size: usize,
}

impl Lister<'_> {
    fn page(&self, place: &Place) -> Result<(Vec<Described>, Option<Place>)> {
        match place {
            Place::Topics(token) => self.topics(token),
            Place::Subscriptions(token) => self.subscriptions(token),
        }
    }

    fn topics(&self, token: &str) -> Result<(Vec<Described>, Option<Place>)> {
        let page = self.node.topics(self.namespace, self.size, token)?;
        let mut resources = Vec::with_capacity(page.items.len());
        for topic in page.items.iter().filter(|topic| self.wants(topic)) {
            resources.extend(self.topic_or_queue(topic)?);
        }
        let next = page.next.map(Place::Topics);
        let then = || self.kind.is_none().then(|| Place::Subscriptions(String::new()));
        Ok((resources, next.or_else(then)))
    }

    fn wants(&self, topic: &Topic) -> bool {
        match self.kind {
            Some(Kind::Topic) => !topic.queue,
            Some(Kind::Queue) => topic.queue,
            Some(Kind::Subscription) | None => true,
        }
    }

    /// None for a queue that was deleted after its page was read.
    fn topic_or_queue(&self, topic: &Topic) -> Result<Option<Described>> {
        if !topic.queue {
            return convert::topic(topic).map(Some);
        }
        match self.node.subscription(&SubscriptionName(topic.name.0.clone())) {
            Ok(subscription) => convert::queue(topic, &subscription).map(Some),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn subscriptions(&self, token: &str) -> Result<(Vec<Described>, Option<Place>)> {
        let page = self.node.subscriptions(self.namespace, self.size, token)?;
        let plain = page.items.iter().filter(|subscription| !subscription.queue);
        let resources = plain
            .map(|subscription| convert::subscription(subscription))
            .collect::<Result<_>>()?;
        Ok((resources, page.next.map(Place::Subscriptions)))
    }
}
