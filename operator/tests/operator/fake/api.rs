//! The API server: requests in, answers out, as a tower service for `kube::Client`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch as signal;

use super::faults::{Fault, Faults};
use super::path::{Target, query, selects};
use super::store::{Key, Refused, Store, merge};
use super::watch::{Watched, body};

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// A request that would change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub client: String,
    pub method: String,
    pub path: String,
    /// Whether it changed something.
    pub changed: bool,
}

pub struct Inner {
    pub store: Mutex<Store>,
    pub changed: signal::Sender<u64>,
    pub faults: Mutex<Faults>,
    pub writes: Mutex<Vec<Write>>,
}

/// The API server. Clones are the same one.
#[derive(Clone)]
pub struct FakeApi(pub Arc<Inner>);

impl FakeApi {
    pub fn new() -> Self {
        let inner = Inner {
            store: Mutex::default(),
            changed: signal::Sender::new(0),
            faults: Mutex::new(Faults::none()),
            writes: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// A client called `name`, whose writes are told from others'.
    pub fn client(&self, name: &str) -> kube::Client {
        let (api, name) = (self.clone(), name.to_owned());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (api, name) = (api.clone(), name.clone());
            async move { api.serve(&name, request).await }
        });
        kube::Client::new(service, "default")
    }

    /// Changes objects as a controller of Kubernetes or a user would, past faults and counters.
    pub fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.0.store.lock();
        let before = store.version;
        let result = change(&mut store);
        let after = store.version;
        drop(store);
        if before != after {
            self.0.changed.send_replace(after);
        }
        result
    }

    pub fn set_faults(&self, faults: Faults) {
        *self.0.faults.lock() = faults;
    }

    /// The writes of operators, events and leases aside.
    pub fn writes(&self) -> Vec<Write> {
        let noise = |write: &&Write| write.path.contains("/events") || write.path.contains("/leases");
        self.0
            .writes
            .lock()
            .iter()
            .filter(|write| !noise(write))
            .cloned()
            .collect()
    }

    /// Those of them that changed something.
    pub fn effective_writes(&self) -> Vec<Write> {
        self.writes().into_iter().filter(|write| write.changed).collect()
    }

    async fn serve(&self, client: &str, request: Request<Body>) -> Result<Response<Answer>, std::io::Error> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let metadata_only = head
            .headers
            .get(http::header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
        let fault = self.0.faults.lock().next();
        match fault {
            Some(Fault::Refused(code)) => return Ok(failure(&(code, "Fault", "a fault".to_owned()))),
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            Some(Fault::Lost) | None => {}
        }
        let Some(target) = Target::parse(head.uri.path()) else {
            return Ok(failure(&(
                404,
                "NotFound",
                format!("no such path: {}", head.uri.path()),
            )));
        };
        let query = query(&head.uri);
        if query.get("watch").is_some_and(|watch| watch == "true") {
            return Ok(self.watch(target, &query, metadata_only));
        }
        let is_write = head.method != Method::GET;
        let before = self.0.store.lock().version;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let answer = self.change(|store| act(store, &head.method, &target, &query, &body));
        if is_write {
            let changed = self.0.store.lock().version != before;
            let (client, method) = (client.to_owned(), head.method.to_string());
            self.0.writes.lock().push(Write {
                client,
                method,
                path: head.uri.path().to_owned(),
                changed,
            });
        }
        if fault == Some(Fault::Lost) {
            return Err(std::io::Error::other("the answer was lost"));
        }
        Ok(match answer {
            Ok(object) if metadata_only => success(only_metadata(&object)),
            Ok(object) => success(object),
            Err(refused) => failure(&refused),
        })
    }

    fn watch(
        &self,
        target: Target,
        query: &std::collections::HashMap<String, String>,
        metadata_only: bool,
    ) -> Response<Answer> {
        let watched = Watched {
            resource: target.resource,
            namespace: target.namespace,
            selector: query.get("labelSelector").cloned().unwrap_or_default(),
            metadata_only,
            from: query
                .get("resourceVersion")
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
        };
        let frames = body(Arc::clone(&self.0), watched).map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
    }
}

fn act(
    store: &mut Store,
    method: &Method,
    target: &Target,
    query: &std::collections::HashMap<String, String>,
    body: &Value,
) -> Result<Value, Refused> {
    let Some(name) = target
        .name
        .clone()
        .or_else(|| body["metadata"]["name"].as_str().map(str::to_owned))
    else {
        return Ok(list(store, target, query));
    };
    if *method == Method::GET && target.name.is_none() {
        return Ok(list(store, target, query));
    }
    let key: Key = (
        target.resource.clone(),
        target.namespace.clone().unwrap_or_default(),
        name,
    );
    if *method == Method::POST {
        return store.create(&key, body.clone());
    }
    let live = store.get(&key).cloned();
    let applies = *method == Method::PATCH && query.contains_key("force");
    let Some(live) = live else {
        if applies {
            return store.create(&key, body.clone());
        }
        return Err((404, "NotFound", format!("{} {:?} not found", key.0, key.2)));
    };
    if *method == Method::GET {
        return Ok(live);
    }
    preconditions(
        &live,
        if *method == Method::DELETE {
            &body["preconditions"]
        } else {
            &body["metadata"]
        },
    )?;
    if *method == Method::DELETE {
        return Ok(store.delete(&key));
    }
    let mut object = live.clone();
    match (*method == Method::PUT, target.subresource.as_deref()) {
        (true, _) => object = body.clone(),
        (false, Some("status")) => merge(&mut object["status"], &body["status"]),
        (false, _) => {
            let mut patch = body.clone();
            patch.as_object_mut().expect("an object").remove("status");
            merge(&mut object, &patch);
        }
    }
    Ok(store.update(&key, object))
}

fn preconditions(live: &Value, wanted: &Value) -> Result<(), Refused> {
    for field in ["resourceVersion", "uid"] {
        let (live, wanted) = (&live["metadata"][field], &wanted[field]);
        if wanted.is_string() && wanted != live {
            return Err((409, "Conflict", format!("{field} is {live}, not {wanted}")));
        }
    }
    Ok(())
}

fn list(store: &Store, target: &Target, query: &std::collections::HashMap<String, String>) -> Value {
    let selector = query.get("labelSelector").cloned().unwrap_or_default();
    let listed = store.objects.iter().filter(|(key, object)| {
        key.0 == target.resource
            && target
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == key.1)
            && selects(&selector, object)
    });
    let items: Vec<&Value> = listed.map(|(_, object)| object).collect();
    let version = store.version.to_string();
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items})
}

/// What is left of an object, or of a list of them, when only the metadata is asked for.
pub fn only_metadata(object: &Value) -> Value {
    let partial = |object: &Value| json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]});
    match object["items"].as_array() {
        Some(items) => {
            let items: Vec<_> = items.iter().map(partial).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                   "metadata": object["metadata"], "items": items})
        }
        None => partial(object),
    }
}

fn success(object: Value) -> Response<Answer> {
    Response::new(Full::from(object.to_string()).boxed_unsync())
}

fn failure((code, reason, message): &Refused) -> Response<Answer> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "code": code, "reason": reason, "message": message});
    let mut response = success(status);
    *response.status_mut() = http::StatusCode::from_u16(*code).expect("a status");
    response
}
