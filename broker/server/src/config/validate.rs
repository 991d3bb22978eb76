//! The rules: settings in, a configuration or everything that is wrong out.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{AdminAccess, ByteSize, Config, ConfigError, Settings};

const DATA_DIR: &str = "/var/lib/postroad";
const SHARDS: u32 = 16;
const SHARDS_ALLOWED: RangeInclusive<u32> = 2..=256;
const PUBSUB_LISTEN: &str = "0.0.0.0:8085";
const ADMIN_LISTEN: &str = "0.0.0.0:8080";
const LOG_LEVEL: &str = "info";
const CONNECTIONS: usize = 10_000;
const CONNECTIONS_ALLOWED: RangeInclusive<usize> = 1..=1_000_000;
/// The smallest holds the largest publish (`limits::MAX_PUBLISH_BYTES`), or a publisher could never get through.
const INFLIGHT_ALLOWED: RangeInclusive<ByteSize> = ByteSize(16 << 20)..=ByteSize(16 << 30);
const INFLIGHT: ByteSize = ByteSize(64 << 20);
const JOURNAL_FILE_ALLOWED: RangeInclusive<ByteSize> = ByteSize(1 << 20)..=ByteSize(1 << 30);
const JOURNAL_FILE: ByteSize = ByteSize(16 << 20);
/// This much is in memory too, so the largest is a matter of the pod's memory.
const CHECKPOINT_ALLOWED: RangeInclusive<ByteSize> = ByteSize(4 << 20)..=ByteSize(4 << 30);
const CHECKPOINT: ByteSize = ByteSize(64 << 20);
const GRACE_SECONDS: u64 = 25;
const GRACE_SECONDS_ALLOWED: RangeInclusive<u64> = 1..=3_600;

impl Settings {
    /// Checks the settings and fills in the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with everything that is wrong.
    pub fn validate(self) -> Result<Config, ConfigError> {
        let mut problems = Problems::default();
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR));
        if data_dir.as_os_str().is_empty() {
            problems.add("dataDir", "it is empty; name a folder");
        }
        let shards = problems.within("shards", self.shards, SHARDS, &SHARDS_ALLOWED);
        let pubsub_listen = problems.address("pubsub.listen", self.pubsub_listen, PUBSUB_LISTEN);
        let admin_listen = problems.address("admin.listen", self.admin_listen, ADMIN_LISTEN);
        if pubsub_listen == admin_listen && pubsub_listen.port() != 0 {
            problems.add(
                "admin.listen",
                format_args!("{admin_listen} is pubsub.listen already; each needs its own"),
            );
        }
        let admin_access = problems.access(self.admin_token_file, self.admin_insecure, admin_listen);
        let log_level = problems.level(self.log_level);
        let max_connections = problems.within(
            "limits.connections",
            self.max_connections,
            CONNECTIONS,
            &CONNECTIONS_ALLOWED,
        );
        let inflight = problems.within(
            "limits.inflightPublishBytes",
            self.max_inflight_publish_bytes,
            INFLIGHT,
            &INFLIGHT_ALLOWED,
        );
        let journal_file = problems.within(
            "journal.fileBytes",
            self.journal_file_bytes,
            JOURNAL_FILE,
            &JOURNAL_FILE_ALLOWED,
        );
        let checkpoint = problems.within(
            "checkpoint.journalBytes",
            self.checkpoint_journal_bytes,
            CHECKPOINT,
            &CHECKPOINT_ALLOWED,
        );
        let grace = problems.within(
            "shutdown.graceSeconds",
            self.shutdown_grace_seconds,
            GRACE_SECONDS,
            &GRACE_SECONDS_ALLOWED,
        );
        problems.finish(Config {
            data_dir,
            shards,
            pubsub_listen,
            admin_listen,
            admin_access,
            log_level,
            log_format: self.log_format.unwrap_or_default(),
            max_connections,
            max_inflight_publish_bytes: usize::try_from(inflight.0).unwrap_or(usize::MAX),
            journal_file_bytes: journal_file.0,
            checkpoint_journal_bytes: usize::try_from(checkpoint.0).unwrap_or(usize::MAX),
            shutdown_grace: Duration::from_secs(grace),
        })
    }
}

/// Collects what is wrong, so that all of it can be said at once. Each check returns a value to go on with.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, key: &str, problem: impl Display) {
        self.0.push(format!("{key}: {problem}"));
    }

    fn finish(self, config: Config) -> Result<Config, ConfigError> {
        if self.0.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Invalid { problems: self.0 })
        }
    }

    fn within<T>(&mut self, key: &str, said: Option<T>, default: T, allowed: &RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + Display,
    {
        let value = said.unwrap_or(default);
        if !allowed.contains(&value) {
            let (low, high) = (allowed.start(), allowed.end());
            self.add(
                key,
                format_args!("{value} is out of range; {low} to {high} are allowed"),
            );
        }
        value
    }

    fn address(&mut self, key: &str, said: Option<String>, default: &str) -> SocketAddr {
        let text = said.as_deref().unwrap_or(default);
        text.parse().unwrap_or_else(|_| {
            self.add(
                key,
                format_args!("{text:?} is not an IP address with a port, like {default} or [::]:8080"),
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    fn access(
        &mut self,
        token_file: Option<PathBuf>,
        insecure: Option<bool>,
        listen: SocketAddr,
    ) -> AdminAccess {
        match (token_file, insecure.unwrap_or(false)) {
            (Some(path), false) => return AdminAccess::TokenFile(path),
            (Some(_), true) => self.add(
                "admin.insecure",
                "admin.tokenFile is there too; remove one of them",
            ),
            (None, true) if listen.ip().is_loopback() => {}
            (None, true) => self.add(
                "admin.insecure",
                format_args!(
                    "admin.listen {listen} can be reached from outside; use 127.0.0.1 or set admin.tokenFile"
                ),
            ),
            (None, false) => self.add(
                "admin.tokenFile",
                "it is needed: name the file that holds the admin API's token \
                 (for development: admin.insecure: true with a loopback admin.listen)",
            ),
        }
        AdminAccess::Loopback
    }

    fn level(&mut self, said: Option<String>) -> Targets {
        let text = said.as_deref().unwrap_or(LOG_LEVEL);
        // `Targets` takes a lone word that is no level for a target's name, and would then log only that.
        let lone_target = !text.contains(['=', ',']) && text.parse::<LevelFilter>().is_err();
        match text.parse::<Targets>() {
            Ok(targets) if !lone_target => targets,
            _ => {
                let allowed = "error, warn, info, debug and trace are allowed, or one for each target: info,postroad_node=debug";
                self.add("log.level", format_args!("{text:?} is not a level; {allowed}"));
                Targets::new()
            }
        }
    }
}
