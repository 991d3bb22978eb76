//! A broker's admin API over HTTP, stateful: bootstrap, status, apply, delete, release, list, describe, watch.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::Stream;
use parking_lot::Mutex;
use postroad_admin_api::{
    ApplyRequest, BatchResponse, BootstrapRequest, BootstrapResponse, DeleteRequest, Described, ErrorBody,
    ErrorDetail, ErrorKind, ItemResult, Kind, ListQuery, ListResponse, Outcome, Owner, ReleaseRequest,
    Resource, ResourceKey, Spec, StatusResponse,
};
use tokio::sync::watch as signal;

use super::faults::{Fault, Faults};

pub struct Catalog {
    pub cluster_id: Option<String>,
    pub resources: BTreeMap<ResourceKey, Described>,
    pub revision: u64,
    next_id: u64,
    pub down: bool,
    pub faults: Faults,
    /// Changes that were made, as text.
    pub changes: Vec<String>,
    /// Requests that were answered, by path.
    pub requests: BTreeMap<String, usize>,
    pub bootstraps: usize,
}

/// The broker. Clones are the same one.
#[derive(Clone)]
pub struct FakeBroker {
    catalog: Arc<Mutex<Catalog>>,
    revised: Arc<signal::Sender<u64>>,
    pub url: String,
}

impl FakeBroker {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let catalog = Catalog {
            cluster_id: None,
            resources: BTreeMap::new(),
            revision: 0,
            next_id: 1,
            down: false,
            faults: Faults::none(),
            changes: Vec::new(),
            requests: BTreeMap::new(),
            bootstraps: 0,
        };
        let broker = Self {
            catalog: Arc::new(Mutex::new(catalog)),
            revised: Arc::new(signal::Sender::new(0)),
            url,
        };
        let router = axum::Router::new()
            .route("/v1/bootstrap", post(bootstrap))
            .route("/v1/status", get(status))
            .route("/v1/resources", get(list))
            .route("/v1/resources:apply", post(apply))
            .route("/v1/resources:delete", post(delete))
            .route("/v1/resources:release", post(release))
            .route("/v1/resources/{kind}/{namespace}/{name}", get(describe))
            .route("/v1/watch", get(watch))
            .layer(from_fn_with_state(broker.clone(), weather))
            .with_state(broker.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        broker
    }

    /// Looks at or changes the catalog as the broker itself or another client would.
    pub fn with<T>(&self, look: impl FnOnce(&mut Catalog) -> T) -> T {
        let mut catalog = self.catalog.lock();
        let result = look(&mut catalog);
        let revision = catalog.revision;
        drop(catalog);
        self.revised
            .send_if_modified(|known| std::mem::replace(known, revision) != revision);
        result
    }

    pub fn is_ready(&self) -> bool {
        self.with(|catalog| catalog.cluster_id.is_some() && !catalog.down)
    }

    pub fn described(&self, kind: Kind, namespace: &str, name: &str) -> Option<Described> {
        let key = ResourceKey {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.with(|catalog| catalog.resources.get(&key).cloned())
    }

    /// Another process, with the same disk: connections end, nothing else changes.
    pub fn restart(&self) {
        self.revised.send_modify(|_| {});
    }

    /// The volume is lost.
    pub fn lose_disk(&self) {
        self.with(|catalog| {
            catalog.cluster_id = None;
            catalog.resources.clear();
            catalog.revision += 1;
        });
    }
}

impl Catalog {
    /// Changes a resource behind the operator's back.
    pub fn tamper(&mut self, kind: Kind, namespace: &str, name: &str, change: impl FnOnce(&mut Described)) {
        let key = ResourceKey {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        change(self.resources.get_mut(&key).expect("there"));
        self.revision += 1;
    }

    fn apply(&mut self, owner: Owner, resource: Resource) -> ItemResult {
        if let Spec::Subscription(spec) = &resource.spec {
            let topic = ResourceKey {
                kind: Kind::Topic,
                namespace: spec.topic.namespace.clone(),
                name: spec.topic.name.clone(),
            };
            if !self.resources.contains_key(&topic) {
                return refused(ErrorKind::NotFound, &format!("{topic} is not there"));
            }
        }
        let sibling = match resource.kind() {
            Kind::Topic => Some(Kind::Queue),
            Kind::Queue => Some(Kind::Topic),
            Kind::Subscription => None,
        };
        if let Some(kind) = sibling {
            let other = ResourceKey {
                kind,
                ..resource.key()
            };
            if self.resources.contains_key(&other) {
                return refused(ErrorKind::FailedPrecondition, &format!("{other} is in its place"));
            }
        }
        let key = resource.key();
        let outcome = match self.resources.get(&key) {
            Some(known) if known.owner == owner && known.resource == resource => Outcome::Unchanged,
            Some(known) if known.owner == Owner::File => {
                return refused(ErrorKind::FailedPrecondition, "it is declared in a file");
            }
            Some(_) => Outcome::Updated,
            None => Outcome::Created,
        };
        let id = self.resources.get(&key).map(|known| known.id.clone());
        let id = id.unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id.to_string()
        });
        if outcome != Outcome::Unchanged {
            self.revision += 1;
            self.changes.push(format!("apply {key}"));
            let created = "2026-01-01T00:00:00Z".parse().expect("a time");
            let described = Described {
                resource,
                owner,
                id: id.clone(),
                revision: self.revision,
                created,
                stats: None,
            };
            self.resources.insert(key, described);
        }
        ItemResult::Done {
            outcome,
            id: Some(id),
        }
    }

    fn give_up(&mut self, owner: Owner, key: &ResourceKey, delete: bool) -> ItemResult {
        let known = match self.resources.get_mut(key) {
            None => {
                return ItemResult::Done {
                    outcome: Outcome::Absent,
                    id: None,
                };
            }
            Some(known) if known.owner == Owner::Api => {
                return ItemResult::Done {
                    outcome: Outcome::Absent,
                    id: None,
                };
            }
            Some(known) if known.owner != owner => {
                return refused(ErrorKind::FailedPrecondition, "it belongs to somebody else");
            }
            Some(known) => known,
        };
        let id = Some(known.id.clone());
        self.revision += 1;
        if delete {
            self.resources.remove(key);
            self.changes.push(format!("delete {key}"));
            return ItemResult::Done {
                outcome: Outcome::Deleted,
                id,
            };
        }
        known.owner = Owner::Api;
        self.changes.push(format!("release {key}"));
        ItemResult::Done {
            outcome: Outcome::Released,
            id,
        }
    }
}

fn refused(kind: ErrorKind, message: &str) -> ItemResult {
    ItemResult::Failed {
        error: ErrorDetail {
            kind,
            message: message.to_owned(),
        },
    }
}

fn error(status: StatusCode, kind: ErrorKind, message: &str) -> Response {
    let error = ErrorDetail {
        kind,
        message: message.to_owned(),
    };
    (status, Json(ErrorBody { error })).into_response()
}

/// Down, faults and the token, before anything else.
async fn weather(State(broker): State<FakeBroker>, request: Request, next: Next) -> Response {
    let (down, fault) = broker.with(|catalog| {
        *catalog
            .requests
            .entry(request.uri().path().to_owned())
            .or_default() += 1;
        (catalog.down, catalog.faults.next())
    });
    if down {
        return error(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Unavailable,
            "the broker is down",
        );
    }
    if !request.headers().contains_key("authorization") {
        return error(
            StatusCode::UNAUTHORIZED,
            ErrorKind::Unauthenticated,
            "a token is needed",
        );
    }
    match fault {
        Some(Fault::Refused(_)) => {
            return error(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Unavailable, "a fault");
        }
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::Lost) => {
            next.run(request).await;
            return error(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Unavailable,
                "the answer was lost",
            );
        }
        None => {}
    }
    next.run(request).await
}

async fn bootstrap(State(broker): State<FakeBroker>, Json(request): Json<BootstrapRequest>) -> Response {
    broker.with(|catalog| {
        let asked = request.cluster_id.expect("the operator always names an id");
        let known = catalog.cluster_id.get_or_insert_with(|| {
            catalog.bootstraps += 1;
            catalog.revision += 1;
            asked.clone()
        });
        if *known != asked {
            return error(
                StatusCode::CONFLICT,
                ErrorKind::FailedPrecondition,
                "of another cluster",
            );
        }
        Json(BootstrapResponse {
            cluster_id: asked,
            broker_id: "b".to_owned(),
        })
        .into_response()
    })
}

async fn status(State(broker): State<FakeBroker>) -> Json<StatusResponse> {
    broker.with(|catalog| {
        Json(StatusResponse {
            broker_id: "b".to_owned(),
            cluster_id: catalog.cluster_id.clone(),
            version: "1.2.3".to_owned(),
            ready: catalog.cluster_id.is_some(),
            reason: catalog
                .cluster_id
                .is_none()
                .then(|| "it is not bootstrapped".to_owned()),
            catalog_revision: catalog.revision,
            shards: Vec::new(),
        })
    })
}

async fn apply(State(broker): State<FakeBroker>, Json(request): Json<ApplyRequest>) -> Response {
    broker.with(|catalog| {
        if catalog.cluster_id.is_none() {
            return error(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Unavailable,
                "not bootstrapped",
            );
        }
        let owner = request.owner;
        let results = request
            .resources
            .into_iter()
            .map(|resource| catalog.apply(owner, resource))
            .collect();
        Json(BatchResponse { results }).into_response()
    })
}

async fn delete(State(broker): State<FakeBroker>, Json(request): Json<DeleteRequest>) -> Json<BatchResponse> {
    broker.with(|catalog| {
        let results = request
            .resources
            .iter()
            .map(|key| catalog.give_up(request.owner, key, true))
            .collect();
        Json(BatchResponse { results })
    })
}

async fn release(
    State(broker): State<FakeBroker>,
    Json(request): Json<ReleaseRequest>,
) -> Json<BatchResponse> {
    broker.with(|catalog| {
        let results = request
            .resources
            .iter()
            .map(|key| catalog.give_up(request.owner, key, false))
            .collect();
        Json(BatchResponse { results })
    })
}

/// Pages of two, so that paging is always at work.
async fn list(State(broker): State<FakeBroker>, Query(query): Query<ListQuery>) -> Json<ListResponse> {
    broker.with(|catalog| {
        let from: usize = query.page_token.parse().unwrap_or(0);
        let resources: Vec<_> = catalog.resources.values().skip(from).take(2).cloned().collect();
        let next = from + resources.len();
        let next_page_token = (next < catalog.resources.len()).then(|| next.to_string());
        Json(ListResponse {
            resources,
            next_page_token,
        })
    })
}

async fn describe(
    State(broker): State<FakeBroker>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
) -> Response {
    let kind = kind.parse().expect("a kind");
    match broker.described(kind, &namespace, &name) {
        Some(described) => Json(described).into_response(),
        None => error(StatusCode::NOT_FOUND, ErrorKind::NotFound, "not there"),
    }
}

async fn watch(State(broker): State<FakeBroker>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let revised = broker.revised.subscribe();
    let state = (broker, revised, None);
    let events = futures::stream::unfold(
        state,
        |(broker, mut revised, told): (_, signal::Receiver<u64>, Option<u64>)| async move {
            let broker: FakeBroker = broker;
            loop {
                let (revision, down) = broker.with(|catalog| (catalog.revision, catalog.down));
                if down {
                    return None;
                }
                if told != Some(revision) {
                    let event = Event::default()
                        .event("revision")
                        .data(format!("{{\"revision\":{revision}}}"));
                    return Some((Ok(event), (broker, revised, Some(revision))));
                }
                match tokio::time::timeout(Duration::from_secs(1), revised.changed()).await {
                    // Told of the same revision: the broker restarts.
                    Ok(Ok(()))
                        if *revised.borrow() == revision
                            && broker.with(|catalog| catalog.revision) == revision =>
                    {
                        return None;
                    }
                    _ => {}
                }
            }
        },
    );
    Sse::new(events).keep_alive(axum::response::sse::KeepAlive::new().interval(Duration::from_secs(1)))
}
