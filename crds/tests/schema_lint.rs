//! Rules for the schemas themselves: what the API server would refuse, and what a user would miss.

use kube::core::cel;
use postroad_crds::manifest::definitions;
use serde_json::Value;

/// Kubernetes' own types, which it bounds itself.
const FOREIGN: [&str; 6] = [
    "spec.affinity",
    "spec.imagePullSecrets",
    "spec.resources",
    "spec.tolerations",
    "spec.topologySpreadConstraints",
    "status.conditions",
];

fn schemas() -> Vec<(String, Value)> {
    definitions()
        .iter()
        .map(|definition| {
            let schema = definition.spec.versions[0]
                .schema
                .as_ref()
                .unwrap()
                .open_api_v3_schema
                .as_ref()
                .unwrap();
            (
                definition.spec.names.kind.clone(),
                serde_json::to_value(schema).unwrap(),
            )
        })
        .collect()
}

/// Calls `visit` with the path and schema of every field.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        walk(&path, field, visit);
    }
    for nested in ["items", "additionalProperties"] {
        if schema[nested].is_object() {
            walk(&format!("{path}[]"), &schema[nested], visit);
        }
    }
}

fn is_foreign(path: &str) -> bool {
    FOREIGN.iter().any(|foreign| {
        path.strip_prefix(foreign)
            .is_some_and(|rest| rest.starts_with('[') || rest.starts_with('.'))
    })
}

#[test]
fn every_field_is_described() {
    for (kind, schema) in schemas() {
        walk("", &schema, &mut |path, field| {
            let described = field["description"]
                .as_str()
                .is_some_and(|text| !text.trim().is_empty());
            assert!(
                described || path.ends_with("[]"),
                "{kind} {path} has no description"
            );
        });
    }
}

/// Unsigned formats are refused by the API server, and numbers without a bound make room for nonsense.
#[test]
fn every_number_of_a_spec_is_signed_and_bounded() {
    for (kind, schema) in schemas() {
        walk("", &schema, &mut |path, field| {
            let format = field["format"].as_str().unwrap_or_default();
            assert!(
                !format.starts_with("uint"),
                "{kind} {path} has the format {format}"
            );
            if field["type"] == "integer" && path.starts_with("spec") && !is_foreign(path) {
                assert!(field["minimum"].is_number(), "{kind} {path} has no minimum");
            }
        });
    }
}

/// The API server estimates a CEL rule's cost from the bounds; without them it refuses the definition.
#[test]
fn every_list_map_and_string_of_a_spec_is_bounded() {
    for (kind, schema) in schemas() {
        walk("", &schema, &mut |path, field| {
            if !path.starts_with("spec") || is_foreign(path) {
                return;
            }
            match field["type"].as_str() {
                Some("array") => assert!(field["maxItems"].is_number(), "{kind} {path} has no maxItems"),
                Some("object") if field["additionalProperties"].is_object() => {
                    assert!(
                        field["maxProperties"].is_number(),
                        "{kind} {path} has no maxProperties"
                    );
                }
                Some("string") => {
                    let bounded = field["maxLength"].is_number() || field["enum"].is_array();
                    assert!(bounded, "{kind} {path} has no maxLength");
                }
                _ => {}
            }
        });
    }
}

#[test]
fn every_pattern_can_be_read_and_is_anchored() {
    for (kind, schema) in schemas() {
        walk("", &schema, &mut |path, field| {
            if let Some(pattern) = field["pattern"].as_str() {
                assert!(
                    regex_lite::Regex::new(pattern).is_ok(),
                    "{kind} {path}: {pattern}"
                );
                assert!(
                    pattern.starts_with('^') && pattern.ends_with('$'),
                    "{kind} {path}: {pattern}"
                );
            }
        });
    }
}

#[test]
fn conditions_are_a_map_by_type() {
    for (kind, schema) in schemas() {
        let conditions = &schema["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map", "{kind}");
        assert_eq!(
            conditions["x-kubernetes-list-map-keys"],
            serde_json::json!(["type"]),
            "{kind}"
        );
    }
}

#[test]
fn every_rule_compiles_and_says_what_is_wrong() {
    for (kind, schema) in schemas() {
        let mut rules = 0;
        walk("", &schema, &mut |path, field| {
            for rule in field["x-kubernetes-validations"].as_array().into_iter().flatten() {
                rules += 1;
                assert!(
                    rule["message"].as_str().is_some_and(|text| !text.is_empty()),
                    "{kind} {path}: {rule}"
                );
            }
            let compiled = cel::compile_schema(field);
            assert!(
                !compiled.has_errors(),
                "{kind} {path}: {:?}",
                compiled.compilation_errors()
            );
        });
        assert!(rules > 0, "{kind} has no rule");
    }
}
