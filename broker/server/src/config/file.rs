//! The configuration file: the settings, grouped.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::settings::{LogFormat, Settings};
use super::{AdminAccess, ByteSize, Config, ConfigError};

/// The file as YAML has it. Every key may be left out; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<u32>,
    pubsub: Pubsub,
    admin: Admin,
    log: Log,
    limits: Limits,
    journal: Journal,
    checkpoint: Checkpoint,
    shutdown: Shutdown,
}

macro_rules! section {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        struct $name {
            $(#[serde(skip_serializing_if = "Option::is_none")] $field: Option<$type>,)+
        }
    };
}

section!(Pubsub { listen: String });
section!(Admin {
    listen: String,
    token_file: PathBuf,
    insecure: bool
});
section!(Log {
    level: String,
    format: LogFormat
});
section!(Limits {
    connections: usize,
    inflight_publish_bytes: ByteSize
});
section!(Journal { file_bytes: ByteSize });
section!(Checkpoint {
    journal_bytes: ByteSize
});
section!(Shutdown { grace_seconds: u64 });

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or [`ConfigError::BadFile`] with line, column, and the keys that are allowed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|problem| ConfigError::BadFile {
            path: path.to_owned(),
            problem,
        })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A file of comments only says nothing, and that is allowed.
        let file: Option<Self> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        Ok(file.unwrap_or_default())
    }

    /// The file that says what `config` holds.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let (token_file, insecure) = match &config.admin_access {
            AdminAccess::TokenFile(path) => (Some(path.clone()), None),
            AdminAccess::Loopback => (None, Some(true)),
        };
        Self {
            data_dir: Some(config.data_dir.clone()),
            shards: Some(config.shards),
            pubsub: Pubsub {
                listen: Some(config.pubsub_listen.to_string()),
            },
            admin: Admin {
                listen: Some(config.admin_listen.to_string()),
                token_file,
                insecure,
            },
            log: Log {
                level: Some(config.log_level.to_string()),
                format: Some(config.log_format),
            },
            limits: Limits {
                connections: Some(config.max_connections),
                inflight_publish_bytes: Some(ByteSize(config.max_inflight_publish_bytes as u64)),
            },
            journal: Journal {
                file_bytes: Some(ByteSize(config.journal_file_bytes)),
            },
            checkpoint: Checkpoint {
                journal_bytes: Some(ByteSize(config.checkpoint_journal_bytes as u64)),
            },
            shutdown: Shutdown {
                grace_seconds: Some(config.shutdown_grace.as_secs()),
            },
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// A path that is not UTF-8 can't be written.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(self).map_err(|error| error.to_string())
    }
}

impl From<File> for Settings {
    fn from(file: File) -> Self {
        Self {
            data_dir: file.data_dir,
            shards: file.shards,
            pubsub_listen: file.pubsub.listen,
            admin_listen: file.admin.listen,
            admin_token_file: file.admin.token_file,
            admin_insecure: file.admin.insecure,
            log_level: file.log.level,
            log_format: file.log.format,
            max_connections: file.limits.connections,
            max_inflight_publish_bytes: file.limits.inflight_publish_bytes,
            journal_file_bytes: file.journal.file_bytes,
            checkpoint_journal_bytes: file.checkpoint.journal_bytes,
            shutdown_grace_seconds: file.shutdown.grace_seconds,
        }
    }
}
