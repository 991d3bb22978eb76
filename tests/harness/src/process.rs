//! One running program, its log in a file.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait::eventually;

/// Lines of the log that a failed test shows.
const SHOWN_LINES: usize = 80;

/// A running program. Dropping it kills it; when a test fails, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; standard output and error are appended to the file `log`.
    ///
    /// # Errors
    /// The program or the file can't be opened.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = append_to(log)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command.spawn().with_context(|| format!("{name}: {command:?}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            status: None,
        })
    }

    /// The file with the program's output.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; none while it runs.
    ///
    /// # Errors
    /// The operating system's.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// Kills it as `kill -9` does, and waits until it is gone. Nothing happens when it ended before.
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.status = Some(self.child.wait()?);
        }
        Ok(())
    }

    /// Asks it to stop as `kill` does (SIGTERM).
    ///
    /// # Errors
    /// The operating system's.
    pub fn ask_to_stop(&mut self) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).context("a process id")?;
        // SAFETY: kill(2) takes two numbers; the child has not been waited for, so the id is still its own.
        let failed = unsafe { libc::kill(pid, libc::SIGTERM) } != 0;
        if failed {
            return Err(std::io::Error::last_os_error()).context(format!("SIGTERM to {}", self.name));
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        eventually(&what, limit, async || self.ended()).await
    }

    /// Waits until a line of the log gives a value.
    ///
    /// # Errors
    /// The program ended, or no such line came within `limit`.
    pub async fn wait_for_line<T>(
        &mut self,
        what: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let log = self.log.clone();
        eventually(what, limit, async || {
            let ended = self.ended()?;
            let text = std::fs::read_to_string(&log)?;
            let found = text.lines().find_map(&find);
            match ended {
                Some(status) if found.is_none() => {
                    anyhow::bail!("{} ended ({status}) before: {what}", self.name)
                }
                _ => Ok(found),
            }
        })
        .await
    }

    /// The end of the log, for a person.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_else(|error| format!("no log: {error}"));
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{} could not be killed: {error:#}", self.name);
        }
        if std::thread::panicking() {
            eprintln!(
                "--- the log of {} ends with ---\n{}\n---",
                self.name,
                self.log_end()
            );
        }
    }
}

fn append_to(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("log file {}", path.display()))
}
