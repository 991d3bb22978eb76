//! Publishers and a consumer that work until the broker dies.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use postroad_harness::Pubsub;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::dice::Dice;
use crate::history::{Acknowledged, History};
use crate::payload::Sent;

/// What the load works on.
#[derive(Clone, Debug)]
pub struct Names {
    /// The topic, as Pub/Sub names it.
    pub topic: String,
    /// The consumer's subscription.
    pub subscription: String,
}

/// A running load. Every client stops at the first call that the dying broker does not answer.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Result<()>>,
    history: Arc<Mutex<History>>,
    confirmed: watch::Receiver<u64>,
}

/// What the clients of one load share.
#[derive(Clone)]
struct Shared {
    pubsub: Pubsub,
    names: Names,
    history: Arc<Mutex<History>>,
    confirmed: watch::Sender<u64>,
}

impl Load {
    /// Starts `publishers` publishers and one consumer. Their numbers in the history begin at `first`, so that each round
    /// of a test has its own.
    #[must_use]
    pub fn start(
        pubsub: Pubsub,
        names: Names,
        history: Arc<Mutex<History>>,
        publishers: std::ops::Range<u32>,
        dice: &mut Dice,
    ) -> Self {
        let (sender, confirmed) = watch::channel(0);
        let shared = Shared {
            pubsub,
            names,
            history: Arc::clone(&history),
            confirmed: sender,
        };
        let mut clients = JoinSet::new();
        for publisher in publishers {
            clients.spawn(publish(shared.clone(), publisher, dice.split()));
        }
        clients.spawn(consume(shared, dice.split()));
        Self {
            clients,
            history,
            confirmed,
        }
    }

    /// Waits until the broker has confirmed `messages` messages of this load.
    ///
    /// # Errors
    /// All clients ended before.
    pub async fn confirmed(&mut self, messages: u64) -> Result<()> {
        self.confirmed
            .wait_for(|confirmed| *confirmed >= messages)
            .await?;
        Ok(())
    }

    /// Waits until all clients have noticed that the broker is gone; what they were told is in the history then.
    ///
    /// # Errors
    /// The broker refused a call for another reason, or broke a promise while it ran.
    pub async fn ended(mut self) -> Result<(usize, usize)> {
        while let Some(client) = self.clients.join_next().await {
            client??;
        }
        Ok(self.history.lock().unwrap_or_else(PoisonError::into_inner).len())
    }
}

/// Publishes batches one after the other, all to the partition of its ordering key.
async fn publish(shared: Shared, publisher: u32, mut dice: Dice) -> Result<()> {
    let key = format!("publisher-{publisher}");
    for batch in 0.. {
        let of = dice.within(1..12) as u32;
        let sent = (0..of).map(|place| Sent {
            publisher,
            batch,
            place,
            of,
        });
        let data = sent.clone().map(|sent| sent.data(length(&mut dice))).collect();
        match shared.pubsub.publish(&shared.names.topic, &key, data).await {
            Ok(ids) => shared.published(sent, ids),
            Err(status) => return gone(status),
        }
    }
    Ok(())
}

/// Mostly small, sometimes large enough to span the pages of a file many times.
fn length(dice: &mut Dice) -> usize {
    let longest = if dice.one_in(20) { 50_000 } else { 2_000 };
    dice.within(0..longest) as usize
}

/// Pulls, acknowledges most of what came, and leaves the rest to its deadline.
async fn consume(shared: Shared, mut dice: Dice) -> Result<()> {
    let subscription = &shared.names.subscription;
    loop {
        let most = dice.within(1..200) as i32;
        let mut received = match shared.pubsub.pull(subscription, most).await {
            Ok(received) => received,
            Err(status) => return gone(status),
        };
        for message in &received {
            shared.history().delivered(message)?;
        }
        received.retain(|_| !dice.one_in(20));
        if received.is_empty() {
            continue;
        }
        shared.history().acknowledging(&received);
        if let Err(status) = shared.pubsub.acknowledge(subscription, &received).await {
            return gone(status);
        }
        shared.history().consumed(&received);
    }
}

impl Shared {
    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn published(&self, sent: impl Iterator<Item = Sent>, ids: Vec<u64>) {
        let count = ids.len() as u64;
        self.history()
            .published(sent.zip(ids).map(|(sent, id)| Acknowledged { sent, id }));
        self.confirmed.send_modify(|confirmed| *confirmed += count);
    }
}

/// A broker that is killed or stops breaks connections or answers UNAVAILABLE; anything else is a defect.
fn gone(status: Status) -> Result<()> {
    match status.code() {
        Code::Unavailable => Ok(()),
        // What tonic makes of a connection that broke in the middle of an answer.
        Code::Unknown | Code::Internal | Code::Cancelled if std::error::Error::source(&status).is_some() => {
            Ok(())
        }
        _ => Err(status.into()),
    }
}
