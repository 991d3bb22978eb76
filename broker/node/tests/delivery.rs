//! What a consumer notices: every message comes, once while it is acknowledged, again when it is not, and after a restart.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use postroad_node::{Change, Node, SessionOptions};
use postroad_types::{ErrorKind, Message};
use support::{message, open, options, put_subscription, put_topic, subscription, texts, topic};
use tempfile::TempDir;

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);
/// A node whose topic has that many partitions and whose subscription has that deadline, in seconds.
async fn ready(partitions: u32, deadline: u32) -> (TempDir, Node) {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(options(folder.path())).await;
    put_topic(&node, partitions).await;
    put_subscription(&node, deadline).await;
    (folder, node)
}

const UNBOUNDED: SessionOptions = SessionOptions {
    ack_deadline: None,
    max_messages: 0,
    max_bytes: 0,
};

#[tokio::test]
async fn a_message_comes_with_all_that_was_published() {
    let (_folder, node) = ready(1, 10).await;
    let published = Message {
        data: "Grüße".into(),
        attributes: vec![("kind".into(), "greeting".into()), ("empty".into(), "".into())],
        key: Some("customer-1".into()),
    };
    let ids = node
        .publish(&topic(), vec![published.clone()])
        .await
        .expect("published");
    let received = node.pull(&subscription(), 10, LONG).await.expect("pulled");
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].message_id, received[0].attempt), (ids[0], 1));
    assert_eq!(received[0].message, published);
    node.shutdown().await;
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again_and_what_is_not_does_after_a_restart() {
    let (folder, node) = ready(1, 10).await;
    let messages = ["a", "b", "c", "d"].map(message).to_vec();
    node.publish(&topic(), messages).await.expect("published");
    let received = node.pull(&subscription(), 10, LONG).await.expect("pulled");
    assert_eq!(texts(&received), ["a", "b", "c", "d"]);
    let ids = vec![received[0].ack_id, received[2].ack_id];
    node.acknowledge(&subscription(), ids)
        .await
        .expect("acknowledged");
    assert!(
        node.pull(&subscription(), 10, NOW)
            .await
            .expect("pulled")
            .is_empty(),
        "the others are in our hands"
    );
    let stats = node.subscription_stats(&subscription()).expect("numbers");
    assert_eq!((stats.backlog_messages, stats.leased_messages), (2, 2));
    node.shutdown().await;
    drop(node);

    let node = open(options(folder.path())).await;
    let received = node.pull(&subscription(), 10, LONG).await.expect("pulled");
    assert_eq!(texts(&received), ["b", "d"]);
    node.shutdown().await;
}

#[tokio::test]
async fn a_nack_and_a_deadline_bring_a_message_back() {
    let (_folder, node) = ready(1, 10).await;
    node.publish(&topic(), vec![message("again")])
        .await
        .expect("published");

    let first = node.pull(&subscription(), 1, LONG).await.expect("pulled");
    node.modify_deadline(&subscription(), vec![(first[0].ack_id, NOW)])
        .await
        .expect("given back");
    let second = node.pull(&subscription(), 1, LONG).await.expect("pulled");
    assert_eq!((texts(&second), second[0].attempt), (vec!["again".to_owned()], 2));

    let soon = Duration::from_millis(1);
    node.modify_deadline(&subscription(), vec![(second[0].ack_id, soon)])
        .await
        .expect("moved");
    let third = node.pull(&subscription(), 1, LONG).await.expect("pulled");
    assert_eq!((texts(&third), third[0].attempt), (vec!["again".to_owned()], 3));

    // The id of an earlier delivery counts: the message was processed.
    node.acknowledge(&subscription(), vec![first[0].ack_id])
        .await
        .expect("acknowledged");
    assert_eq!(
        node.subscription_stats(&subscription())
            .expect("numbers")
            .backlog_messages,
        0
    );
    node.shutdown().await;
}

#[tokio::test]
async fn a_session_gets_no_more_than_its_credit() {
    let (_folder, node) = ready(1, 600).await;
    let mut session = node
        .open_session(
            &subscription(),
            SessionOptions {
                max_messages: 3,
                ..UNBOUNDED
            },
        )
        .await
        .expect("a session");
    let messages = (0..10).map(|number| message(&number.to_string())).collect();
    node.publish(&topic(), messages).await.expect("published");
    let first = session.next().await.expect("messages");
    assert_eq!(texts(&first), ["0", "1", "2"]);
    {
        let more = session.next();
        tokio::pin!(more);
        assert!(futures::poll!(&mut more).is_pending(), "the credit is used up");
        node.acknowledge(&subscription(), vec![first[1].ack_id])
            .await
            .expect("acknowledged");
        assert_eq!(texts(&more.await.expect("messages")), ["3"]);
    }
    node.shutdown().await;
}

#[tokio::test]
async fn partitions_share_messages_and_keep_keys_together() {
    let (_folder, node) = ready(4, 600).await;
    let messages: Vec<Message> = (0..200)
        .map(|number| Message {
            key: Some(format!("key-{}", number % 20).into()),
            ..message(&number.to_string())
        })
        .collect();
    let ids = node.publish(&topic(), messages).await.expect("published");
    let partitions: BTreeSet<u32> = ids.iter().map(|id| id.partition).collect();
    assert_eq!(partitions.len(), 4, "twenty keys reach all four partitions");
    for number in 20..200 {
        assert_eq!(
            ids[number].partition,
            ids[number - 20].partition,
            "a key has one partition"
        );
        assert!(ids[number].offset > ids[number - 20].offset, "and its order");
    }
    let mut session = node
        .open_session(&subscription(), UNBOUNDED)
        .await
        .expect("a session");
    let mut received = BTreeSet::new();
    while received.len() < 200 {
        received.extend(
            session
                .next()
                .await
                .expect("messages")
                .into_iter()
                .map(|delivery| delivery.message_id),
        );
    }
    assert_eq!(received, ids.into_iter().collect());
    node.shutdown().await;
}

/// More than memory keeps: records move to segment files while they wait, and come from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_comes_from_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(postroad_node::NodeOptions {
        checkpoint_bytes: 1 << 20,
        ..options(folder.path())
    })
    .await;
    put_topic(&node, 1).await;
    put_subscription(&node, 600).await;
    let filler = "x".repeat(10_000);
    for round in 0..100 {
        let messages = (0..10)
            .map(|number| message(&format!("{} {filler}", round * 10 + number)))
            .collect();
        node.publish(&topic(), messages).await.expect("published");
    }
    node.shutdown().await;
    drop(node);

    let node = open(options(folder.path())).await;
    let mut session = node
        .open_session(&subscription(), UNBOUNDED)
        .await
        .expect("a session");
    let mut next = 0;
    while next < 1_000 {
        let received = session.next().await.expect("messages");
        for text in texts(&received) {
            let number = text.split(' ').next().expect("a number");
            assert_eq!(number, next.to_string(), "in order, each once");
            next += 1;
        }
        node.acknowledge(&subscription(), received.iter().map(|d| d.ack_id).collect())
            .await
            .expect("acknowledged");
    }
    assert_eq!(node.topic_stats(&topic()).expect("numbers").retained_messages, 0);
    node.shutdown().await;
}

#[tokio::test]
async fn a_deleted_subscription_ends_its_sessions() {
    let (_folder, node) = ready(1, 10).await;
    let mut session = node
        .open_session(&subscription(), UNBOUNDED)
        .await
        .expect("a session");
    let waiting = session.next();
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    support::change(&node, Change::DeleteSubscription { name: subscription() }).await;
    assert_eq!(waiting.await.expect_err("it is gone").kind, ErrorKind::NotFound);
    node.shutdown().await;
}

#[tokio::test]
async fn more_partitions_lose_nothing_for_a_consumer_that_is_there() {
    let (_folder, node) = ready(1, 10).await;
    let mut session = node
        .open_session(&subscription(), UNBOUNDED)
        .await
        .expect("a session");
    put_topic(&node, 3).await;
    let mut sent = BTreeSet::new();
    for number in 0..30 {
        node.publish(&topic(), vec![message(&number.to_string())])
            .await
            .expect("published");
        sent.insert(number.to_string());
    }
    let mut received = BTreeSet::new();
    while received.len() < 30 {
        received.extend(texts(&session.next().await.expect("messages")));
    }
    assert_eq!(received, sent);
    node.shutdown().await;
}

#[tokio::test]
async fn a_session_holds_no_more_bytes_than_its_credit_unless_one_message_has_more() {
    let (_folder, node) = ready(1, 600).await;
    let mut session = node
        .open_session(
            &subscription(),
            SessionOptions {
                max_bytes: 100,
                ..UNBOUNDED
            },
        )
        .await
        .expect("a session");
    let messages = [60, 30, 60, 500].map(|size| message(&"x".repeat(size))).to_vec();
    node.publish(&topic(), messages).await.expect("published");
    for (sizes, why) in [
        (vec![60, 30], "the third would be too much"),
        (vec![60], "the fourth would be too much"),
        (vec![500], "a message bigger than all credit comes alone"),
    ] {
        let received = session.next().await.expect("messages");
        assert_eq!(
            texts(&received).iter().map(String::len).collect::<Vec<_>>(),
            sizes,
            "{why}"
        );
        {
            let more = session.next();
            tokio::pin!(more);
            assert!(futures::poll!(&mut more).is_pending(), "{why}");
        }
        let ids = received.iter().map(|delivery| delivery.ack_id).collect();
        node.acknowledge(&subscription(), ids)
            .await
            .expect("acknowledged");
    }
    node.shutdown().await;
}
