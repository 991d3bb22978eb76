//! A node on a real disk with one topic and one subscription.

use std::path::Path;

use bytes::Bytes;
use postroad_node::{Change, Delivery, Node, NodeOptions, PutMode};
use postroad_types::{Message, Owner, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};

pub fn topic() -> TopicName {
    TopicName::parse("shop", "orders").expect("a name")
}

pub fn subscription() -> SubscriptionName {
    SubscriptionName::parse("shop", "billing").expect("a name")
}

/// Small journal files and early checkpoints, so that tests meet both.
pub fn options(folder: &Path) -> NodeOptions {
    NodeOptions {
        shards: 4,
        journal_file_bytes: 1 << 20,
        ..NodeOptions::new(folder.to_owned())
    }
}

pub async fn open(options: NodeOptions) -> Node {
    let node = Node::open(options).await.expect("the node opens");
    node.bootstrap(None).await.expect("the cluster is made, or was");
    node
}

pub async fn put_topic(node: &Node, partitions: u32) {
    let spec = TopicSpec {
        partitions,
        ..TopicSpec::default()
    };
    change(
        node,
        Change::PutTopic {
            name: topic(),
            spec,
            mode: PutMode::Apply,
        },
    )
    .await;
}

pub async fn put_subscription(node: &Node, deadline: u32) {
    let spec = SubscriptionSpec {
        ack_deadline_seconds: deadline,
        ..SubscriptionSpec::default()
    };
    let change_ = Change::PutSubscription {
        name: subscription(),
        topic: topic(),
        spec,
        mode: PutMode::Apply,
    };
    change(node, change_).await;
}

pub async fn change(node: &Node, change: Change) {
    let results = node.change(Owner::Api, vec![change]).await;
    results
        .into_iter()
        .for_each(|result| drop(result.expect("the change is made")));
}

pub fn message(text: &str) -> Message {
    Message {
        data: Bytes::copy_from_slice(text.as_bytes()),
        ..Message::default()
    }
}

pub fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| String::from_utf8_lossy(&delivery.message.data).into_owned())
        .collect()
}
