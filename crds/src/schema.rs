//! Schemas of maps, whose bounds a derive cannot write.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Labels of a Postroad resource: at most 64, key and value at most 63 characters (Pub/Sub's rule).
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    bounded_map(64, 63)
}

/// Attributes of a push endpoint.
pub(crate) fn push_attributes(_: &mut SchemaGenerator) -> Schema {
    bounded_map(16, 256)
}

/// Labels and annotations that are handed to Kubernetes objects, which checks them itself.
pub(crate) fn object_metadata(_: &mut SchemaGenerator) -> Schema {
    bounded_map(64, 4096)
}

/// Labels of nodes.
pub(crate) fn node_selector(_: &mut SchemaGenerator) -> Schema {
    bounded_map(32, 63)
}

fn bounded_map(entries: u32, value_length: u32) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": entries,
        "additionalProperties": { "type": "string", "maxLength": value_length },
    })
}
