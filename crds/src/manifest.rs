//! The CRD manifests, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;

use crate::{PostroadCluster, Queue, Subscription, Topic};

const HEADER: &str =
    "# Generated from the types in crds/src by `cargo run -p postroad-crds --bin crdgen`: do not edit.\n";

/// The definition of every kind. Use these, not the derived ones: a kind that needs no field needs no `spec` here.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        PostroadCluster::crd(),
        Topic::crd(),
        Subscription::crd(),
        Queue::crd(),
    ];
    definitions.iter_mut().for_each(default_spec);
    definitions
}

/// An absent spec means an empty one, unless the spec has a field without a default.
fn default_spec(definition: &mut CustomResourceDefinition) {
    let schemas = definition
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut());
    for root in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        let spec = root
            .properties
            .as_mut()
            .and_then(|properties| properties.get_mut("spec"));
        let Some(spec) = spec.filter(|spec| spec.required.is_none()) else {
            continue;
        };
        spec.default = Some(JSON(serde_json::json!({})));
        root.required = None;
    }
}

/// One manifest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its file name: `topics.yaml`.
    pub file_name: String,
    /// Its text.
    pub yaml: String,
}

/// The manifest of every kind.
///
/// # Errors
/// When a definition can't be written as YAML: a defect of the types.
pub fn manifests() -> Result<Vec<Manifest>, serde_yaml::Error> {
    definitions().iter().map(manifest).collect()
}

fn manifest(definition: &CustomResourceDefinition) -> Result<Manifest, serde_yaml::Error> {
    let yaml = format!("{HEADER}{}", serde_yaml::to_string(definition)?);
    Ok(Manifest {
        file_name: format!("{}.yaml", definition.spec.names.plural),
        yaml,
    })
}
