//! Programs that use the official Python client.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::binary::repository;

/// `setup.sh`'s exit status when the machine has no usable Python.
const NO_PYTHON: i32 = 3;

/// The folder of the test programs.
#[must_use]
pub fn programs() -> PathBuf {
    repository().join("tests/clients/python")
}

/// An interpreter that has the packages of `tests/clients/python/requirements.txt`: the one that `POSTROAD_PYTHON` names, or
/// that of a virtual environment below the target folder, which is made when it is not there. None when this machine has no
/// usable Python 3: the terminal then says that the test was skipped. With `POSTROAD_REQUIRE_PYTHON=1`, as in CI, that is an
/// error.
///
/// # Errors
/// The packages could not be installed.
pub fn interpreter() -> Result<Option<PathBuf>> {
    static FOUND: OnceLock<Result<Found, String>> = OnceLock::new();
    match FOUND.get_or_init(|| find().map_err(|error| format!("{error:#}"))) {
        Ok(Found::Interpreter(path)) => Ok(Some(path.clone())),
        Ok(Found::Nothing { why }) => {
            skipped(why);
            Ok(None)
        }
        Err(error) => bail!("{error}"),
    }
}

enum Found {
    Interpreter(PathBuf),
    Nothing { why: String },
}

fn find() -> Result<Found> {
    if let Some(path) = std::env::var_os("POSTROAD_PYTHON") {
        return Ok(Found::Interpreter(path.into()));
    }
    let test = std::env::current_exe()?;
    let target = test
        .ancestors()
        .nth(3)
        .context("this test is not in a target folder")?;
    // Other test processes may want it at the same moment.
    let lock = File::create(target.join("python.lock"))?;
    lock.lock()?;
    let setup = programs().join("setup.sh");
    let output = Command::new(&setup).arg(target.join("python")).output();
    let output = output.with_context(|| setup.display().to_string())?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(Found::Interpreter(
            String::from_utf8(output.stdout)?.trim().into(),
        )),
        Some(NO_PYTHON) if std::env::var_os("POSTROAD_REQUIRE_PYTHON").is_none() => Ok(Found::Nothing {
            why: complaint.trim().to_owned(),
        }),
        _ => bail!("{} failed ({}): {complaint}", setup.display(), output.status),
    }
}

/// Says so on the terminal; the test runner has no word for it.
fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln!`: its output is captured and only shown when a test fails.
    let written = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    written.expect("standard error can be written to");
}

/// Runs a program to its end, with the broker's address in the environment; what it wrote to standard output.
///
/// # Errors
/// The program failed: with everything it wrote.
pub fn run(python: &Path, program: &Path, arguments: &[&str], pubsub: &str) -> Result<String> {
    let output = command(python, program, pubsub)
        .args(arguments)
        .output()
        .context("the Python interpreter")?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} {arguments:?} failed ({})\n{stdout}{stderr}",
        program.display(),
        output.status
    );
    Ok(stdout)
}

/// A command that runs a program with the broker's address in the environment.
#[must_use]
pub fn command(python: &Path, program: &Path, pubsub: &str) -> Command {
    let mut command = Command::new(python);
    command
        .arg(program)
        .env("PUBSUB_EMULATOR_HOST", pubsub)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .env("PYTHONUNBUFFERED", "1")
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .env_remove("GOOGLE_CLOUD_PROJECT");
    command
}
