//! Configuration: [`Settings`] (what somebody said, in flags, environment or a file) become one [`Config`] (what holds).
//! docs/configuration.md lists every key; a test compares it with this code.

mod byte_size;
mod file;
mod settings;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::Targets;

pub use byte_size::ByteSize;
pub use file::File;
pub use settings::{LogFormat, Settings};

/// The configuration of a broker. One that exists is valid: only [`Settings::validate`] makes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The folder of everything the broker keeps.
    pub data_dir: PathBuf,
    /// Shards of a cluster that this broker bootstraps, the catalog included.
    pub shards: u32,
    /// Where Google Pub/Sub is served.
    pub pubsub_listen: SocketAddr,
    /// Where the admin API, the metrics and the probes are served.
    pub admin_listen: SocketAddr,
    /// Who may use the admin API.
    pub admin_access: AdminAccess,
    /// What is logged.
    pub log_level: Targets,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Connections of all messaging protocols together.
    pub max_connections: usize,
    /// Bytes of messages that are received and not durable yet.
    pub max_inflight_publish_bytes: usize,
    /// Bytes of a journal file.
    pub journal_file_bytes: u64,
    /// A checkpoint is taken when this many bytes of messages are in the journal and in memory only.
    pub checkpoint_journal_bytes: usize,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
}

/// Who may use the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAccess {
    /// Who knows the token in this file.
    TokenFile(PathBuf),
    /// Everybody on this machine: the listener is on a loopback address.
    Loopback,
}

/// Why there is no configuration. The text names everything that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not YAML, or has a wrong key or value.
    #[error("configuration file {}: {problem}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Line, column, and what is wrong.
        problem: String,
    },
    /// A value, or a combination of values, is not allowed.
    #[error("the configuration is not valid:\n  {}", problems.join("\n  "))]
    Invalid {
        /// One sentence a problem, each beginning with the key.
        problems: Vec<String>,
    },
}
