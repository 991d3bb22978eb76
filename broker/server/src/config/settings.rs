//! What somebody said about the configuration, in one place.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ByteSize;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line an event.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What was said in one place (flags and environment, or the file, or by a caller of this library); none = not said.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
pub struct Settings {
    /// The folder of everything the broker keeps; one broker uses it at a time [default: /var/lib/postroad]
    #[arg(long, env = "POSTROAD_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Shards of a cluster that this broker bootstraps, the catalog included; 2 to 256; fixed from then on [default: 16]
    #[arg(long, env = "POSTROAD_SHARDS", value_name = "NUMBER")]
    pub shards: Option<u32>,
    /// Where Google Pub/Sub (gRPC) is served; port 0 takes a free one [default: 0.0.0.0:8085]
    #[arg(long, env = "POSTROAD_PUBSUB_LISTEN", value_name = "ADDRESS:PORT")]
    pub pubsub_listen: Option<String>,
    /// Where the admin API, /metrics, /livez and /readyz are served [default: 0.0.0.0:8080]
    #[arg(long, env = "POSTROAD_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<String>,
    /// The file that holds the admin API's token; read anew for each request [required unless --admin-insecure]
    #[arg(long, env = "POSTROAD_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// No token for the admin API, which must listen on a loopback address [default: false]
    #[arg(long, env = "POSTROAD_ADMIN_INSECURE", value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub admin_insecure: Option<bool>,
    /// What is logged: error, warn, info, debug or trace, or one for each target: info,postroad_node=debug [default: info]
    #[arg(long, env = "POSTROAD_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How it is logged [default: text]
    #[arg(long, env = "POSTROAD_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Connections of all messaging protocols together; 1 to 1000000 [default: 10000]
    #[arg(long, env = "POSTROAD_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub max_connections: Option<usize>,
    /// Messages received and not durable yet; beyond it publishers are refused; 16Mi to 16Gi [default: 64Mi]
    #[arg(long, env = "POSTROAD_MAX_INFLIGHT_PUBLISH_BYTES", value_name = "SIZE")]
    pub max_inflight_publish_bytes: Option<ByteSize>,
    /// Size of a journal file; 1Mi to 1Gi [default: 16Mi]
    #[arg(long, env = "POSTROAD_JOURNAL_FILE_BYTES", value_name = "SIZE")]
    pub journal_file_bytes: Option<ByteSize>,
    /// A checkpoint is taken when this much is in the journal and in memory only; 4Mi to 4Gi [default: 64Mi]
    #[arg(long, env = "POSTROAD_CHECKPOINT_JOURNAL_BYTES", value_name = "SIZE")]
    pub checkpoint_journal_bytes: Option<ByteSize>,
    /// How long a stop may take; 1 to 3600 [default: 25]
    #[arg(long, env = "POSTROAD_SHUTDOWN_GRACE_SECONDS", value_name = "SECONDS")]
    pub shutdown_grace_seconds: Option<u64>,
}

impl Settings {
    /// These settings, and where they say nothing, those of `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(lower.data_dir),
            shards: self.shards.or(lower.shards),
            pubsub_listen: self.pubsub_listen.or(lower.pubsub_listen),
            admin_listen: self.admin_listen.or(lower.admin_listen),
            admin_token_file: self.admin_token_file.or(lower.admin_token_file),
            admin_insecure: self.admin_insecure.or(lower.admin_insecure),
            log_level: self.log_level.or(lower.log_level),
            log_format: self.log_format.or(lower.log_format),
            max_connections: self.max_connections.or(lower.max_connections),
            max_inflight_publish_bytes: self
                .max_inflight_publish_bytes
                .or(lower.max_inflight_publish_bytes),
            journal_file_bytes: self.journal_file_bytes.or(lower.journal_file_bytes),
            checkpoint_journal_bytes: self.checkpoint_journal_bytes.or(lower.checkpoint_journal_bytes),
            shutdown_grace_seconds: self.shutdown_grace_seconds.or(lower.shutdown_grace_seconds),
        }
    }
}
