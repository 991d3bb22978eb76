//! Programs: run to their end, or in the background until dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait;

/// Runs a command to its end and returns its standard output; an error carries what it wrote.
pub fn run(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!("{}: {}\n{}", shown(command), output.status, both(&output));
    }
    Ok(text(&output.stdout))
}

/// Runs a command that must fail, and returns what it wrote to standard error.
pub fn run_refused(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        bail!(
            "{} succeeded, but should have been refused:\n{}",
            shown(command),
            both(&output)
        );
    }
    Ok(text(&output.stderr))
}

/// Runs a command with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    let output = output_with_input(command, input)?;
    if !output.status.success() {
        bail!(
            "{}: {}\n{}\ninput:\n{input}",
            shown(command),
            output.status,
            both(&output)
        );
    }
    Ok(text(&output.stdout))
}

/// Runs a command that must fail, with `input` on its standard input; what it wrote to standard error.
pub fn run_with_input_refused(command: &mut Command, input: &str) -> Result<String> {
    let output = output_with_input(command, input)?;
    if output.status.success() {
        bail!(
            "{} succeeded, but should have been refused; input:\n{input}",
            shown(command)
        );
    }
    Ok(text(&output.stderr))
}

fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))
}

fn output_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let mut stdin = child.stdin.take().context("the command has no standard input")?;
    stdin
        .write_all(input.as_bytes())
        .with_context(|| format!("cannot write to {}", shown(command)))?;
    drop(stdin);
    child
        .wait_with_output()
        .with_context(|| format!("cannot wait for {}", shown(command)))
}

fn both(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A program in the background, killed when dropped. What it writes goes to a file.
#[derive(Debug)]
pub struct Background {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Background {
    /// Starts a command; standard output and standard error both go to `output`.
    pub fn start(command: &mut Command, output: &Path) -> Result<Self> {
        let name = shown(command);
        let file = File::create(output).with_context(|| format!("cannot create {}", output.display()))?;
        let errors = file.try_clone().context("cannot share the output file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        Ok(Self {
            name,
            child,
            output: output.to_owned(),
        })
    }

    /// What it has written so far.
    #[must_use]
    pub fn written(&self) -> String {
        std::fs::read(&self.output)
            .map(|bytes| text(&bytes))
            .unwrap_or_else(|error| format!("(unreadable: {error})"))
    }

    /// Its exit status, when it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Fails, with what it wrote, when it has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} ended early: {status}\n{}", self.name, self.written()),
        }
    }

    /// Waits for its success, at most `limit`; what it wrote.
    pub fn finish(mut self, limit: Duration) -> Result<String> {
        let name = self.name.clone();
        let status = wait::until(&format!("the end of {name}"), limit, || match self.ended()? {
            Some(status) => Ok(Ok(status)),
            None => Ok(Err(self.written())),
        })?;
        if !status.success() {
            bail!("{name}: {status}\n{}", self.written());
        }
        Ok(self.written())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
