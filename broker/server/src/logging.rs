//! Where and how the process logs: standard error, quiet by default.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Config, LogFormat};

/// Libraries that tell their whole story at `info`. They are heard from `warn` on unless `log.level` names them.
const TALKATIVE: [&str; 1] = ["openraft"];

/// Starts logging, for the whole process.
///
/// # Errors
/// When something else in this process has set up logging before.
pub fn init(config: &Config) -> Result<(), TryInitError> {
    let filter = quieted(config.log_level.clone());
    let stderr = std::io::stderr();
    let output = match config.log_format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text if is_journal(&stderr) => tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => {
            let colours = stderr.is_terminal();
            tracing_subscriber::fmt::layer()
                .with_ansi(colours)
                .with_writer(std::io::stderr)
                .boxed()
        }
    };
    tracing_subscriber::registry()
        .with(output.with_filter(filter))
        .try_init()
}

/// `targets`, with the talkative libraries at `warn` unless `targets` says something about them.
fn quieted(targets: Targets) -> Targets {
    let general = targets.default_level().unwrap_or(LevelFilter::OFF);
    TALKATIVE.into_iter().fold(targets, |targets, library| {
        let named = targets.iter().any(|(target, _)| library.starts_with(target));
        if named {
            targets
        } else {
            targets.with_target(library, general.min(LevelFilter::WARN))
        }
    })
}

/// Whether systemd's journal reads this stream: `JOURNAL_STREAM` holds its device and inode (systemd.exec(5)).
fn is_journal(stream: &impl AsFd) -> bool {
    let Ok(expected) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let metadata = stream
        .as_fd()
        .try_clone_to_owned()
        .and_then(|fd| std::fs::File::from(fd).metadata());
    metadata.is_ok_and(|actual| format!("{}:{}", actual.dev(), actual.ino()) == expected)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_are_quiet_unless_asked_for() {
        for (said, info_is_logged) in [
            ("info", false),
            ("debug", false),
            ("info,openraft=debug", true),
            ("openraft=info", true),
            ("error", false),
        ] {
            let targets = quieted(said.parse().unwrap());
            assert_eq!(
                targets.would_enable("openraft::engine", &Level::INFO),
                info_is_logged,
                "{said}"
            );
        }
        assert!(quieted("debug".parse().unwrap()).would_enable("postroad_node", &Level::DEBUG));
        assert!(!quieted("error".parse().unwrap()).would_enable("openraft", &Level::WARN));
    }
}
