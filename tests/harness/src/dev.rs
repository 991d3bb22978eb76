//! Dev mode under test: `postroad dev -f FILE`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use postroad_admin_api::Client;
use tempfile::TempDir;

use crate::binary::binary;
use crate::broker::clean_environment;
use crate::process::Process;

const START: Duration = Duration::from_secs(120);

/// A `postroad dev` process with a folder of its own, ready.
#[derive(Debug)]
pub struct DevMode {
    // Fields are dropped in order: the process before its folder.
    process: Process,
    file: PathBuf,
    pubsub: SocketAddr,
    admin: SocketAddr,
    client: Client,
    folder: TempDir,
}

impl DevMode {
    /// Starts dev mode with the resources of `file` on free ports of 127.0.0.1, and waits until it serves them.
    ///
    /// # Errors
    /// The binary could not be built, or did not become ready.
    pub async fn start(file: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("a temporary folder")?;
        let mut process = spawn(file, folder.path(), "dev.log", 0, 0)?;
        let (pubsub, admin) = ready(&mut process).await?;
        let client = Client::new(&format!("http://{admin}"), None)?;
        Ok(Self {
            process,
            file: file.to_owned(),
            pubsub,
            admin,
            client,
            folder,
        })
    }

    /// Kills the process as `kill -9` does, and starts it again on the same folder and ports.
    ///
    /// # Errors
    /// It did not become ready again.
    pub async fn kill_and_start(&mut self) -> Result<()> {
        self.process.kill()?;
        let (pubsub, admin) = (self.pubsub.port(), self.admin.port());
        self.process = spawn(&self.file, self.folder.path(), "dev-again.log", pubsub, admin)?;
        ready(&mut self.process).await?;
        Ok(())
    }

    /// Where Pub/Sub is, for `PUBSUB_EMULATOR_HOST`.
    #[must_use]
    pub fn pubsub_host(&self) -> String {
        self.pubsub.to_string()
    }

    /// The admin API.
    #[must_use]
    pub fn admin(&self) -> &Client {
        &self.client
    }

    /// A folder for the test's own files, gone with the process.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }
}

fn spawn(file: &Path, folder: &Path, log: &str, pubsub_port: u16, admin_port: u16) -> Result<Process> {
    let mut command = Command::new(binary("postroad-cli", "postroad")?);
    command
        .args(["dev", "--output", "json", "-f"])
        .arg(file)
        .arg("--data")
        .arg(folder.join("data"));
    command
        .arg("--pubsub-port")
        .arg(pubsub_port.to_string())
        .arg("--admin-port")
        .arg(admin_port.to_string());
    clean_environment(&mut command);
    Process::spawn("postroad dev", &mut command, &folder.join(log))
}

/// Where dev mode listens: it says so once it serves the file's resources.
async fn ready(process: &mut Process) -> Result<(SocketAddr, SocketAddr)> {
    let addresses = process
        .wait_for_line("the event `ready` of dev mode", START, |line| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            let field = |name: &str| {
                (event["event"] == "ready")
                    .then(|| event[name].as_str())
                    .flatten()
            };
            let pubsub = field("pubsub")?.parse().ok()?;
            let admin = field("admin")?
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .parse()
                .ok()?;
            Some((pubsub, admin))
        })
        .await;
    addresses.with_context(|| format!("the output of dev mode ends with\n{}", process.log_end()))
}
