//! The deadline of a delivery, which nobody outside sees but by waiting for it.

use std::time::Duration;

use bytes::Bytes;
use postroad_core::{Change, PutMode};
use postroad_types::{Message, Owner, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec};

use crate::{Node, NodeOptions, SessionOptions};

const LONG: Duration = Duration::from_secs(60);
/// Between the deadlines of these tests lie minutes.
const TOLERANCE: u64 = 60_000;

fn topic() -> TopicName {
    TopicName::parse("shop", "orders").expect("a name")
}

fn subscription() -> SubscriptionName {
    SubscriptionName::parse("shop", "billing").expect("a name")
}

async fn node(folder: &tempfile::TempDir, ack_deadline_seconds: u32) -> Node {
    let options = NodeOptions {
        shards: 2,
        ..NodeOptions::new(folder.path().to_owned())
    };
    let node = Node::open(options).await.expect("the node opens");
    node.bootstrap(None).await.expect("the cluster is made");
    let mode = PutMode::Create;
    let changes = vec![
        Change::PutTopic {
            name: topic(),
            spec: TopicSpec {
                partitions: 1,
                ..TopicSpec::default()
            },
            mode,
        },
        Change::PutSubscription {
            name: subscription(),
            topic: topic(),
            spec: SubscriptionSpec {
                ack_deadline_seconds,
                ..SubscriptionSpec::default()
            },
            mode,
        },
    ];
    for result in node.change(Owner::Api, changes).await {
        result.expect("the change is made");
    }
    node
}

async fn publish(node: &Node, text: &'static str) {
    let message = Message {
        data: Bytes::from_static(text.as_bytes()),
        ..Message::default()
    };
    node.publish(&topic(), vec![message]).await.expect("published");
}

async fn update_deadline(node: &Node, seconds: u32) {
    let edit = |current: &SubscriptionSpec| {
        let mut spec = current.clone();
        spec.ack_deadline_seconds = seconds;
        Ok(spec)
    };
    node.update_subscription(Owner::Api, &subscription(), edit)
        .await
        .expect("updated");
}

/// Milliseconds until the first lease runs out.
fn first_lease_ends_in(node: &Node) -> u64 {
    let hub = node.hub(&subscription()).expect("a hub");
    let deadline = hub.next_deadline().expect("something is leased");
    deadline.saturating_sub(node.inner.clock.ticks())
}

#[tokio::test]
async fn a_new_deadline_is_that_of_later_pulls_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&folder, 600).await;
    publish(&node, "before").await;
    assert_eq!(
        node.pull(&subscription(), 1, LONG).await.expect("pulled").len(),
        1
    );

    update_deadline(&node, 300).await;
    let before = first_lease_ends_in(&node);
    assert!(
        before.abs_diff(600_000) < TOLERANCE,
        "{before} ms: leased for 600 s"
    );

    publish(&node, "after").await;
    assert_eq!(
        node.pull(&subscription(), 1, LONG).await.expect("pulled").len(),
        1
    );
    let after = first_lease_ends_in(&node);
    assert!(
        after.abs_diff(300_000) < TOLERANCE,
        "{after} ms: leased for 300 s"
    );
    assert_eq!(node.hub(&subscription()).expect("a hub").leased(), 2);
    node.shutdown().await;
}

#[tokio::test]
async fn a_session_without_a_deadline_of_its_own_follows_the_subscription() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(&folder, 600).await;
    let options = SessionOptions {
        ack_deadline: None,
        max_messages: 0,
        max_bytes: 0,
    };
    let mut session = node
        .open_session(&subscription(), options)
        .await
        .expect("a session");
    update_deadline(&node, 300).await;
    publish(&node, "after").await;
    assert_eq!(session.next().await.expect("messages").len(), 1);
    let after = first_lease_ends_in(&node);
    assert!(
        after.abs_diff(300_000) < TOLERANCE,
        "{after} ms: leased for 300 s"
    );

    session.set_ack_deadline(Duration::from_secs(120));
    update_deadline(&node, 500).await;
    publish(&node, "own").await;
    assert_eq!(session.next().await.expect("messages").len(), 1);
    let own = first_lease_ends_in(&node);
    assert!(
        own.abs_diff(120_000) < TOLERANCE,
        "{own} ms: the session's own deadline wins"
    );
    node.shutdown().await;
}
