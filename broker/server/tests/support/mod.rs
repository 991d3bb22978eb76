//! Brokers in this process, on free ports of 127.0.0.1, in a folder that goes away.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::Path;

use postroad_admin_api::{
    ApplyRequest, BootstrapRequest, Client, ItemResult, Kind, Outcome, Owner, QueueSpec, Resource,
    ResourceKey, Spec, SubscriptionSpec, TopicRef, TopicSpec,
};
use postroad_broker::{Broker, Settings};
use tempfile::TempDir;

pub const TOKEN: &str = "a-token-of-the-tests";

/// A broker with its folder.
pub struct TestBroker {
    pub broker: Broker,
    pub folder: TempDir,
}

impl TestBroker {
    /// One that belongs to no cluster yet.
    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let broker = start(folder.path()).await;
        Self { broker, folder }
    }

    /// One that is a cluster of its own.
    pub async fn bootstrapped() -> Self {
        let broker = Self::empty().await;
        broker
            .client()
            .bootstrap(&BootstrapRequest::default())
            .await
            .unwrap();
        broker
    }

    /// The same folder, after an orderly stop and a new start.
    pub async fn restarted(self) -> Self {
        self.broker.shutdown().await.unwrap();
        let broker = start(self.folder.path()).await;
        Self {
            broker,
            folder: self.folder,
        }
    }

    pub fn client(&self) -> Client {
        self.client_with(Some(TOKEN))
    }

    pub fn client_with(&self, token: Option<&str>) -> Client {
        Client::new(&self.url(""), token).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.broker.addresses().admin)
    }

    /// Status code and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(self.url(path)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

async fn start(folder: &Path) -> Broker {
    let settings = Settings {
        data_dir: Some(folder.join("data")),
        shards: Some(2),
        pubsub_listen: Some("127.0.0.1:0".into()),
        admin_listen: Some("127.0.0.1:0".into()),
        admin_token_file: Some(folder.join("token")),
        journal_file_bytes: Some("1Mi".parse().unwrap()),
        ..Settings::default()
    };
    Broker::start(settings.validate().unwrap()).await.unwrap()
}

pub fn topic(namespace: &str, name: &str) -> Resource {
    let spec = Spec::Topic(TopicSpec::default());
    Resource {
        namespace: namespace.into(),
        name: name.into(),
        spec,
    }
}

pub fn queue(namespace: &str, name: &str) -> Resource {
    let spec = Spec::Queue(QueueSpec::default());
    Resource {
        namespace: namespace.into(),
        name: name.into(),
        spec,
    }
}

pub fn subscription(namespace: &str, name: &str, topic: &str) -> Resource {
    let topic = TopicRef {
        namespace: namespace.into(),
        name: topic.into(),
    };
    let spec = SubscriptionSpec {
        topic,
        ack_deadline_seconds: 10,
        enable_message_ordering: false,
        labels: Default::default(),
    };
    Resource {
        namespace: namespace.into(),
        name: name.into(),
        spec: Spec::Subscription(spec),
    }
}

pub fn key(kind: Kind, namespace: &str, name: &str) -> ResourceKey {
    ResourceKey {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    }
}

/// Applies on Kubernetes' behalf; the results as `outcome` or `kind: message`.
pub async fn apply(client: &Client, resources: Vec<Resource>) -> Vec<String> {
    let request = ApplyRequest {
        owner: Owner::Kubernetes,
        resources,
    };
    texts(client.apply(&request).await.unwrap().results)
}

pub fn texts(results: Vec<ItemResult>) -> Vec<String> {
    let text = |result: ItemResult| match result.into_result() {
        Ok((outcome, _)) => format!("{outcome:?}"),
        Err(error) => format!("{:?}: {}", error.kind, error.message),
    };
    results.into_iter().map(text).collect()
}

/// The id that applying a resource gives.
pub async fn id_of(client: &Client, resource: Resource) -> String {
    let request = ApplyRequest {
        owner: Owner::Kubernetes,
        resources: vec![resource],
    };
    let result = client
        .apply(&request)
        .await
        .unwrap()
        .results
        .remove(0)
        .into_result()
        .unwrap();
    assert_ne!(result.0, Outcome::Deleted);
    result.1.expect("a resource that is there has an id")
}
