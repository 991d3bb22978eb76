//! `postroad`: the command line tool of Postroad.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use postroad_cli::dev::{self, DevArgs};

/// Postroad, a messaging service for Kubernetes and for your machine.
#[derive(Debug, Parser)]
#[command(name = "postroad", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(DevArgs),
    /// Prints the completions of a shell: `source <(postroad completion bash)`
    Completion {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Dev(args) => dev::run(&args),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "postroad", &mut io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
