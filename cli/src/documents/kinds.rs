//! The kinds that a document may have, and what dev mode makes of each.

use std::collections::BTreeMap;

use postroad_admin_api as admin;
use postroad_crds::check::{Checker, NoSchema};
use postroad_crds::convert::{self, ConvertError};
use postroad_crds::declared::Declared;
use postroad_crds::{GROUP, Queue, Subscription, Topic, TopicRef, VERSION, manifest};
use serde_json::Value;

/// A document that was read by its kind.
#[derive(Clone, Debug)]
pub(super) enum Document {
    /// To be applied.
    Topic(Box<Topic>),
    /// To be applied after what it refers to.
    Subscription(Box<Subscription>),
    /// To be applied.
    Queue(Box<Queue>),
    /// Means something to Kubernetes only.
    Ignored(String),
}

impl Document {
    /// What names it in the admin API; none for what is not applied.
    pub(super) fn key(&self) -> Option<admin::ResourceKey> {
        match self {
            Self::Topic(topic) => topic.admin_key(),
            Self::Subscription(subscription) => subscription.admin_key(),
            Self::Queue(queue) => queue.admin_key(),
            Self::Ignored(_) => None,
        }
    }

    /// Its spec as the admin API takes it. `resolve` answers with the topic that a reference means.
    pub(super) fn spec(
        &self,
        resolve: impl FnOnce(&TopicRef) -> admin::TopicRef,
    ) -> Result<Option<admin::Spec>, ConvertError> {
        let spec = match self {
            Self::Topic(topic) => admin::Spec::Topic(convert::topic(&topic.spec)?),
            Self::Subscription(subscription) => {
                let topic = resolve(&subscription.spec.topic_ref);
                admin::Spec::Subscription(convert::subscription(&subscription.spec, topic)?)
            }
            Self::Queue(queue) => admin::Spec::Queue(convert::queue(&queue.spec)?),
            Self::Ignored(_) => return Ok(None),
        };
        Ok(Some(spec))
    }
}

/// The checkers of all kinds.
#[derive(Debug)]
pub(super) struct Kinds {
    checkers: BTreeMap<String, Checker>,
}

impl Kinds {
    pub(super) fn new() -> Result<Self, NoSchema> {
        let checker = |definition: &_| Checker::new(definition);
        let definitions = manifest::definitions();
        let named = definitions.iter().map(|definition| {
            checker(definition).map(|checker| (definition.spec.names.kind.clone(), checker))
        });
        Ok(Self {
            checkers: named.collect::<Result<_, _>>()?,
        })
    }

    /// Which checker an object needs; none for an object that is only looked over.
    ///
    /// The error is the field that is wrong, and the message.
    pub(super) fn checker(&self, object: &Value) -> Result<Option<&Checker>, (&'static str, String)> {
        let text = |field: &'static str| match &object[field] {
            Value::String(text) => Ok(text.as_str()),
            Value::Null => Err((field, format!("{field} is required; {}", self.allowed()))),
            _ => Err((field, format!("{field} must be a string; {}", self.allowed()))),
        };
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        if (version, kind) == ("v1", "Namespace") {
            return Ok(None);
        }
        let Some(checker) = self.checkers.get(kind) else {
            return Err(("kind", format!("unknown kind {kind:?}; {}", self.allowed())));
        };
        let wanted = format!("{GROUP}/{VERSION}");
        if version != wanted {
            return Err((
                "apiVersion",
                format!("apiVersion must be {wanted} for the kind {kind}, not {version:?}"),
            ));
        }
        Ok(Some(checker))
    }

    fn allowed(&self) -> String {
        let kinds: Vec<&str> = self.checkers.keys().map(String::as_str).collect();
        format!(
            "allowed are {} of {GROUP}/{VERSION}, and Namespace of v1",
            kinds.join(", ")
        )
    }
}

/// Reads a checked object by its kind.
pub(super) fn read(object: Value) -> Result<Document, serde_json::Error> {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    Ok(match kind.as_str() {
        "Topic" => Document::Topic(serde_json::from_value(object)?),
        "Subscription" => Document::Subscription(serde_json::from_value(object)?),
        "Queue" => Document::Queue(serde_json::from_value(object)?),
        _ => {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            Document::Ignored(format!("{kind} {name}"))
        }
    })
}
