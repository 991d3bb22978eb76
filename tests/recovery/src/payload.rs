//! What the publishers send: text that says who sent it and when, and filler that follows from that.

use anyhow::{Context, Result, ensure};

/// Which message: the publisher's number, its batch, and the place in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sent {
    /// The publisher.
    pub publisher: u32,
    /// The publisher's batch, growing.
    pub batch: u32,
    /// The place in the batch.
    pub place: u32,
    /// How many messages the batch has.
    pub of: u32,
}

impl Sent {
    /// The message's data: `length` bytes, or a few more when that is too short.
    #[must_use]
    pub fn data(self, length: usize) -> Vec<u8> {
        let mut data = format!("{} {} {} {} ", self.publisher, self.batch, self.place, self.of).into_bytes();
        let filler = self.filler();
        data.extend((data.len()..length).map(filler));
        data
    }

    /// Which message `data` is; every byte of it is checked.
    ///
    /// # Errors
    /// The data is not what any publisher sent.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let head: Vec<_> = data.splitn(5, |byte| *byte == b' ').collect();
        let number = |at: usize| -> Result<u32> {
            Ok(std::str::from_utf8(head.get(at).context("too short")?)?.parse()?)
        };
        let sent = Self {
            publisher: number(0)?,
            batch: number(1)?,
            place: number(2)?,
            of: number(3)?,
        };
        ensure!(data == sent.data(data.len()), "the data of {sent:?} has changed");
        Ok(sent)
    }

    fn filler(self) -> impl Fn(usize) -> u8 {
        let start = self.publisher.wrapping_mul(31) ^ self.batch.wrapping_mul(131) ^ self.place;
        move |at| (start as usize).wrapping_add(at.wrapping_mul(167)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_is_noticed() {
        let sent = Sent {
            publisher: 3,
            batch: 17,
            place: 0,
            of: 2,
        };
        for length in [0, 12, 5_000] {
            let mut data = sent.data(length);
            assert_eq!(Sent::parse(&data).unwrap(), sent);
            for at in [0, data.len() / 2, data.len() - 1] {
                data[at] ^= 1;
                assert!(
                    Sent::parse(&data).map_or(true, |parsed| parsed != sent),
                    "byte {at} of {length}"
                );
                data[at] ^= 1;
            }
        }
    }
}
