//! The official Python client, in the programs of tests/clients/python.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::endpoint::Endpoint;
use crate::environment::repository;
use crate::installation::{Installation, NAME};
use crate::process::{self, Background};
use crate::wait;

/// The port of Pub/Sub.
const PUBSUB: u16 = 8085;

/// Pub/Sub clients of an installation.
#[derive(Debug)]
pub struct Clients<'a> {
    installation: &'a Installation,
    endpoint: Endpoint,
}

impl<'a> Clients<'a> {
    /// Clients that connect to the installation's Service.
    pub fn connect(installation: &'a Installation) -> Result<Self> {
        Ok(Self {
            installation,
            endpoint: Endpoint::open(installation, NAME, PUBSUB)?,
        })
    }

    /// A Python program of the repository, told where the broker is and nothing else.
    #[must_use]
    pub fn program(&self, path: &str) -> Command {
        let mut command = Command::new(&self.installation.environment.python);
        command
            .arg(repository(path))
            .env("PUBSUB_EMULATOR_HOST", self.endpoint.address());
        command
    }

    fn publish_receive(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("tests/clients/python/publish_receive.py");
        command
            .args(["--project", self.installation.apps.namespace()])
            .args(arguments);
        command
    }

    /// Publishes `count` messages to a topic while receiving them by streaming pull, and compares every one.
    pub fn publish_and_receive(&self, topic: &str, subscription: &str, count: u32) -> Result<String> {
        let count = count.to_string();
        process::run(&mut self.publish_receive(&[
            "--topic",
            topic,
            "--subscription",
            subscription,
            "--count",
            &count,
        ]))
    }

    /// Publishes `count` messages and writes a line to `record` for each that was acknowledged.
    pub fn publish(&self, topic: &str, count: u32, record: &Path) -> Result<String> {
        process::run(&mut self.publishing(topic, count, None, record))
    }

    /// The same in the background, `rate` messages a second.
    pub fn start_publishing(&self, topic: &str, count: u32, rate: u32, record: &Path) -> Result<Background> {
        let mut command = self.publishing(topic, count, Some(rate), record);
        Background::start(&mut command, &record.with_extension("log"))
    }

    fn publishing(&self, topic: &str, count: u32, rate: Option<u32>, record: &Path) -> Command {
        let count = count.to_string();
        let mut command = self.publish_receive(&["--publish-only", "--topic", topic, "--count", &count]);
        command.arg("--record").arg(record);
        if let Some(rate) = rate {
            command.args(["--rate", &rate.to_string()]);
        }
        command
    }

    /// Receives until everything in all of `records` has arrived as it was sent. Whatever else waits in the subscription
    /// may be received, and so be gone, too.
    pub fn verify(&self, subscription: &str, records: &[&Path]) -> Result<String> {
        let mut lines = Vec::new();
        for record in records {
            lines.extend(std::fs::read(record).with_context(|| format!("cannot read {}", record.display()))?);
        }
        let all = self.installation.files.path().join("verify.jsonl");
        std::fs::write(&all, lines).context("cannot write the records to compare with")?;
        let mut command = self.publish_receive(&["--receive-only", "--subscription", subscription]);
        process::run(command.arg("--verify").arg(all))
    }
}

/// How many messages a record says were acknowledged so far.
pub fn acknowledged(record: &Path) -> Result<usize> {
    match std::fs::read(record) {
        Ok(bytes) => Ok(bytes.iter().filter(|byte| **byte == b'\n').count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", record.display())),
    }
}

/// Waits until `count` messages were acknowledged while the publisher goes on.
pub fn until_acknowledged(publisher: &mut Background, record: &Path, count: usize) -> Result<()> {
    wait::until(
        &format!("{count} acknowledged messages"),
        Duration::from_secs(120),
        || {
            publisher.still_runs()?;
            let acknowledged = acknowledged(record)?;
            Ok(if acknowledged >= count {
                Ok(())
            } else {
                Err(format!("{acknowledged} acknowledged"))
            })
        },
    )
}
