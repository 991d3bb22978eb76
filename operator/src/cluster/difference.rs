//! Whether an object in Kubernetes is as it was built. Pure.
//!
//! What the API server and others add is no difference. What was built earlier and is not any more is one: the hash of what
//! was applied last, kept in an annotation, tells.

use serde_json::Value;

use super::quantity;
use crate::names::{APPLIED_HASH, stable_hash};

/// The fields of what clusters are built of that hold quantities.
const QUANTITIES: [&str; 3] = ["limits", "requests", "sizeLimit"];

/// Writes the hash of `desired` into its annotations.
pub fn stamp(desired: &mut Value) {
    let hash = stable_hash(desired.to_string().as_bytes());
    desired["metadata"]["annotations"][APPLIED_HASH] = Value::String(hash);
}

/// Whether `live` must be applied again to become as `desired`, which is stamped.
#[must_use]
pub fn differs(desired: &Value, live: &Value) -> bool {
    !contains(live, desired)
}

/// Whether everything in `part` is in `whole`. Of a list, each item of `part` must be in some item of `whole`: the API
/// server fills in defaults, and others may add items.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => true,
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, part)| match whole.get(key) {
            Some(whole) if QUANTITIES.contains(&key.as_str()) => contains_quantities(whole, part),
            Some(whole) => contains(whole, part),
            None => is_empty(part),
        }),
        (Value::Array(whole), Value::Array(part)) => part
            .iter()
            .all(|part| whole.iter().any(|whole| contains(whole, part))),
        (whole, part) => whole == part,
    }
}

/// The same for quantities, which have many forms: one, or an object of them by name.
fn contains_quantities(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::String(whole), Value::String(part)) => whole == part || quantity::is_same(whole, part),
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, part)| match whole.get(key) {
            Some(whole) => contains_quantities(whole, part),
            None => is_empty(part),
        }),
        (whole, part) => contains(whole, part),
    }
}

/// What the API server leaves out when it gives an object back.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        value => value.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stamped(mut value: Value) -> Value {
        stamp(&mut value);
        value
    }

    #[test]
    fn defaults_and_additions_of_others_are_no_difference() {
        let desired = stamped(json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}]}}));
        let mut live = desired.clone();
        live["metadata"]["uid"] = json!("u");
        live["metadata"]["annotations"]["somebody"] = json!("else");
        live["spec"]["ports"][0]["protocol"] = json!("TCP");
        live["spec"]["type"] = json!("ClusterIP");
        live["status"] = json!({});
        assert!(!differs(&desired, &live));
    }

    /// The operator applied the StatefulSet at each look: the API server writes quantities in a form of its own.
    #[test]
    fn another_form_of_the_same_quantity_is_no_difference() {
        let limits = |cpu: &str, memory: &str| {
            let resources = json!({"limits": {"cpu": cpu, "memory": memory}, "requests": {"cpu": cpu}});
            json!({"spec": {"containers": [{"name": "1000m", "resources": resources}]}})
        };
        let desired = stamped(limits("1000m", "1024Mi"));
        let mut live = desired.clone();
        live["spec"]["containers"][0]["resources"] =
            limits("1", "1Gi")["spec"]["containers"][0]["resources"].clone();
        assert!(!differs(&desired, &live));
        live["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("1m");
        assert!(differs(&desired, &live));
        let mut live = desired.clone();
        live["spec"]["containers"][0]["name"] = json!("1");
        assert!(differs(&desired, &live), "only quantities have several forms");
    }

    #[test]
    fn a_change_by_somebody_else_is_a_difference() {
        let desired = stamped(json!({"spec": {"ports": [{"port": 1}], "replicas": 1}}));
        for path in ["/spec/ports/0/port", "/spec/replicas"] {
            let mut live = desired.clone();
            *live.pointer_mut(path).unwrap() = json!(2);
            assert!(differs(&desired, &live), "{path}");
        }
    }

    /// Removing a field from YAML did nothing in other operators: what was applied before still contained the new wish.
    #[test]
    fn a_field_that_is_not_wanted_any_more_is_a_difference() {
        let before = stamped(json!({"spec": {"nodeSelector": {"disk": "fast"}, "replicas": 1}}));
        let after = stamped(json!({"spec": {"replicas": 1}}));
        assert!(differs(&after, &before));
        assert!(!differs(&before, &before));
    }
}
