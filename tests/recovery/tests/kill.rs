//! A broker is killed with SIGKILL at random moments while clients publish and consume, and started again. What it had
//! confirmed must be there, in order, once.
//!
//! `POSTROAD_TEST_ROUNDS` sets how often it is killed, `POSTROAD_TEST_SEED` repeats a failed run's choices.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use postroad_harness::{Broker, BrokerOptions};
use postroad_recovery_tests::{Dice, History, Load, Names, rounds};

const PUBLISHERS: u32 = 4;
const PARTITIONS: u32 = 3;

fn names() -> Names {
    Names {
        topic: "projects/shop/topics/orders".into(),
        subscription: "projects/shop/subscriptions/worker".into(),
    }
}

/// The subscription that nobody reads until the end keeps the whole log.
const AUDIT: &str = "projects/shop/subscriptions/audit";

/// Small journal files and frequent checkpoints: kills hit recycling and checkpoints, too.
fn options() -> BrokerOptions {
    let flags = ["--journal-file-bytes", "1Mi", "--checkpoint-journal-bytes", "4Mi"];
    BrokerOptions {
        flags: flags.map(str::to_owned).into(),
        ..BrokerOptions::default()
    }
}

async fn broker_with_topic() -> Result<Broker> {
    let broker = Broker::start(options()).await?;
    broker.create_topic("shop", "orders", PARTITIONS).await?;
    broker
        .create_subscription("shop", "orders", "worker", 600)
        .await?;
    broker.create_subscription("shop", "orders", "audit", 600).await?;
    Ok(broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_survives_kill_9() -> Result<()> {
    let mut dice = Dice::new("what_was_confirmed_survives_kill_9");
    let mut broker = broker_with_topic().await?;
    let history = Arc::new(Mutex::new(History::default()));

    for round in 0..rounds(15) {
        let publishers = round * PUBLISHERS..(round + 1) * PUBLISHERS;
        let mut load = Load::start(
            broker.pubsub(),
            names(),
            Arc::clone(&history),
            publishers,
            &mut dice,
        );
        load.confirmed(dice.within(1..2_500)).await?;
        broker.kill()?;
        let (published, consumed) = load.ended().await?;
        println!("round {round}: {published} messages published and {consumed} consumed so far");

        while dice.one_in(4) {
            kill_during_recovery(&mut broker, &mut dice).await?;
        }
        broker.start_again().await?;
    }

    let log = broker.pubsub().drain(AUDIT).await?;
    let rest = broker.pubsub().drain(&names().subscription).await?;
    let history = history.lock().unwrap_or_else(PoisonError::into_inner);
    history.check_log(&log)?;
    history.check_consumed(&rest)
}

/// Kills the broker somewhere in its start; where is left to chance.
async fn kill_during_recovery(broker: &mut Broker, dice: &mut Dice) -> Result<()> {
    broker.spawn_again()?;
    tokio::time::sleep(Duration::from_micros(dice.within(0..100_000))).await;
    broker.kill()
}
