//! Every bound of the broker, in one place. Sizes are bytes unless the name says otherwise.

use std::time::Duration;

/// Partitions of one topic.
pub const MAX_PARTITIONS: u32 = 1024;
/// Characters of a namespace.
pub const MAX_NAMESPACE_LEN: usize = 100;
/// Characters of a topic's or subscription's name.
pub const MAX_NAME_LEN: usize = 255;
/// Messages of one publish (Pub/Sub quotas: 1,000).
pub const MAX_PUBLISH_MESSAGES: usize = 1_000;
/// Bytes of one publish (Pub/Sub quotas: 10 MB), and of one message.
pub const MAX_PUBLISH_BYTES: usize = 10_000_000;
/// Attributes of one message.
pub const MAX_ATTRIBUTES: usize = 100;
/// Bytes of an attribute's key.
pub const MAX_ATTRIBUTE_KEY: usize = 256;
/// Bytes of an attribute's value.
pub const MAX_ATTRIBUTE_VALUE: usize = 1_024;
/// Bytes of an ordering key.
pub const MAX_ORDERING_KEY: usize = 1_024;
/// Messages of a partition that an ordered subscription may have waiting when it passes over one more whose ordering key is
/// held up; beyond, it delivers no later messages of the partition to that consumer.
pub const MAX_ORDERED_LOOK_AHEAD: usize = 10_000;
/// Labels of one resource.
pub const MAX_LABELS: usize = 64;
/// The shortest acknowledgement deadline a subscription can have.
pub const MIN_ACK_DEADLINE: Duration = Duration::from_secs(10);
/// The longest acknowledgement deadline.
pub const MAX_ACK_DEADLINE: Duration = Duration::from_secs(600);
/// The deadline of a subscription that asks for none.
pub const DEFAULT_ACK_DEADLINE: Duration = Duration::from_secs(10);
