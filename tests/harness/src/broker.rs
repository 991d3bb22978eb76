//! A broker under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use postroad_admin_api::{ApplyRequest, BootstrapRequest, Client, Owner, Resource, Spec, Stats};
use postroad_admin_api::{ResourceKey, SubscriptionSpec, TopicRef, TopicSpec};
use tempfile::TempDir;

use crate::binary::binary;
use crate::process::Process;
use crate::pubsub::Pubsub;
use crate::wait::eventually;

/// How long a start, with recovery, may take on a busy machine before a test gives up.
const START: Duration = Duration::from_secs(120);

/// How to start a broker.
#[derive(Clone, Debug, Default)]
pub struct BrokerOptions {
    /// Its folder; none = a temporary one, gone with the [`Broker`].
    pub data_dir: Option<PathBuf>,
    /// More flags, as `postroad-broker --help` explains them.
    pub flags: Vec<String>,
}

/// A broker process with its folder, bootstrapped and ready. It survives its process: [`Broker::kill`], then
/// [`Broker::start_again`] on the same folder and ports.
#[derive(Debug)]
pub struct Broker {
    // Fields are dropped in order: the process before its folder.
    process: Process,
    options: BrokerOptions,
    pubsub: SocketAddr,
    admin: SocketAddr,
    client: Client,
    data_dir: PathBuf,
    folder: TempDir,
}

impl Broker {
    /// Starts a broker on free ports of 127.0.0.1, bootstraps it, and waits until it is ready.
    ///
    /// # Errors
    /// The binary could not be built, or did not become ready.
    pub async fn start(options: BrokerOptions) -> Result<Self> {
        let folder = tempfile::tempdir().context("a temporary folder")?;
        let data_dir = options
            .data_dir
            .clone()
            .unwrap_or_else(|| folder.path().join("data"));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = spawn(&options, &data_dir, folder.path(), any, any)?;
        let (pubsub, admin) = addresses(&mut process).await?;
        let client = Client::new(&format!("http://{admin}"), None)?;
        let mut broker = Self {
            process,
            options,
            pubsub,
            admin,
            client,
            data_dir,
            folder,
        };
        broker.bootstrap().await?;
        broker.ready().await?;
        Ok(broker)
    }

    /// Starts the process again on the same folder and ports, without waiting.
    ///
    /// # Errors
    /// The process could not be started.
    pub fn spawn_again(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = spawn(
            &self.options,
            &self.data_dir,
            self.folder.path(),
            self.pubsub,
            self.admin,
        )?;
        Ok(())
    }

    /// Starts the process again on the same folder and ports, and waits until it has recovered and is ready.
    ///
    /// # Errors
    /// It did not become ready.
    pub async fn start_again(&mut self) -> Result<()> {
        self.spawn_again()?;
        self.ready().await
    }

    /// Waits until the broker is ready.
    ///
    /// # Errors
    /// It ended, or did not become ready in time: with the end of its log.
    pub async fn ready(&mut self) -> Result<()> {
        let Self { process, client, .. } = self;
        let ready = eventually("readiness", START, async || {
            if let Some(status) = process.ended()? {
                bail!("the broker ended: {status}");
            }
            Ok(client.status().await.ok().filter(|status| status.ready))
        })
        .await;
        ready
            .map(drop)
            .with_context(|| format!("the broker's log ends with\n{}", self.process.log_end()))
    }

    async fn bootstrap(&mut self) -> Result<()> {
        let Self { process, client, .. } = self;
        eventually("an answer of the admin API", START, async || {
            if let Some(status) = process.ended()? {
                bail!("the broker ended: {status}\n{}", process.log_end());
            }
            match client.bootstrap(&BootstrapRequest::default()).await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if error.is_retryable() => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        Ok(())
    }

    /// Kills the process as `kill -9` does.
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops the process as Kubernetes does (SIGTERM), and waits for its end.
    ///
    /// # Errors
    /// It did not end within `grace`.
    pub async fn terminate(&mut self, grace: Duration) -> Result<ExitStatus> {
        self.process.ask_to_stop()?;
        self.process.wait(grace).await
    }

    /// Where Pub/Sub is, for `PUBSUB_EMULATOR_HOST`.
    #[must_use]
    pub fn pubsub_host(&self) -> String {
        self.pubsub.to_string()
    }

    /// A new Pub/Sub connection.
    #[must_use]
    pub fn pubsub(&self) -> Pubsub {
        Pubsub::new(self.pubsub)
    }

    /// The admin API.
    #[must_use]
    pub fn admin(&self) -> &Client {
        &self.client
    }

    /// Where the admin API, the metrics and the probes are.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// A folder for the test's own files, gone with the broker.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The process's number, for what /proc tells of it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process's log.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Applies resources as the file of dev mode does.
    ///
    /// # Errors
    /// The first resource that was refused, with the broker's reason.
    pub async fn apply(&self, resources: Vec<Resource>) -> Result<()> {
        let keys: Vec<_> = resources.iter().map(Resource::key).collect();
        let answer = self
            .client
            .apply(&ApplyRequest {
                owner: Owner::File,
                resources,
            })
            .await?;
        for (key, result) in keys.iter().zip(answer.results) {
            if let Err(error) = result.into_result() {
                bail!("{key} was refused: {error:?}");
            }
        }
        Ok(())
    }

    /// Creates a topic with `partitions` partitions.
    ///
    /// # Errors
    /// As [`Broker::apply`].
    pub async fn create_topic(&self, namespace: &str, name: &str, partitions: u32) -> Result<()> {
        let spec = Spec::Topic(TopicSpec {
            partitions,
            ..TopicSpec::default()
        });
        self.apply(vec![Resource {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            spec,
        }])
        .await
    }

    /// Creates a subscription, with the acknowledgement deadline in seconds.
    ///
    /// # Errors
    /// As [`Broker::apply`].
    pub async fn create_subscription(
        &self,
        namespace: &str,
        topic: &str,
        name: &str,
        deadline: u32,
    ) -> Result<()> {
        let topic = TopicRef {
            namespace: namespace.to_owned(),
            name: topic.to_owned(),
        };
        let spec = SubscriptionSpec {
            topic,
            ack_deadline_seconds: deadline,
            enable_message_ordering: false,
            labels: Default::default(),
        };
        let spec = Spec::Subscription(spec);
        self.apply(vec![Resource {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            spec,
        }])
        .await
    }

    /// The live numbers of a resource.
    ///
    /// # Errors
    /// There is no such resource.
    pub async fn stats(&self, key: &ResourceKey) -> Result<Stats> {
        let described = self.client.describe(key).await?;
        described
            .stats
            .with_context(|| format!("{key} has no live numbers"))
    }
}

fn spawn(
    options: &BrokerOptions,
    data_dir: &Path,
    folder: &Path,
    pubsub: SocketAddr,
    admin: SocketAddr,
) -> Result<Process> {
    let mut command = Command::new(binary("postroad-broker", "postroad-broker")?);
    command.arg("--data-dir").arg(data_dir);
    command
        .arg("--pubsub-listen")
        .arg(pubsub.to_string())
        .arg("--admin-listen")
        .arg(admin.to_string());
    command
        .args(["--admin-insecure", "--log-format", "json", "--shards", "4"])
        .args(&options.flags);
    clean_environment(&mut command);
    Process::spawn("postroad-broker", &mut command, &folder.join("broker.log"))
}

/// What the developer has set for their own broker is not what is tested.
pub(crate) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("POSTROAD_")) {
            command.env_remove(name);
        }
    }
}

/// Where the broker listens: it logs both addresses when it does.
async fn addresses(process: &mut Process) -> Result<(SocketAddr, SocketAddr)> {
    let found = process
        .wait_for_line("the line that says where the broker listens", START, |line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
            Some((address("pubsub")?, address("admin")?))
        })
        .await;
    found.with_context(|| format!("the broker's log ends with\n{}", process.log_end()))
}
