//! Topics, subscriptions and queues as the admin API writes them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Labels, for people and tools.
pub type Labels = BTreeMap<String, String>;

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A log of messages that any number of subscriptions read.
    Topic,
    /// A durable cursor over a topic.
    Subscription,
    /// A topic of one partition with the one subscription of its name.
    Queue,
}

impl Kind {
    /// The kind's name, as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "Topic",
            Self::Subscription => "Subscription",
            Self::Queue => "Queue",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// The error says which kinds there are.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Topic, Self::Subscription, Self::Queue]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("unknown kind {text:?}; there are Topic, Subscription and Queue"))
    }
}

/// On whose behalf a change is made, and who may change a resource from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// A client protocol, or this API on a person's behalf.
    Api,
    /// Declared in Kubernetes: the operator.
    Kubernetes,
    /// Declared in the file that `postroad dev` reads.
    File,
}

impl Owner {
    /// The owner's name as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Kubernetes => "kubernetes",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a topic is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopicSpec {
    /// How many partitions; 1 to 1024, default 1. They only grow.
    pub partitions: u32,
    /// Labels; none by default.
    pub labels: Labels,
}

impl Default for TopicSpec {
    fn default() -> Self {
        Self {
            partitions: 1,
            labels: Labels::new(),
        }
    }
}

/// Names a topic (or a queue, which is a topic too).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicRef {
    /// The topic's namespace.
    pub namespace: String,
    /// The topic's name; [`TopicRef::DELETED`] in answers when the topic was deleted.
    pub name: String,
}

impl TopicRef {
    /// The name in place of a deleted topic's, as Pub/Sub's `Subscription.topic` has it.
    pub const DELETED: &'static str = "_deleted-topic_";

    /// Whether it stands for a topic that was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.name == Self::DELETED
    }
}

/// What a subscription is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionSpec {
    /// The topic it reads. It can't be changed.
    pub topic: TopicRef,
    /// Seconds until an unacknowledged message is delivered again; 10 to 600, default 10.
    #[serde(default = "default_ack_deadline_seconds")]
    pub ack_deadline_seconds: u32,
    /// Whether messages of an ordering key are delivered in their order; default false. It can't be changed.
    #[serde(default)]
    pub enable_message_ordering: bool,
    /// Labels; none by default.
    #[serde(default)]
    pub labels: Labels,
}

/// What a queue is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueSpec {
    /// Seconds until an unacknowledged message is delivered again; 10 to 600, default 10.
    pub ack_deadline_seconds: u32,
    /// Labels; none by default.
    pub labels: Labels,
}

impl Default for QueueSpec {
    fn default() -> Self {
        Self {
            ack_deadline_seconds: default_ack_deadline_seconds(),
            labels: Labels::new(),
        }
    }
}

fn default_ack_deadline_seconds() -> u32 {
    10
}

/// What a resource is asked to be; its variant is the resource's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Of a topic.
    Topic(TopicSpec),
    /// Of a subscription.
    Subscription(SubscriptionSpec),
    /// Of a queue.
    Queue(QueueSpec),
}

impl Spec {
    /// The kind that has such a spec.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Topic(_) => Kind::Topic,
            Self::Subscription(_) => Kind::Subscription,
            Self::Queue(_) => Kind::Queue,
        }
    }
}

/// A resource: `{"kind", "namespace", "name", "spec"}`. The spec of a topic or queue may be left out: its defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawResource", into = "RawResource")]
pub struct Resource {
    /// The tenant.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
    /// What it is asked to be, and thereby its kind.
    pub spec: Spec,
}

impl Resource {
    /// The resource's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// What names it.
    #[must_use]
    pub fn key(&self) -> ResourceKey {
        ResourceKey {
            kind: self.kind(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// Names a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceKey {
    /// Its kind.
    pub kind: Kind,
    /// The tenant.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
}

/// `Topic shop/orders`.
impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A resource as JSON has it, before its spec is read by its kind.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawResource {
    kind: Kind,
    namespace: String,
    name: String,
    #[serde(default = "empty_object")]
    spec: serde_json::Value,
}

fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

impl TryFrom<RawResource> for Resource {
    type Error = String;

    fn try_from(raw: RawResource) -> Result<Self, Self::Error> {
        let RawResource {
            kind,
            namespace,
            name,
            spec,
        } = raw;
        let spec = match kind {
            Kind::Topic => serde_json::from_value(spec).map(Spec::Topic),
            Kind::Subscription => serde_json::from_value(spec).map(Spec::Subscription),
            Kind::Queue => serde_json::from_value(spec).map(Spec::Queue),
        };
        let spec = spec.map_err(|error| format!("spec of {kind} {namespace}/{name}: {error}"))?;
        Ok(Self {
            namespace,
            name,
            spec,
        })
    }
}

impl From<Resource> for RawResource {
    fn from(resource: Resource) -> Self {
        let kind = resource.kind();
        let spec = match resource.spec {
            Spec::Topic(spec) => serde_json::to_value(spec),
            Spec::Subscription(spec) => serde_json::to_value(spec),
            Spec::Queue(spec) => serde_json::to_value(spec),
        };
        let spec = spec.expect("numbers, strings and maps of strings are always JSON");
        Self {
            kind,
            namespace: resource.namespace,
            name: resource.name,
            spec,
        }
    }
}
