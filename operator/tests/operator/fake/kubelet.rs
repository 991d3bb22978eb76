//! What Kubernetes makes of a StatefulSet: claims and pods, their revision, their readiness.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api::FakeApi;
use super::broker::FakeBroker;
use super::store::{Key, Store};

/// Runs until it is dropped. `brokers` are by namespace and cluster.
pub async fn run(api: FakeApi, brokers: BTreeMap<(String, String), FakeBroker>) {
    let mut changed = api.0.changed.subscribe();
    loop {
        changed.borrow_and_update();
        let ready: BTreeMap<_, _> = brokers
            .iter()
            .map(|(key, broker)| (key.clone(), broker.is_ready()))
            .collect();
        api.change(|store| {
            collect_garbage(store);
            tend(store, &ready);
        });
        // Brokers become ready without telling.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(20), changed.changed()).await;
    }
}

/// What was made for an owner that was gone already.
fn collect_garbage(store: &mut Store) {
    let uids: BTreeSet<String> = store
        .objects
        .values()
        .filter_map(|object| object["metadata"]["uid"].as_str().map(str::to_owned))
        .collect();
    let orphaned = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"]
            .as_array()
            .filter(|owners| !owners.is_empty());
        owners.is_some_and(|owners| {
            owners
                .iter()
                .all(|owner| !uids.contains(owner["uid"].as_str().unwrap_or_default()))
        })
    };
    let orphans: Vec<Key> = store
        .objects
        .iter()
        .filter(|(_, object)| orphaned(object))
        .map(|(key, _)| key.clone())
        .collect();
    for orphan in orphans {
        if store.objects.contains_key(&orphan) {
            store.delete(&orphan);
        }
    }
}

fn tend(store: &mut Store, ready: &BTreeMap<(String, String), bool>) {
    let sets: Vec<(Key, Value)> = store
        .objects
        .iter()
        .filter(|(key, _)| key.0 == "statefulsets.apps")
        .map(|(key, object)| (key.clone(), object.clone()))
        .collect();
    for (key, set) in sets {
        tend_one(
            store,
            &key,
            &set,
            ready
                .get(&(key.1.clone(), key.2.clone()))
                .copied()
                .unwrap_or(false),
        );
    }
}

fn tend_one(store: &mut Store, key: &Key, set: &Value, ready: bool) {
    let (namespace, name) = (&key.1, &key.2);
    let revision = format!("{name}-{:x}", hash(&set["spec"]["template"].to_string()));
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name,
                        "uid": set["metadata"]["uid"], "controller": true}]);
    let claim: Key = (
        "persistentvolumeclaims".to_owned(),
        namespace.clone(),
        format!("data-{name}-0"),
    );
    let template = &set["spec"]["volumeClaimTemplates"][0];
    if !store.objects.contains_key(&claim) {
        let object =
            json!({"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]});
        store.create(&claim, object).expect("new");
    }
    let goes = set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete";
    let mut object = store.objects[&claim].clone();
    object["metadata"]["ownerReferences"] = if goes { owner.clone() } else { Value::Null };
    store.update(&claim, object);
    let pod: Key = ("pods".to_owned(), namespace.clone(), format!("{name}-0"));
    if !store.objects.contains_key(&pod) {
        let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
        labels["controller-revision-hash"] = json!(revision);
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"labels": labels, "ownerReferences": owner}, "spec": set["spec"]["template"]["spec"]});
        store.create(&pod, object).expect("new");
    }
    let mut object = store.objects[&pod].clone();
    let truth = if ready { "True" } else { "False" };
    object["status"] =
        json!({"podIP": format!("{name}.{namespace}"), "conditions": [{"type": "Ready", "status": truth}]});
    store.update(&pod, object);
    let mut object = store.objects[key].clone();
    object["status"] = json!({"observedGeneration": object["metadata"]["generation"], "updateRevision": revision,
                              "replicas": 1, "readyReplicas": i32::from(ready)});
    store.update(key, object);
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
