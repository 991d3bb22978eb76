//! `postroad-broker`: one broker as a process. Flags, environment and file in; signals and exit codes out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use postroad_broker::config::{Config, ConfigError, File, Settings};
use postroad_broker::signals::StopSignals;
use postroad_broker::{Broker, logging, open_files};

/// The configuration is wrong, as clap has it for a wrong flag.
const EXIT_CONFIG: u8 = 2;
/// Ended by a second signal, as shells have it for SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// A Postroad broker.
///
/// A flag wins over its environment variable, that over the file of --config, that over the default.
/// SIGTERM stops it in order; a second signal at once.
#[derive(Debug, Parser)]
#[command(name = "postroad-broker", version)]
struct Cli {
    /// A YAML file with the settings below [default: none]
    #[arg(long, env = "POSTROAD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the configuration that all of it comes to, as such a file, and exits
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let print = cli.print_config;
    let config = match configuration(cli) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if print { print_config(&config) } else { run(config) }
}

fn configuration(cli: Cli) -> Result<Config, ConfigError> {
    let file = cli
        .config
        .as_deref()
        .map(File::read)
        .transpose()?
        .unwrap_or_default();
    cli.settings.or(file.into()).validate()
}

fn print_config(config: &Config) -> ExitCode {
    match File::of(config).to_yaml() {
        Ok(yaml) => {
            println!("{}", yaml.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until a signal or a failure; the log says which.
fn run(config: Config) -> ExitCode {
    if let Err(error) = logging::init(&config) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    open_files::raise_limit();
    match run_to_end(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the broker ends with a failure");
            ExitCode::FAILURE
        }
    }
}

fn run_to_end(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config));
    // What still runs (a blocking read, say) has had its grace period.
    runtime.shutdown_background();
    result
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen()?;
    let broker = tokio::select! {
        broker = Broker::start(config) => broker?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "stopping"),
        stopped = broker.wait() => {
            // The failure is the reason; a stop that has no storage to write to adds nothing to it.
            let _ = broker.shutdown().await;
            return Err(stopped.into());
        }
    }
    tokio::select! {
        stopped = broker.shutdown() => Ok(stopped?),
        signal = signals.next() => {
            tracing::warn!(signal, "ended by a second signal; the next start recovers from the journal");
            std::process::exit(EXIT_INTERRUPTED);
        }
    }
}
