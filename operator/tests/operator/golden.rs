//! What a cluster is built of, against checked-in YAML. `UPDATE_GOLDEN=1 cargo test -p postroad-operator golden` writes it.

use std::path::Path;

use postroad_crds::PostroadCluster;
use postroad_operator::cluster::build::build;
use postroad_operator::cluster::difference::{differs, stamp};
use postroad_operator::cluster::reason;
use postroad_operator::cluster::validate::validate;
use postroad_operator::context::ClusterDefaults;
use serde::Serialize;
use serde_json::{Value, json};

fn cluster(spec: Value) -> PostroadCluster {
    serde_json::from_value(json!({
        "apiVersion": "postroad.dev/v1alpha1", "kind": "PostroadCluster",
        "metadata": {"name": "main", "namespace": "shop", "uid": "uid-1", "generation": 1}, "spec": spec,
    }))
    .unwrap()
}

fn defaults() -> ClusterDefaults {
    ClusterDefaults {
        image: "postroad:1".to_owned(),
        image_pull_policy: "IfNotPresent".to_owned(),
    }
}

fn full() -> PostroadCluster {
    cluster(json!({
        "image": "example/postroad:2", "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "pull"}],
        "shards": 8, "storage": {"size": "100Gi", "storageClassName": "fast"},
        "logging": {"level": "debug", "format": "text"},
        "service": {"type": "LoadBalancer", "annotations": {"cloud/internal": "true"}},
        "resources": {"limits": {"memory": "1Gi"}}, "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}],
        "podLabels": {"team": "shop", "postroad.dev/cluster": "ours-wins"}, "podAnnotations": {"note": "x"},
        "priorityClassName": "high", "terminationGracePeriodSeconds": 120,
    }))
}

fn text(documents: &[(&str, Value)]) -> String {
    documents
        .iter()
        .map(|(title, value)| format!("# {title}\n{}\n", serde_json::to_string_pretty(value).unwrap()))
        .collect()
}

fn compare(name: &str, cluster: &PostroadCluster) {
    let built = build(cluster, &defaults()).unwrap();
    let json = |object: &dyn erased::Json| object.json();
    let actual = text(&[
        ("ServiceAccount", json(&built.account)),
        ("ConfigMap", json(&built.config)),
        ("headless Service", json(&built.headless)),
        ("Service", json(&built.service)),
        ("PodDisruptionBudget", json(&built.budget)),
        ("StatefulSet", json(&built.stateful_set)),
    ]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/operator/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{} differs; look at it, then UPDATE_GOLDEN=1:\n{actual}",
        path.display()
    );
}

/// Serialization without knowing the type.
mod erased {
    use super::{Serialize, Value};

    pub trait Json {
        fn json(&self) -> Value;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

#[test]
fn a_cluster_of_defaults_is_built_as_checked_in() {
    compare("defaults.json.txt", &cluster(json!({})));
}

#[test]
fn a_cluster_with_every_field_is_built_as_checked_in() {
    compare("full.json.txt", &full());
}

/// `restricted`, by the Pod Security Standards.
#[test]
fn pods_satisfy_the_restricted_pod_security_standard() {
    let built = build(&full(), &defaults()).unwrap();
    let pod = serde_json::to_value(&built.stateful_set).unwrap()["spec"]["template"]["spec"].clone();
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(
        container["securityContext"]["capabilities"],
        json!({"drop": ["ALL"]})
    );
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[host].is_null(), "{host}");
    }
    assert_eq!(pod["automountServiceAccountToken"], false);
}

#[test]
fn applying_the_same_twice_is_no_difference() {
    let built = build(&full(), &defaults()).unwrap();
    let mut first = serde_json::to_value(&built.stateful_set).unwrap();
    stamp(&mut first);
    let again = build(&full(), &defaults()).unwrap();
    let mut second = serde_json::to_value(&again.stateful_set).unwrap();
    stamp(&mut second);
    assert!(!differs(&second, &first));
}

#[test]
fn what_this_version_does_not_do_is_refused_by_name() {
    let built = build(&cluster(json!({})), &defaults()).unwrap().stateful_set;
    assert_eq!(validate(&cluster(json!({})), Some(&built)), Ok(()));
    assert_eq!(
        validate(&cluster(json!({"storage": {"size": "10240Mi"}})), Some(&built)),
        Ok(()),
        "the same size"
    );
    for (spec, field) in [
        (json!({"replicas": 2}), "spec.replicas"),
        (json!({"storage": {"size": "11Gi"}}), "spec.storage.size"),
        (json!({"defaultNamespace": "bank"}), "spec.defaultNamespace"),
    ] {
        let refusal = validate(&cluster(spec), Some(&built)).unwrap_err();
        assert_eq!(refusal.reason, reason::UNSUPPORTED);
        assert!(refusal.message.contains(field), "{}", refusal.message);
    }
}
