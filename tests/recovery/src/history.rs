//! What clients were told, and what must be true of the log afterwards.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use postroad_harness::Received;
use postroad_types::MessageId;

use crate::payload::Sent;

/// A message whose publish was answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The message.
    pub sent: Sent,
    /// The id the broker gave it.
    pub id: u64,
}

/// Everything the clients of one topic and subscription were told.
#[derive(Debug, Default)]
pub struct History {
    published: Vec<Acknowledged>,
    /// Acknowledged; perhaps the broker knows it, perhaps it died before.
    acknowledging: HashSet<u64>,
    /// Acknowledged, and the broker said that it knows.
    consumed: HashSet<u64>,
}

impl History {
    /// The broker said that it has stored these.
    pub fn published(&mut self, messages: impl IntoIterator<Item = Acknowledged>) {
        self.published.extend(messages);
    }

    /// A delivery. It must not be of a message whose acknowledgement was answered with success before.
    ///
    /// # Errors
    /// It is.
    pub fn delivered(&self, message: &Received) -> Result<()> {
        let known = self.consumed.contains(&message.id);
        ensure!(
            !known,
            "message {} was delivered again after its acknowledgement was confirmed",
            message.id
        );
        Ok(())
    }

    /// These are about to be acknowledged.
    pub fn acknowledging(&mut self, messages: &[Received]) {
        self.acknowledging
            .extend(messages.iter().map(|message| message.id));
    }

    /// The broker said that it has stored the acknowledgements of these.
    pub fn consumed(&mut self, messages: &[Received]) {
        self.consumed.extend(messages.iter().map(|message| message.id));
    }

    /// How many publishes and acknowledgements the broker confirmed.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        (self.published.len(), self.consumed.len())
    }

    /// Whether nothing was confirmed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    /// Every message whose publish was confirmed was acknowledged by the consumer or is in `rest`.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check_consumed(&self, rest: &HashMap<u64, (Received, u32)>) -> Result<()> {
        for (id, (message, _)) in rest {
            self.delivered(message).with_context(|| format!("message {id}"))?;
        }
        let is_known = |id: &u64| self.acknowledging.contains(id) || rest.contains_key(id);
        let lost = self.published.iter().find(|told| !is_known(&told.id));
        ensure!(lost.is_none(), "neither acknowledged nor there: {lost:?}");
        Ok(())
    }

    /// Checks the whole log, as a subscription that is as old as the topic gave it.
    ///
    /// # Errors
    /// The first rule that is broken: a confirmed message is missing, has another id or other data; a message is there
    /// twice; the offsets have a gap; a batch is there in part; a publisher's messages are out of order.
    pub fn check_log(&self, log: &HashMap<u64, (Received, u32)>) -> Result<()> {
        let mut by_offset: BTreeMap<(u32, u64), Sent> = BTreeMap::new();
        let mut by_sent: HashMap<Sent, u64> = HashMap::new();
        for (id, (message, _)) in log {
            let sent = Sent::parse(&message.data).with_context(|| format!("message {id}"))?;
            let place: MessageId = id.to_string().parse()?;
            by_offset.insert((place.partition, place.offset), sent);
            let other = by_sent.insert(sent, *id);
            ensure!(
                other.is_none(),
                "{sent:?} is in the log twice: as {other:?} and {id}"
            );
        }
        for told in &self.published {
            let found = by_sent.get(&told.sent);
            ensure!(
                found == Some(&told.id),
                "{told:?} was confirmed, the log has it as {found:?}"
            );
        }
        check_offsets(by_offset.keys())?;
        check_batches(&by_sent)?;
        check_order(by_offset.into_iter())
    }
}

/// Each partition's offsets are 0, 1, 2, …
fn check_offsets<'a>(places: impl Iterator<Item = &'a (u32, u64)>) -> Result<()> {
    let mut expected: HashMap<u32, u64> = HashMap::new();
    for (partition, offset) in places {
        let next = expected.entry(*partition).or_default();
        ensure!(
            offset == next,
            "partition {partition} has no offset {next}; the next one is {offset}"
        );
        *next += 1;
    }
    Ok(())
}

/// A publish is stored as a whole or not at all.
fn check_batches(by_sent: &HashMap<Sent, u64>) -> Result<()> {
    let mut batches: HashMap<(u32, u32), (u32, u32)> = HashMap::new();
    for sent in by_sent.keys() {
        batches
            .entry((sent.publisher, sent.batch))
            .or_insert((0, sent.of))
            .0 += 1;
    }
    for (batch, (found, of)) in batches {
        ensure!(
            found == of,
            "of batch {batch:?} {found} messages of {of} are there"
        );
    }
    Ok(())
}

/// A publisher waits for each answer before it goes on, and stays on one partition: its messages are in its order.
fn check_order(log: impl Iterator<Item = ((u32, u64), Sent)>) -> Result<()> {
    let mut last: HashMap<u32, Sent> = HashMap::new();
    for (place, sent) in log {
        let before = last.insert(sent.publisher, sent);
        ensure!(
            before.is_none_or(|before| before < sent),
            "at {place:?}, {sent:?} comes after {before:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(batch: u32, place: u32, of: u32) -> Sent {
        Sent {
            publisher: 1,
            batch,
            place,
            of,
        }
    }

    fn log(messages: &[(u64, Sent)]) -> HashMap<u64, (Received, u32)> {
        let received = |(id, sent): &(u64, Sent)| {
            let message = Received {
                ack_id: String::new(),
                id: *id,
                data: sent.data(100),
                ordering_key: String::new(),
            };
            (*id, (message, 1))
        };
        messages.iter().map(received).collect()
    }

    fn refusal(history: &History, messages: &[(u64, Sent)]) -> String {
        format!("{:#}", history.check_log(&log(messages)).unwrap_err())
    }

    #[test]
    fn each_broken_rule_is_found() {
        let (a, b, c) = (sent(1, 0, 1), sent(2, 0, 2), sent(2, 1, 2));
        let mut history = History::default();
        history.published([Acknowledged { sent: a, id: 0 }]);

        history.check_log(&log(&[(0, a)])).unwrap();
        history.check_log(&log(&[(0, a), (1, b), (2, c)])).unwrap();
        assert!(refusal(&history, &[]).contains("was confirmed"));
        assert!(refusal(&history, &[(0, b), (1, c)]).contains("was confirmed"));
        assert!(refusal(&history, &[(0, a), (1, a)]).contains("twice"));
        assert!(refusal(&history, &[(0, a), (1, b)]).contains("1 messages of 2"));
        assert!(refusal(&history, &[(0, a), (2, b), (3, c)]).contains("no offset 1"));
        assert!(refusal(&history, &[(0, a), (1, c), (2, b)]).contains("comes after"));
    }

    #[test]
    fn a_lost_and_a_repeated_delivery_are_found() {
        let mut history = History::default();
        history.published([Acknowledged {
            sent: sent(1, 0, 1),
            id: 0,
        }]);
        let rest = log(&[(0, sent(1, 0, 1))]);
        history.check_consumed(&rest).unwrap();
        assert!(
            history
                .check_consumed(&HashMap::new())
                .unwrap_err()
                .to_string()
                .contains("neither")
        );
        let message = [rest[&0].0.clone()];
        history.acknowledging(&message);
        history.check_consumed(&HashMap::new()).unwrap();
        history.check_consumed(&rest).unwrap();
        history.consumed(&message);
        history.check_consumed(&HashMap::new()).unwrap();
        assert!(history.check_consumed(&rest).is_err());
    }
}
