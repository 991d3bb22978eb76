//! A message as every protocol sees it.

use bytes::Bytes;

/// What a client publishes and another receives. Payloads are shared, never copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The payload.
    pub data: Bytes,
    /// Name and value pairs, in the order the publisher gave; the record's headers.
    pub attributes: Vec<(Bytes, Bytes)>,
    /// The ordering key; the record's key. None and empty are different to Kafka, the same to Pub/Sub.
    pub key: Option<Bytes>,
}

impl Message {
    /// What the message counts for in limits and flow control: payload, attributes and key, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(k, v)| k.len() + v.len()).sum();
        self.data.len() + attributes + self.key.as_ref().map_or(0, Bytes::len)
    }
}
