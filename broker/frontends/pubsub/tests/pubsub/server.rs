//! A broker with the front end before it, and its clients.

use std::net::SocketAddr;
use std::time::Duration;

use postroad_node::{Node, NodeOptions};
use postroad_pubsub::proto::pubsub::publisher_client::PublisherClient;
use postroad_pubsub::proto::pubsub::subscriber_client::SubscriberClient;
use postroad_pubsub::proto::pubsub::*;
use postroad_pubsub::{ServeOptions, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// What must happen, happens within this; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const TOPIC: &str = "projects/shop/topics/orders";
pub const SUBSCRIPTION: &str = "projects/shop/subscriptions/billing";

pub struct Server {
    pub node: Node,
    pub address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<postroad_types::Result<()>>,
    _dir: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(ServeOptions::default()).await
    }

    pub async fn with(options: ServeOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut node_options = NodeOptions::new(dir.path().to_path_buf());
        node_options.shards = 2;
        let node = Node::open(node_options).await.unwrap();
        node.bootstrap(None).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let served = tokio::spawn(serve(node.clone(), listener, shutdown.clone(), options));
        Self {
            node,
            address,
            shutdown,
            served,
            _dir: dir,
        }
    }

    /// One with [`TOPIC`] and [`SUBSCRIPTION`].
    pub async fn with_subscription() -> Self {
        let server = Self::start().await;
        server.create(TOPIC, SUBSCRIPTION).await;
        server
    }

    pub async fn create(&self, topic: &str, subscription: &str) {
        let topic = Topic {
            name: topic.into(),
            ..Default::default()
        };
        self.publisher().await.create_topic(topic.clone()).await.unwrap();
        let subscription = Subscription {
            name: subscription.into(),
            topic: topic.name,
            ..Default::default()
        };
        self.subscriber()
            .await
            .create_subscription(subscription)
            .await
            .unwrap();
    }

    /// One connection.
    pub async fn connect(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub async fn publisher(&self) -> PublisherClient<Channel> {
        PublisherClient::new(self.connect().await)
    }

    /// Official clients lift the limit on what they receive, too.
    pub async fn subscriber(&self) -> SubscriberClient<Channel> {
        SubscriberClient::new(self.connect().await).max_decoding_message_size(usize::MAX)
    }

    pub async fn publish(&self, messages: Vec<PubsubMessage>) -> Vec<String> {
        let request = PublishRequest {
            topic: TOPIC.into(),
            messages,
        };
        self.publisher()
            .await
            .publish(request)
            .await
            .unwrap()
            .into_inner()
            .message_ids
    }

    /// Waits for messages.
    pub async fn pull(&self, max_messages: i32) -> Vec<ReceivedMessage> {
        pull(self, max_messages, false).await
    }

    /// What can be delivered now.
    pub async fn pull_now(&self) -> Vec<ReceivedMessage> {
        pull(self, 1_000, true).await
    }

    pub async fn acknowledge(&self, ack_ids: Vec<String>) {
        let request = AcknowledgeRequest {
            subscription: SUBSCRIPTION.into(),
            ack_ids,
        };
        self.subscriber().await.acknowledge(request).await.unwrap();
    }

    pub async fn modify_deadline(&self, ack_id: &str, ack_deadline_seconds: i32) {
        let request = ModifyAckDeadlineRequest {
            subscription: SUBSCRIPTION.into(),
            ack_ids: vec![ack_id.into()],
            ack_deadline_seconds,
        };
        self.subscriber()
            .await
            .modify_ack_deadline(request)
            .await
            .unwrap();
    }

    /// Stops the front end, and waits until it has returned.
    pub async fn stop(self) {
        self.shutdown.cancel();
        within(self.served).await.unwrap().unwrap();
        self.node.shutdown().await;
    }

    pub fn begin_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// The sample of the series whose labels hold all of `labels`, or 0.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let families = self.node.registry().gather();
        let series = families
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(|family| family.get_metric());
        let has = |metric: &&prometheus::proto::Metric| {
            labels
                .iter()
                .all(|label| metric.get_label().iter().any(|pair| pair.value() == *label))
        };
        series
            .filter(has)
            .map(|metric| metric.get_gauge().get_value() + metric.get_counter().get_value())
            .sum()
    }
}

#[allow(deprecated)]
async fn pull(server: &Server, max_messages: i32, return_immediately: bool) -> Vec<ReceivedMessage> {
    let request = PullRequest {
        subscription: SUBSCRIPTION.into(),
        max_messages,
        return_immediately,
    };
    server
        .subscriber()
        .await
        .pull(request)
        .await
        .unwrap()
        .into_inner()
        .received_messages
}

pub fn text(data: &str) -> PubsubMessage {
    PubsubMessage {
        data: data.to_owned().into(),
        ..Default::default()
    }
}

pub fn data(message: &ReceivedMessage) -> &str {
    std::str::from_utf8(&message.message.as_ref().unwrap().data).unwrap()
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened long ago")
}

/// Waits until `condition` holds; for what is only seen by looking.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"));
}

/// The call must fail with `code`, in words that hold `says`.
pub fn refused<T>(answer: Result<Response<T>, Status>, code: Code, says: &str) {
    let status = answer
        .err()
        .unwrap_or_else(|| panic!("accepted, but should be refused: {says}"));
    assert_eq!(status.code(), code, "{status}");
    assert!(
        status.message().contains(says),
        "{:?} should say {says:?}",
        status.message()
    );
}
