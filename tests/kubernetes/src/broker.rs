//! The broker's pod and its process.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::installation::Installation;
use crate::kubectl::{Kubectl, condition};
use crate::{process, wait};

/// Selects the broker's pods.
const SELECTOR: &str = "app.kubernetes.io/name=postroad,app.kubernetes.io/component=broker";

/// One life of the broker's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The pod's name.
    pub pod: String,
    /// The pod's UID: another one means another pod of the same name.
    pub uid: String,
    /// How often its container was started again.
    pub restarts: i64,
}

impl Life {
    /// The broker's present life: its pod, once it is ready.
    pub fn ready(system: &Kubectl) -> Result<Self> {
        Self::after(system, |_| true)
    }

    /// Waits for a life after this one, ready.
    pub fn next(&self, system: &Kubectl) -> Result<Self> {
        Self::after(system, |life| {
            life.uid != self.uid || life.restarts > self.restarts
        })
    }

    fn after(system: &Kubectl, right: impl Fn(&Self) -> bool) -> Result<Self> {
        wait::until("a ready broker", Duration::from_secs(180), || {
            let pods = system.list("pods", SELECTOR)?;
            Ok(pods
                .iter()
                .filter(|pod| condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True"))
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
                .filter_map(Self::of)
                .find(|life| right(life))
                .ok_or_else(|| pods.iter().map(|pod| pod["status"].to_string()).collect()))
        })
    }

    fn of(pod: &Value) -> Option<Self> {
        Some(Self {
            pod: pod["metadata"]["name"].as_str()?.to_owned(),
            uid: pod["metadata"]["uid"].as_str()?.to_owned(),
            restarts: pod["status"]["containerStatuses"][0]["restartCount"].as_i64()?,
        })
    }

    /// Deletes the pod as `kubectl drain` would: it gets SIGTERM and its grace period.
    pub fn delete(&self, system: &Kubectl) -> Result<()> {
        system
            .run(&["delete", "pod", &self.pod, "--wait=false"])
            .map(drop)
    }

    /// Kills the broker's process with SIGKILL. Where the pods' processes cannot be seen from here, it says so and deletes
    /// the pod by force instead.
    pub fn kill(&self, installation: &Installation) -> Result<()> {
        if !installation.environment.in_network {
            println!(
                "skipped: SIGKILL of the broker's process (it is not on this machine); deleting its pod by force"
            );
            return installation
                .system
                .run(&["delete", "pod", &self.pod, "--grace-period=0", "--force"])
                .map(drop);
        }
        let pid = self
            .process()?
            .context("there is no process postroad-broker of this pod on this machine")?;
        process::run(Command::new("kill").args(["-9", &pid.to_string()])).map(drop)
    }

    /// The broker's process on this machine: called postroad-broker, in a control group that names the pod's UID.
    fn process(&self) -> Result<Option<u32>> {
        for entry in std::fs::read_dir("/proc").context("cannot list /proc")? {
            let path = entry.context("cannot list /proc")?.path();
            let Some(pid) = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // A process that ended meanwhile has no such files any more.
            let read =
                |file: &str| std::fs::read_to_string(PathBuf::from(&path).join(file)).unwrap_or_default();
            let groups = read("cgroup");
            let ours = groups.contains(&self.uid) || groups.contains(&self.uid.replace('-', "_"));
            if ours && read("comm").trim_end() == "postroad-broker" {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }
}
