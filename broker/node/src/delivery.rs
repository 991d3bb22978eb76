//! A message in a consumer's hands.

use std::fmt;
use std::str::FromStr;

use postroad_types::{Error, Message, MessageId, Result, SubscriptionId, Timestamp};

/// A message in a consumer's hands.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What the consumer acknowledges with.
    pub ack_id: AckId,
    /// Its place in the topic.
    pub message_id: MessageId,
    /// When it was published.
    pub published: Timestamp,
    /// How often it was delivered since this broker leads its partition, this time included.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}

/// Names one delivery of one message to one subscription. Its text is opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AckId {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The partition of its topic.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// Which delivery of the message.
    pub generation: u32,
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:x}-{:x}-{:x}-{:x}",
            self.subscription.0, self.partition, self.offset, self.generation
        )
    }
}

impl FromStr for AckId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::invalid("ack id is not valid: it was not given out by this service");
        let mut parts = text
            .split('-')
            .map(|part| u64::from_str_radix(part, 16).map_err(|_| invalid()));
        let mut next = || parts.next().unwrap_or_else(|| Err(invalid()));
        let id = Self {
            subscription: SubscriptionId(next()?),
            partition: u32::try_from(next()?).map_err(|_| invalid())?,
            offset: next()?,
            generation: u32::try_from(next()?).map_err(|_| invalid())?,
        };
        match parts.next() {
            None => Ok(id),
            Some(_) => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_id_survives_its_text_and_nothing_else_is_one() {
        let id = AckId {
            subscription: SubscriptionId(300),
            partition: 2,
            offset: 1 << 40,
            generation: 7,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "1-2-3",
            "1-2-3-4-5",
            "x-2-3-4",
            "1-100000000-3-4",
            "1-2-3-100000000",
            "1--3-4",
        ] {
            assert!(text.parse::<AckId>().is_err(), "{text:?}");
        }
    }
}
