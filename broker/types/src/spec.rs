//! What a topic or subscription is asked to be. Encoded as protobuf in the catalog's commands and checkpoint
//! (docs/formats/commands.md), so fields are only ever added.

use std::collections::BTreeMap;

/// Who may change a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Owner {
    /// Made through a client protocol; any client may change it.
    Api = 0,
    /// Declared in Kubernetes; only the operator changes it.
    Kubernetes = 1,
    /// Declared in the file that `postroad dev` reads.
    File = 2,
}

impl Owner {
    /// The owner's name as errors and the admin API write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Kubernetes => "kubernetes",
            Self::File => "file",
        }
    }
}

/// What a topic is asked to be.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TopicSpec {
    /// How many partitions; 1 to 1024. They only grow.
    #[prost(uint32, tag = "1")]
    pub partitions: u32,
    /// Labels, for people and tools.
    #[prost(btree_map = "string, string", tag = "2")]
    pub labels: BTreeMap<String, String>,
}

/// What a subscription is asked to be, besides its topic.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SubscriptionSpec {
    /// Seconds until an unacknowledged message is delivered again; 10 to 600.
    #[prost(uint32, tag = "1")]
    pub ack_deadline_seconds: u32,
    /// Labels, for people and tools.
    #[prost(btree_map = "string, string", tag = "2")]
    pub labels: BTreeMap<String, String>,
    /// Whether messages of an ordering key are delivered in their order. It can't be changed; never of a queue.
    #[prost(bool, tag = "3")]
    pub enable_message_ordering: bool,
}
