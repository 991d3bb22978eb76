//! `helm`, for one release.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::environment::repository;
use crate::process;

/// How long Helm may wait for what it installs.
const TIMEOUT: &str = "180s";

/// A release of charts/postroad in a namespace, installed or not.
#[derive(Clone, Debug)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl Release {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("helm");
        command.args(arguments).args(["--namespace", &self.namespace]);
        command
    }

    /// Installs the chart and waits until its objects are ready.
    pub fn install(&self, values: &Value) -> Result<String> {
        self.with_values(
            &[
                "install",
                &self.name,
                "--create-namespace",
                "--wait",
                "--timeout",
                TIMEOUT,
            ],
            values,
        )
    }

    /// Upgrades the release to these values and waits until its objects are ready.
    pub fn upgrade(&self, values: &Value) -> Result<String> {
        self.with_values(&["upgrade", &self.name, "--wait", "--timeout", TIMEOUT], values)
    }

    fn with_values(&self, arguments: &[&str], values: &Value) -> Result<String> {
        let chart = repository("charts/postroad");
        let chart = chart.to_str().context("the repository's path is no text")?;
        let mut command = self.command(arguments);
        command.args([chart, "--values=-"]);
        process::run_with_input(&mut command, &values.to_string())
    }

    /// Uninstalls the release, if there is one, and waits until what it deletes is gone.
    pub fn uninstall(&self) -> Result<String> {
        process::run(&mut self.command(&[
            "uninstall",
            &self.name,
            "--ignore-not-found",
            "--wait",
            "--timeout",
            TIMEOUT,
        ]))
    }
}
