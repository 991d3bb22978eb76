//! A release of the chart for one scenario.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::environment::Environment;
use crate::helm::Release;
use crate::kubectl::Kubectl;
use crate::process::run_with_input;

/// Marks the namespaces that these tests made, which a later run may delete.
const LABEL: &str = "postroad.dev/test";
/// Every kind, in the order in which a user would delete them.
const KINDS: [&str; 4] = [
    "subscriptions.postroad.dev",
    "queues.postroad.dev",
    "topics.postroad.dev",
    "postroadclusters.postroad.dev",
];
/// The name of the release and of the cluster in it.
pub const NAME: &str = "postroad";

/// The chart, installed with a cluster, and a namespace for the resources of the scenario.
#[derive(Debug)]
pub struct Installation {
    /// What the tests were told.
    pub environment: Environment,
    /// The release.
    pub release: Release,
    /// kubectl in the release's namespace.
    pub system: Kubectl,
    /// kubectl in the namespace of the scenario's topics; its name is the project of Pub/Sub clients.
    pub apps: Kubectl,
    /// A folder for the scenario's files.
    pub files: TempDir,
}

/// Installs the chart, tells `story`, and removes everything again. A failure prints what the cluster looks like.
///
/// `apps` is the namespace for the scenario's topics.
///
/// # Panics
/// When the story fails, with its error.
pub fn scenario(apps: &str, story: impl FnOnce(&Installation) -> Result<()>) {
    let started = Instant::now();
    let result = Installation::new(apps).and_then(|installation| {
        let result = installation.prepare().and_then(|()| told(&installation, story));
        if let Err(error) = &result {
            println!("FAILED: {error:#}\n{}", installation.diagnosis());
        }
        if installation.environment.keep {
            println!(
                "kept, because of POSTROAD_KEEP: namespaces {} and {apps}",
                installation.system.namespace()
            );
            return result;
        }
        let removed = installation.remove();
        result.and(removed)
    });
    println!("{apps}: {:.1} s", started.elapsed().as_secs_f64());
    if let Err(error) = result {
        panic!("{error:#}");
    }
}

/// Tells the story; an assertion that failed becomes an error, so that the cluster's state is printed for it too.
fn told(installation: &Installation, story: impl FnOnce(&Installation) -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| story(installation))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref().copied());
        Err(anyhow!("assertion failed: {}", text.unwrap_or("(no text)")))
    })
}

impl Installation {
    fn new(apps: &str) -> Result<Self> {
        let namespace = "postroad-system";
        Ok(Self {
            environment: Environment::read()?,
            release: Release {
                name: NAME.to_owned(),
                namespace: namespace.to_owned(),
            },
            system: Kubectl::new(namespace),
            apps: Kubectl::new(apps),
            files: tempfile::tempdir().context("cannot make a temporary folder")?,
        })
    }

    fn prepare(&self) -> Result<()> {
        self.remove().context("cannot remove what an earlier run left")?;
        for kubectl in [&self.system, &self.apps] {
            create_namespace(kubectl.namespace())?;
        }
        println!("{}", self.release.install(&self.values())?);
        self.ready()
    }

    /// The values that the scenarios install with: the image under test and a small volume.
    #[must_use]
    pub fn values(&self) -> Value {
        let image = &self.environment.image;
        json!({
            "image": {"repository": image.repository, "tag": image.tag, "pullPolicy": "IfNotPresent"},
            "operator": {"log": "info,postroad_operator=debug"},
            "cluster": {"spec": {"storage": {"size": "1Gi"}}},
        })
    }

    /// Waits until the cluster is ready.
    pub fn ready(&self) -> Result<()> {
        self.system
            .condition("postroadcluster/postroad", "Ready", "True", None)
            .map(drop)
    }

    /// Removes the release, the scenario's resources and every namespace that these tests made.
    fn remove(&self) -> Result<()> {
        let any = Kubectl::new("default");
        let listed = any.run(&["get", "namespaces", "--selector", LABEL, "--output=name"])?;
        let namespaces: Vec<&str> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("namespace/"))
            .collect();
        let types = any.run(&["get", "customresourcedefinitions", "--output=name"])?;
        for kind in KINDS
            .into_iter()
            .filter(|kind| types.lines().any(|line| line.ends_with(&format!("/{kind}"))))
        {
            for namespace in &namespaces {
                delete_all(&Kubectl::new(namespace), kind)?;
            }
        }
        self.release.uninstall()?;
        for namespace in namespaces {
            any.delete(&format!("namespace/{namespace}"))?;
        }
        Ok(())
    }

    /// What one would look at after a failure.
    fn diagnosis(&self) -> String {
        let mut looks: Vec<(&Kubectl, Vec<&str>)> = Vec::new();
        for kubectl in [&self.system, &self.apps] {
            looks.push((kubectl, vec!["get", "postroad,all,pvc", "--output=wide"]));
            looks.push((kubectl, vec!["get", "postroad", "--output=yaml"]));
            looks.push((kubectl, vec!["get", "events", "--sort-by=.lastTimestamp"]));
        }
        looks.push((&self.system, vec!["describe", "pods"]));
        let of_ours = "--selector=app.kubernetes.io/name=postroad";
        looks.push((
            &self.system,
            vec!["logs", of_ours, "--prefix", "--all-containers", "--tail=200"],
        ));
        looks.push((
            &self.system,
            vec![
                "logs",
                of_ours,
                "--prefix",
                "--all-containers",
                "--tail=100",
                "--previous",
            ],
        ));
        looks
            .into_iter()
            .map(|(kubectl, arguments)| {
                let seen = kubectl
                    .run(&arguments)
                    .unwrap_or_else(|error| format!("{error:#}"));
                format!(
                    "---- {}: kubectl {}\n{seen}\n",
                    kubectl.namespace(),
                    arguments.join(" ")
                )
            })
            .collect()
    }
}

/// Makes a namespace that enforces the strictest Pod Security level, marked as ours. Fails when there is one already.
pub fn create_namespace(name: &str) -> Result<()> {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {LABEL: "true", "pod-security.kubernetes.io/enforce": "restricted"}},
    });
    let mut command = Kubectl::new(name).command(&["create", "--filename=-"]);
    run_with_input(&mut command, &namespace.to_string()).map(drop)
}

/// Deletes every object of a kind. Without an operator nobody removes the finalizers: then they are removed here.
fn delete_all(kubectl: &Kubectl, kind: &str) -> Result<()> {
    let Err(error) = kubectl.run(&["delete", kind, "--all", "--wait", "--timeout=30s"]) else {
        return Ok(());
    };
    println!(
        "removing the finalizers of {kind} in {}: {error:#}",
        kubectl.namespace()
    );
    for object in kubectl.run(&["get", kind, "--output=name"])?.lines() {
        kubectl.run(&[
            "patch",
            object,
            "--type=merge",
            "--patch",
            r#"{"metadata":{"finalizers":null}}"#,
        ])?;
    }
    Ok(())
}
