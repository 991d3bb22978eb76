//! `kubectl`, in one namespace.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{process, wait};

/// kubectl with a namespace. Cheap to make.
#[derive(Clone, Debug)]
pub struct Kubectl {
    namespace: String,
}

impl Kubectl {
    /// kubectl that works in `namespace` unless a call says otherwise.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
        }
    }

    /// The namespace it works in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The command `kubectl --namespace … ARGUMENTS`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(["--namespace", &self.namespace]).args(arguments);
        command
    }

    /// Runs it; its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        process::run(&mut self.command(arguments))
    }

    /// Applies YAML or JSON documents.
    pub fn apply(&self, documents: &str) -> Result<String> {
        process::run_with_input(&mut self.command(&["apply", "--filename=-"]), documents)
    }

    /// Applies documents that must be refused; the refusal.
    pub fn apply_refused(&self, documents: &str) -> Result<String> {
        process::run_with_input_refused(&mut self.command(&["apply", "--filename=-"]), documents)
    }

    /// An object, such as `topic/orders`.
    pub fn get(&self, object: &str) -> Result<Value> {
        let json = self.run(&["get", object, "--output=json"])?;
        serde_json::from_str(&json)
            .with_context(|| format!("kubectl get {object} printed something else than JSON"))
    }

    /// An object, or None when there is none of that name.
    pub fn find(&self, object: &str) -> Result<Option<Value>> {
        let json = self.run(&["get", object, "--output=json", "--ignore-not-found"])?;
        if json.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&json)
            .map(Some)
            .with_context(|| format!("kubectl get {object} printed something else than JSON"))
    }

    /// The objects of a kind that a label selector selects.
    pub fn list(&self, kind: &str, selector: &str) -> Result<Vec<Value>> {
        let json = self.run(&["get", kind, "--selector", selector, "--output=json"])?;
        let list: Value =
            serde_json::from_str(&json).context("kubectl get printed something else than JSON")?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Deletes objects and waits until they are gone.
    pub fn delete(&self, object: &str) -> Result<()> {
        self.run(&["delete", object, "--ignore-not-found", "--wait", "--timeout=120s"])
            .map(drop)
    }

    /// Waits until the condition `kind` of an object has the status and, when one is given, the reason, for the
    /// object's present generation; the condition.
    pub fn condition(&self, object: &str, kind: &str, status: &str, reason: Option<&str>) -> Result<Value> {
        let what = format!(
            "{kind}={status} {} of {object} in {}",
            reason.unwrap_or_default(),
            self.namespace
        );
        wait::until(&what, Duration::from_secs(120), || {
            let Some(found) = self.find(object)? else {
                return Ok(Err("no such object".to_owned()));
            };
            let generation = &found["metadata"]["generation"];
            Ok(condition(&found, kind)
                .filter(|condition| condition["status"] == status)
                .filter(|condition| reason.is_none_or(|reason| condition["reason"] == reason))
                .filter(|condition| &condition["observedGeneration"] == generation)
                .cloned()
                .ok_or_else(|| format!("generation {generation}, status {}", found["status"])))
        })
    }

    /// Waits until an event about an object has this reason; its message.
    pub fn event(&self, kind: &str, name: &str, reason: &str) -> Result<String> {
        let what = format!("an event {reason} about {kind} {name} in {}", self.namespace);
        let about = format!("involvedObject.kind={kind},involvedObject.name={name}");
        wait::until(&what, Duration::from_secs(30), || {
            let json = self.run(&["get", "events", "--field-selector", &about, "--output=json"])?;
            let list: Value =
                serde_json::from_str(&json).context("kubectl get printed something else than JSON")?;
            let events = list["items"].as_array().cloned().unwrap_or_default();
            Ok(events
                .iter()
                .find(|event| event["reason"] == reason)
                .map(|event| event["message"].as_str().unwrap_or_default().to_owned())
                .ok_or_else(|| {
                    events
                        .iter()
                        .map(|event| event["reason"].to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
                }))
        })
    }
}

/// The condition of this type in an object's status.
#[must_use]
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}
