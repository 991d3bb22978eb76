//! A real Prometheus that scrapes the installation.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, free_port};
use crate::installation::Installation;
use crate::process::{self, Background};
use crate::wait;

/// A running Prometheus, stopped when dropped.
#[derive(Debug)]
pub struct Prometheus {
    server: Background,
    url: String,
    _targets: Vec<Endpoint>,
}

impl Prometheus {
    /// Starts `prometheus`, which scrapes each (job, service, port) of the release's namespace every second, with the
    /// chart's alerts as its rules, and itself. The error says so when it is not installed.
    pub fn start(installation: &Installation, targets: &[(&str, &str, u16)]) -> Result<Self> {
        if Command::new("prometheus").arg("--version").output().is_err() {
            bail!("prometheus is not on the PATH (on Debian and Ubuntu: apt-get install prometheus)");
        }
        let files = installation.files.path();
        let mut endpoints = Vec::new();
        let mut jobs = Vec::new();
        for (job, service, port) in targets {
            let endpoint = Endpoint::open(installation, service, *port)?;
            jobs.push(json!({"job_name": job, "static_configs": [{"targets": [endpoint.address()]}]}));
            endpoints.push(endpoint);
        }
        let address = format!("127.0.0.1:{}", free_port()?);
        // Itself too: that says how its rules fare.
        jobs.push(json!({"job_name": "prometheus", "static_configs": [{"targets": [address]}]}));
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [crate::environment::repository("charts/postroad/files/alerts.yaml")],
            "scrape_configs": jobs,
        });
        let path = files.join("prometheus.yml");
        std::fs::write(&path, config.to_string()).context("cannot write Prometheus' configuration")?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                files.join("prometheus").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let server = Background::start(&mut command, &files.join("prometheus.log"))?;
        Ok(Self {
            server,
            url: format!("http://{address}"),
            _targets: endpoints,
        })
    }

    /// Waits until a query has a result that `right` accepts; the result's values.
    pub fn until(&mut self, query: &str, right: impl Fn(&[f64]) -> bool) -> Result<Vec<f64>> {
        wait::until(
            &format!("Prometheus to answer {query}"),
            Duration::from_secs(60),
            || {
                self.server.still_runs()?;
                Ok(match self.query(query) {
                    Ok(values) if right(&values) => Ok(values),
                    Ok(values) => Err(format!("{values:?}")),
                    // It answers only once it has started.
                    Err(error) => Err(format!("{error:#}")),
                })
            },
        )
    }

    fn query(&self, query: &str) -> Result<Vec<f64>> {
        let mut command = Command::new("promtool");
        command.args(["query", "--format=json", "instant", &self.url, query]);
        let series: Value =
            serde_json::from_str(&process::run(&mut command)?).context("promtool printed no JSON")?;
        let series = series
            .as_array()
            .context("promtool printed something else than a list")?;
        series
            .iter()
            .map(|one| {
                let value = one["value"][1].as_str().context("a series without a value")?;
                value
                    .parse()
                    .with_context(|| format!("a value that is no number: {value}"))
            })
            .collect()
    }
}
