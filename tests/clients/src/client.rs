//! Programs that use the official Python client, run against one broker.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use postroad_harness::{Process, python};

/// An interpreter with the official client, and the address of a broker.
#[derive(Clone, Debug)]
pub struct Client {
    python: PathBuf,
    pubsub: String,
}

impl Client {
    /// A client of the broker at `pubsub` (HOST:PORT); none, and a note on the terminal, on a machine without Python.
    ///
    /// # Errors
    /// The client's packages could not be installed.
    pub fn of(pubsub: String) -> Result<Option<Self>> {
        Ok(python::interpreter()?.map(|python| Self { python, pubsub }))
    }

    /// Runs one of the test programs to its end; what it wrote to standard output.
    ///
    /// # Errors
    /// The program failed: with everything it wrote.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        self.run_at(&python::programs().join(program), arguments).await
    }

    /// Runs a program from elsewhere to its end.
    ///
    /// # Errors
    /// The program failed: with everything it wrote.
    pub async fn run_at(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let (client, program) = (self.clone(), program.to_owned());
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            python::run(&client.python, &program, &arguments, &client.pubsub)
        });
        running.await.context("the thread that waits for the program")?
    }

    /// Starts a program that goes on until it is killed; its output goes to a file in `folder`.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start(&self, program: &Path, arguments: &[&str], folder: &Path) -> Result<Process> {
        let name = program
            .file_stem()
            .context("a program has a name")?
            .to_string_lossy()
            .into_owned();
        let mut command = python::command(&self.python, program, &self.pubsub);
        command.args(arguments);
        Process::spawn(&name, &mut command, &folder.join(format!("{name}.log")))
    }
}
