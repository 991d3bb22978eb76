//! The admin port as HTTP has it: tokens, probes, metrics, the watch, and what wrong requests get.

mod support;

use std::time::Duration;

use futures::StreamExt;
use postroad_admin_api::{ApplyRequest, BootstrapRequest, ClientError, ErrorBody, ErrorKind, Owner};
use support::{TOKEN, TestBroker, apply, topic};

/// Nothing here waits for time to pass; this only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn without_the_token_there_is_no_admin_api() {
    let broker = TestBroker::empty().await;
    for token in [
        None,
        Some(""),
        Some("a-token-of-the-test"),
        Some("a-token-of-the-tests-too"),
    ] {
        let error = broker.client_with(token).status().await.unwrap_err();
        assert_eq!(
            error.kind(),
            Some(ErrorKind::Unauthenticated),
            "{token:?}: {error}"
        );
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
    let refused = reqwest::get(broker.url("/v1/status")).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    broker.client().status().await.unwrap();
    for open in ["/livez", "/metrics"] {
        assert_eq!(broker.get(open).await.0, 200, "{open}");
    }
}

#[tokio::test]
async fn a_replaced_token_counts_at_once() {
    let broker = TestBroker::empty().await;
    let old = broker.client();
    let file = broker.folder.path().join("token");
    let next = broker.folder.path().join("next");
    std::fs::write(&next, "another-token-of-the-tests").unwrap();
    std::fs::rename(&next, &file).unwrap();
    assert_eq!(
        old.status().await.unwrap_err().kind(),
        Some(ErrorKind::Unauthenticated)
    );
    broker
        .client_with(Some("another-token-of-the-tests"))
        .status()
        .await
        .unwrap();

    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        old.status().await.unwrap_err().kind(),
        Some(ErrorKind::Unavailable),
        "no file is not no token"
    );
}

#[tokio::test]
async fn a_broker_is_ready_once_it_is_bootstrapped_and_stays_so() {
    let broker = TestBroker::empty().await;
    let (code, text) = broker.get("/readyz").await;
    assert_eq!(code, 503, "{text}");
    assert!(text.starts_with("not ready: "), "{text}");
    assert_eq!(broker.get("/livez").await.0, 200, "it lives, and waits");
    let status = broker.client().status().await.unwrap();
    assert_eq!((status.ready, status.cluster_id.as_deref()), (false, None));
    let request = ApplyRequest {
        owner: Owner::File,
        resources: vec![topic("shop", "orders")],
    };
    let refused = broker.client().apply(&request).await.unwrap_err();
    assert_eq!(
        refused.kind(),
        Some(ErrorKind::Unavailable),
        "as a whole, so that callers wait"
    );

    let asked = BootstrapRequest {
        cluster_id: Some("cluster-1".into()),
    };
    let formed = broker.client().bootstrap(&asked).await.unwrap();
    assert_eq!(formed.cluster_id, "cluster-1");
    assert_eq!(broker.get("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        broker
            .client()
            .bootstrap(&BootstrapRequest::default())
            .await
            .unwrap(),
        formed,
        "again"
    );
    let other = BootstrapRequest {
        cluster_id: Some("cluster-2".into()),
    };
    let refused = broker.client().bootstrap(&other).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::FailedPrecondition));

    let broker = broker.restarted().await;
    assert_eq!(broker.get("/readyz").await.0, 200);
    let status = broker.client().status().await.unwrap();
    assert_eq!(
        (status.broker_id, status.cluster_id),
        (formed.broker_id, Some(formed.cluster_id))
    );
    assert_eq!(status.shards.len(), 2);
    assert!(
        status.shards.iter().all(|shard| shard.role == "leader"),
        "{:?}",
        status.shards
    );
}

#[tokio::test]
async fn a_watch_tells_each_change_and_its_own_end() {
    let broker = TestBroker::bootstrapped().await;
    let client = broker.client();
    let mut watch = client.watch(0).await.unwrap();
    let next = async |watch: &mut postroad_admin_api::watch::Watch| {
        tokio::time::timeout(PATIENCE, watch.next())
            .await
            .expect("an event")
            .expect("not the end")
    };
    let first = next(&mut watch).await.unwrap();
    assert_eq!(first, client.status().await.unwrap().catalog_revision);
    apply(&client, vec![topic("shop", "orders")]).await;
    let second = next(&mut watch).await.unwrap();
    assert!(second > first, "{second} after {first}");

    // Who comes back with what it has seen hears of what is new only; who comes with another catalog's, of this one's.
    let mut current = client
        .watch(client.status().await.unwrap().catalog_revision)
        .await
        .unwrap();
    let mut foreign = client.watch(1_000_000).await.unwrap();
    assert!(next(&mut foreign).await.unwrap() < 1_000_000);
    apply(&client, vec![topic("shop", "returns")]).await;
    assert!(next(&mut current).await.unwrap() > second);

    broker.broker.shutdown().await.unwrap();
    let mut last = next(&mut watch).await;
    while last.is_ok() {
        last = next(&mut watch).await;
    }
    assert!(matches!(last, Err(ClientError::Unreachable { .. })), "{last:?}");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn wrong_requests_are_answered_in_json_with_what_was_wrong() {
    let broker = TestBroker::bootstrapped().await;
    let apply = "/v1/resources:apply";
    let body = |resources: &str| format!(r#"{{"owner":"file","resources":[{resources}]}}"#);
    let cases: [(&str, &str, String, u16, &[&str]); 10] = [
        ("POST", apply, "{".into(), 400, &["line 1"]),
        (
            "POST",
            apply,
            r#"{"owner":"nobody","resources":[]}"#.into(),
            400,
            &["nobody", "kubernetes", "file"],
        ),
        (
            "POST",
            apply,
            r#"{"owner":"file","resource":[]}"#.into(),
            400,
            &["resource", "resources"],
        ),
        (
            "POST",
            apply,
            body(r#"{"kind":"Table","namespace":"a","name":"b"}"#),
            400,
            &["resources[0]", "Table", "Queue"],
        ),
        (
            "POST",
            apply,
            body(r#"{"kind":"Topic","namespace":"a","name":"b","spec":{"partition":1}}"#),
            400,
            &["resources[0]", "spec of Topic a/b", "partition", "labels"],
        ),
        (
            "POST",
            apply,
            " ".repeat(postroad_admin_api::MAX_BODY_BYTES + 1),
            413,
            &["limit"],
        ),
        ("GET", apply, String::new(), 405, &["GET"]),
        ("GET", "/v2/status", String::new(), 404, &["/v2/status"]),
        (
            "GET",
            "/v1/resources?pagesize=3",
            String::new(),
            400,
            &["pagesize", "pageSize"],
        ),
        (
            "GET",
            "/v1/resources/Table/a/b",
            String::new(),
            400,
            &["Table", "Queue"],
        ),
    ];
    for (method, path, body, status, parts) in cases {
        let request = reqwest::Client::new()
            .request(method.parse().unwrap(), broker.url(path))
            .bearer_auth(TOKEN)
            .header("content-type", "application/json");
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        let error: ErrorBody = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        for part in parts {
            assert!(
                error.error.message.contains(part),
                "{part:?} is not in {error:?} for {method} {path}"
            );
        }
    }
    let unlabelled = reqwest::Client::new()
        .post(broker.url(apply))
        .bearer_auth(TOKEN)
        .body("{}")
        .send();
    assert_eq!(
        unlabelled.await.unwrap().status().as_u16(),
        415,
        "a browser's form can't post JSON unasked"
    );
}

#[tokio::test]
async fn metrics_tell_the_build_the_process_and_the_requests() {
    let broker = TestBroker::bootstrapped().await;
    broker.client().status().await.unwrap();
    let (code, text) = broker.get("/metrics").await;
    assert_eq!(code, 200);
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        format!("postroad_build_info{{version=\"{version}\"}} 1"),
        "postroad_admin_requests_total{code=\"200\",route=\"/v1/status\"} 1".to_owned(),
        "postroad_admin_request_duration_seconds_count{route=\"/v1/status\"} 1".to_owned(),
    ] {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line:?} is not in:\n{text}"
        );
    }
    assert!(
        text.contains("process_resident_memory_bytes") || !cfg!(target_os = "linux"),
        "{text}"
    );
    let (_, text) = broker.get("/metrics").await;
    assert!(
        text.contains("route=\"/metrics\"") && !text.contains(TOKEN),
        "{text}"
    );
}

/// docs/metrics.md names each metric there is, and no other.
#[tokio::test]
async fn the_documentation_lists_every_metric() {
    let broker = TestBroker::bootstrapped().await;
    apply(&broker.client(), vec![support::queue("shop", "mails")]).await;
    let name = postroad_types::TopicName::parse("shop", "mails").unwrap();
    let message = postroad_types::Message {
        data: "hello".into(),
        ..Default::default()
    };
    let node = broker.broker.node();
    node.publish(&name, vec![message]).await.unwrap();
    let name = postroad_types::SubscriptionName(name.0);
    let received = node.pull(&name, 1, PATIENCE).await.unwrap();
    node.acknowledge(&name, vec![received[0].ack_id]).await.unwrap();
    call_pubsub(&broker).await;
    broker.get("/readyz").await;
    let (_, text) = broker.get("/metrics").await;
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let documented = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let documented: std::collections::BTreeSet<_> =
        documented.filter(|name| name.starts_with("postroad_")).collect();
    let types = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let exported: std::collections::BTreeSet<_> =
        types.filter(|name| name.starts_with("postroad_")).collect();
    let missing: Vec<_> = exported.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
    let stale: Vec<_> = documented.difference(&exported).collect();
    assert!(
        stale.is_empty(),
        "docs/metrics.md has {stale:?}, which /metrics has not"
    );
}

async fn call_pubsub(broker: &TestBroker) {
    use postroad_pubsub::proto::pubsub::{ListTopicsRequest, publisher_client::PublisherClient};
    let address = format!("http://{}", broker.broker.addresses().pubsub);
    let mut publisher = PublisherClient::connect(address).await.unwrap();
    let request = ListTopicsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    assert_eq!(
        publisher
            .list_topics(request)
            .await
            .unwrap()
            .into_inner()
            .topics
            .len(),
        1
    );
}
