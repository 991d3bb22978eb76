//! What the program is told: flags, and environment variables for each.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::context::ClusterDefaults;
use crate::lease::Timing;
use crate::operator::Settings;
use crate::watch::Namespaces;
use crate::watch::source::WATCH_BACKOFF;

/// The Kubernetes operator of Postroad.
#[derive(Debug, Parser)]
#[command(name = "postroad-operator", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile until SIGTERM
    Run(Run),
    /// Print the CRD manifests
    Crds,
    /// Apply the CRDs and wait until the API server serves them
    ApplyCrds(ApplyCrds),
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The operator's own namespace; it holds the lease
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,
    /// The name of this replica, which no other replica has
    #[arg(long, env = "POD_NAME")]
    pub identity: String,
    /// The namespaces to look at, separated by commas [default: all]
    #[arg(long, env = "POSTROAD_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Where /metrics, /livez and /readyz are served
    #[arg(long, env = "POSTROAD_METRICS_ADDR", default_value = "0.0.0.0:8081")]
    pub metrics_addr: SocketAddr,
    /// The image of clusters that name none
    #[arg(long, env = "POSTROAD_BROKER_IMAGE")]
    pub broker_image: String,
    /// The pull policy of clusters that name none
    #[arg(
        long,
        env = "POSTROAD_BROKER_IMAGE_PULL_POLICY",
        default_value = "IfNotPresent"
    )]
    pub broker_image_pull_policy: PullPolicy,
    /// Whether to take a lease before reconciling; without, there must be one replica only
    #[arg(long, env = "POSTROAD_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    pub leader_elect: bool,
    /// What is logged and how
    #[command(flatten)]
    pub log: Log,
}

/// `apply-crds`.
#[derive(Debug, Args)]
pub struct ApplyCrds {
    /// How many seconds the API server may take
    #[arg(long, env = "POSTROAD_TIMEOUT", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// What is logged and how
    #[command(flatten)]
    pub log: Log,
}

/// What is logged and how.
#[derive(Debug, Args)]
pub struct Log {
    /// How it is logged
    #[arg(long, env = "POSTROAD_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What is logged: a level, or filter directives such as warn,postroad_operator=debug
    #[arg(long, env = "POSTROAD_LOG", default_value = "info")]
    pub log: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PullPolicy {
    /// Each time a pod starts.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

impl PullPolicy {
    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl Run {
    /// The settings of the operator.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            namespace: self.namespace.clone(),
            identity: self.identity.clone(),
            watched: Namespaces::from_list(self.watch_namespaces.iter().map(|name| name.trim().to_owned())),
            defaults: ClusterDefaults {
                image: self.broker_image.clone(),
                image_pull_policy: self.broker_image_pull_policy.as_str().to_owned(),
            },
            lease: self.leader_elect.then(Timing::default),
            watch_backoff: WATCH_BACKOFF,
            cluster_pace: Settings::CLUSTER_PACE,
            messaging_pace: Settings::MESSAGING_PACE,
        }
    }
}

impl ApplyCrds {
    /// How long the API server may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
