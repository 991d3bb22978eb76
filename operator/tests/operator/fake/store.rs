//! The objects, their versions, and the history that watches read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Resource, namespace, name.
pub type Key = (String, String, String);

/// An entry of the history.
#[derive(Clone, Debug)]
pub struct Entry {
    pub version: u64,
    pub kind: &'static str,
    pub resource: String,
    pub object: Value,
}

/// A refusal: code, reason, message.
pub type Refused = (u16, &'static str, String);

#[derive(Debug, Default)]
pub struct Store {
    pub objects: BTreeMap<Key, Value>,
    pub history: Vec<Entry>,
    pub version: u64,
    /// What happened up to here is forgotten: a watch from an earlier version is told 410.
    pub compacted: u64,
}

impl Store {
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub fn create(&mut self, key: &Key, mut object: Value) -> Result<Value, Refused> {
        if self.objects.contains_key(key) {
            return Err((
                409,
                "AlreadyExists",
                format!("{} {:?} already exists", key.0, key.2),
            ));
        }
        let uid = format!("uid-{}", self.version + 1);
        let meta = &mut object["metadata"];
        meta["name"] = json!(key.2);
        if !key.1.is_empty() {
            meta["namespace"] = json!(key.1);
        }
        meta["uid"] = json!(uid);
        meta["generation"] = json!(1);
        meta["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        Ok(self.put(key, object, "ADDED"))
    }

    /// Writes `object` over what is there. Nothing happens when it is the same.
    pub fn update(&mut self, key: &Key, mut object: Value) -> Value {
        let old = self.objects[key].clone();
        for fixed in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "resourceVersion",
            "name",
        ] {
            object["metadata"][fixed] = old["metadata"][fixed].clone();
        }
        without_nulls(&mut object);
        if object == old {
            return old;
        }
        if object.get("spec") != old.get("spec") {
            object["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        let going = object["metadata"]["deletionTimestamp"].is_string();
        if going && has_no_finalizer(&object) {
            return self.remove(key);
        }
        self.put(key, object, "MODIFIED")
    }

    pub fn delete(&mut self, key: &Key) -> Value {
        let mut object = self.objects[key].clone();
        if has_no_finalizer(&object) {
            return self.remove(key);
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
            return self.put(key, object, "MODIFIED");
        }
        object
    }

    /// Removes the object and, as the garbage collector would, everything that it owned.
    fn remove(&mut self, key: &Key) -> Value {
        let mut object = self.objects.remove(key).expect("there");
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.note("DELETED", key, &object);
        let uid = object["metadata"]["uid"].clone();
        let owned = |object: &Value| {
            object["metadata"]["ownerReferences"]
                .as_array()
                .is_some_and(|owners| owners.iter().any(|o| o["uid"] == uid))
        };
        let orphans: Vec<Key> = self
            .objects
            .iter()
            .filter(|(_, object)| owned(object))
            .map(|(key, _)| key.clone())
            .collect();
        for orphan in orphans {
            if self.objects.contains_key(&orphan) {
                self.delete(&orphan);
            }
        }
        object
    }

    fn put(&mut self, key: &Key, mut object: Value, kind: &'static str) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        without_nulls(&mut object);
        self.objects.insert(key.clone(), object.clone());
        self.note(kind, key, &object);
        object
    }

    fn note(&mut self, kind: &'static str, key: &Key, object: &Value) {
        let entry = Entry {
            version: self.version,
            kind,
            resource: key.0.clone(),
            object: object.clone(),
        };
        self.history.push(entry);
    }

    /// Forgets the history: watches have to list again.
    pub fn compact(&mut self) {
        self.version += 1;
        self.compacted = self.version;
        self.history.clear();
    }
}

fn has_no_finalizer(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_none_or(Vec::is_empty)
}

/// RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn without_nulls(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(without_nulls);
    }
}
