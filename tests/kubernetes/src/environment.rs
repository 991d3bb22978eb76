//! What the tests are told by environment variables.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The surroundings of a run.
#[derive(Clone, Debug)]
pub struct Environment {
    /// POSTROAD_IMAGE: the image under test, `repository:tag`, present on every node.
    pub image: Image,
    /// POSTROAD_PYTHON: an interpreter with tests/clients/python/requirements.txt installed. Default: `python3`.
    pub python: PathBuf,
    /// POSTROAD_IN_NETWORK=1: this process is inside the cluster's network and uses its DNS, and the pods' processes are
    /// processes of this machine. Otherwise services are reached through `kubectl port-forward`.
    pub in_network: bool,
    /// POSTROAD_KEEP=1: leave everything as it is after a scenario, to look at it.
    pub keep: bool,
}

/// An image's name in its two parts, as the chart takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Everything before the tag.
    pub repository: String,
    /// What follows the last colon.
    pub tag: String,
}

impl Environment {
    /// Reads the variables; an error names the one that is missing or malformed.
    pub fn read() -> Result<Self> {
        if std::env::var_os("KUBECONFIG").is_none() {
            bail!(
                "set KUBECONFIG: these tests install the chart into the cluster that it names, and delete it again"
            );
        }
        let image = std::env::var("POSTROAD_IMAGE")
            .context("set POSTROAD_IMAGE to the image under test, such as localhost/postroad:test")?;
        Ok(Self {
            image: Image::parse(&image)?,
            python: std::env::var_os("POSTROAD_PYTHON").map_or_else(|| "python3".into(), PathBuf::from),
            in_network: flag("POSTROAD_IN_NETWORK")?,
            keep: flag("POSTROAD_KEEP")?,
        })
    }
}

impl Image {
    /// Splits `repository:tag`; a port in the repository is no tag.
    pub fn parse(text: &str) -> Result<Self> {
        match text.rsplit_once(':') {
            Some((repository, tag)) if !repository.is_empty() && !tag.is_empty() && !tag.contains('/') => {
                Ok(Self {
                    repository: repository.to_owned(),
                    tag: tag.to_owned(),
                })
            }
            _ => bail!("POSTROAD_IMAGE: expected repository:tag, found {text:?}"),
        }
    }
}

fn flag(name: &str) -> Result<bool> {
    match std::env::var(name).as_deref() {
        Err(_) | Ok("" | "0") => Ok(false),
        Ok("1") => Ok(true),
        Ok(other) => bail!("{name}: expected 0 or 1, found {other:?}"),
    }
}

/// A file or folder of the repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn an_image_is_split_at_its_tag() {
        let image = Image::parse("registry.example:5000/team/postroad:0.1.0").unwrap();
        assert_eq!(
            image,
            Image {
                repository: "registry.example:5000/team/postroad".into(),
                tag: "0.1.0".into()
            }
        );
        for without_tag in ["postroad", "registry.example:5000/postroad", ":x", "postroad:"] {
            assert!(Image::parse(without_tag).is_err(), "{without_tag}");
        }
    }
}
