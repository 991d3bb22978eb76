//! What `postroad dev` is asked for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use postroad_broker::Settings;

/// Shards of a broker that serves one developer.
const SHARDS: u32 = 4;

/// Runs one broker in this process, with the resources of the same YAML that Kubernetes takes.
///
/// The files' Topics, Queues and Subscriptions are made before the broker says that it is ready, and brought up to date
/// whenever a file changes. What is taken out of a file is not deleted: it stays with its messages, and any client may
/// change or delete it. The data survives a restart; --fresh starts over.
///
/// Connect with any Google Pub/Sub client: export PUBSUB_EMULATOR_HOST=localhost:8085
#[derive(Clone, Debug, Args)]
pub struct DevArgs {
    /// YAML files, or folders of them (*.yaml, *.yml); may be given more than once [default: none]
    #[arg(short = 'f', long = "file", value_name = "FILE", num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Where the data is kept [default: postroad/dev in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, env = "POSTROAD_DEV_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Deletes the data of earlier runs first; refuses a folder that is not Postroad's
    #[arg(long)]
    pub fresh: bool,
    /// The address on which messaging clients are served; 0.0.0.0 lets other machines in. The admin API stays on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub listen: IpAddr,
    /// The port of Google Pub/Sub; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8085)]
    pub pubsub_port: u16,
    /// The port of the admin API, metrics and probes; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub admin_port: u16,
    /// How events are told: as text for people, or as one JSON object a line for programs
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// What the broker logs to standard error: error, warn, info, debug or trace
    #[arg(
        long,
        env = "POSTROAD_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "warn"
    )]
    pub log_level: String,
}

/// How events are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl DevArgs {
    /// The broker's settings, with its data in `folder`.
    #[must_use]
    pub fn settings(&self, folder: &Path) -> Settings {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, self.admin_port));
        Settings {
            data_dir: Some(folder.to_owned()),
            shards: Some(SHARDS),
            pubsub_listen: Some(SocketAddr::from((self.listen, self.pubsub_port)).to_string()),
            admin_listen: Some(admin.to_string()),
            admin_insecure: Some(true),
            log_level: Some(self.log_level.clone()),
            ..Settings::default()
        }
    }
}
