//! What the API server asks of every object, whatever its definition says.

use serde_json::{Value, json};

/// Labels of DNS (RFC 1123), as namespaces are named.
pub(super) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Names of DNS (RFC 1123), as objects are named.
pub(super) const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Fields of an object's metadata that the API server fills in; they may be there, and say nothing.
const FILLED_IN: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "uid",
];

/// Adds the fields of every object to the schema of a definition.
pub(super) fn complete(schema: &mut Value) {
    let strings = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut metadata = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 253, "pattern": DNS_NAME },
            "namespace": { "type": "string", "minLength": 1, "maxLength": 63, "pattern": DNS_LABEL },
            "labels": strings,
            "annotations": strings,
        },
    });
    for field in FILLED_IN {
        metadata["properties"][field] = json!({ "nullable": true });
    }
    schema["properties"]["apiVersion"] = json!({ "type": "string" });
    schema["properties"]["kind"] = json!({ "type": "string" });
    schema["properties"]["metadata"] = metadata;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    schema["required"] = required.into_iter().chain([json!("metadata")]).collect();
}
