//! Where the programs under test come from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

/// Several tests of one process look at once; one of them builds.
static BUILDING: Mutex<()> = Mutex::new(());

/// The repository's root.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The path of `program`, one of the workspace's binaries, which package `package` makes. In this order:
///
/// 1. the one that the environment names (`POSTROAD_BROKER_BIN` for `postroad-broker`, `POSTROAD_BIN` for `postroad`);
/// 2. the one beside this test in the target folder, when no source file is newer than it;
/// 3. one that is built now.
///
/// # Errors
/// The build failed.
pub fn binary(package: &str, program: &str) -> Result<PathBuf> {
    let variable = format!("{}_BIN", program.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(&variable) {
        return Ok(path.into());
    }
    let folder = profile_folder()?;
    let path = folder.join(program);
    let _guard = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !is_current(&path)? {
        build(package, &folder)?;
    }
    Ok(path)
}

/// `target/debug`, say: this test's binary is in its `deps`.
fn profile_folder() -> Result<PathBuf> {
    let test = std::env::current_exe().context("the path of this test")?;
    let folder = test.parent().and_then(Path::parent);
    Ok(folder.context("this test is not in a target folder")?.to_owned())
}

fn is_current(binary: &Path) -> Result<bool> {
    let Ok(built) = binary.metadata().and_then(|metadata| metadata.modified()) else {
        return Ok(false);
    };
    for root in ["broker", "cli", "crds"] {
        if newest_source(&repository().join(root))? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the newest source file of the crates below `folder` was changed; tests do not go into binaries.
fn newest_source(folder: &Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).with_context(|| format!("sources in {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "tests" {
                newest = newest.max(newest_source(&entry.path())?);
            }
        } else if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "proto")
        {
            newest = newest.max(entry.metadata()?.modified()?);
        }
    }
    Ok(newest)
}

fn build(package: &str, folder: &Path) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(repository())
        .args(["build", "--quiet", "--locked", "--package", package]);
    cargo.arg("--target-dir").arg(
        folder
            .parent()
            .context("a profile's folder is in a target folder")?,
    );
    if folder.file_name().is_some_and(|profile| profile == "release") {
        cargo.arg("--release");
    }
    let status = cargo.status().context("cargo, to build what is tested")?;
    ensure!(status.success(), "{cargo:?} failed: {status}");
    Ok(())
}
