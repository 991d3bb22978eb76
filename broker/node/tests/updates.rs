//! Updates of a subscription in use: who consumes notices nothing but what was updated; and updates that meet.

mod support;

use std::time::Duration;

use futures::future::join_all;
use postroad_node::{Change, Node, SessionOptions};
use postroad_types::{Error, ErrorKind, Owner, SubscriptionSpec, TopicSpec};
use support::{change, message, open, options, put_subscription, put_topic, subscription, texts, topic};
use tempfile::TempDir;

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

async fn ready() -> (TempDir, Node) {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(options(folder.path())).await;
    put_topic(&node, 2).await;
    put_subscription(&node, 600).await;
    (folder, node)
}

/// Labels, deadline, and both through the admin API's way of putting whole specs.
async fn update_all(node: &Node) {
    let label = |current: &SubscriptionSpec| {
        let mut spec = current.clone();
        spec.labels.insert("team".into(), "money".into());
        Ok(spec)
    };
    node.update_subscription(Owner::Api, &subscription(), label)
        .await
        .expect("updated");
    let deadline = |current: &SubscriptionSpec| {
        let mut spec = current.clone();
        spec.ack_deadline_seconds = 10;
        Ok(spec)
    };
    node.update_subscription(Owner::Api, &subscription(), deadline)
        .await
        .expect("updated");
    put_subscription(node, 500).await;
}

/// A change of labels or deadline once closed the subscription's hub, which forgot who held what: everything that was
/// in consumers' hands was delivered again.
#[tokio::test]
async fn what_is_leased_stays_leased() {
    let (_folder, node) = ready().await;
    let messages = ["a", "b", "c"].map(message).to_vec();
    node.publish(&topic(), messages).await.expect("published");
    let mut held = Vec::new();
    while held.len() < 3 {
        held.extend(node.pull(&subscription(), 10, LONG).await.expect("pulled"));
    }
    update_all(&node).await;
    let again = node.pull(&subscription(), 10, NOW).await.expect("pulled");
    assert_eq!(texts(&again), [""; 0], "they are in our hands");
    assert_eq!(
        node.subscription_stats(&subscription())
            .expect("numbers")
            .leased_messages,
        3
    );

    let ids = held.iter().map(|delivery| delivery.ack_id).collect();
    node.acknowledge(&subscription(), ids)
        .await
        .expect("acknowledged");
    let stats = node.subscription_stats(&subscription()).expect("numbers");
    assert_eq!((stats.backlog_messages, stats.leased_messages), (0, 0));
    node.shutdown().await;
}

#[tokio::test]
async fn a_session_goes_on_with_the_credit_it_had() {
    let (_folder, node) = ready().await;
    let credit = SessionOptions {
        ack_deadline: None,
        max_messages: 1,
        max_bytes: 0,
    };
    let mut session = node
        .open_session(&subscription(), credit)
        .await
        .expect("a session");
    node.publish(&topic(), vec![message("first")])
        .await
        .expect("published");
    let first = session.next().await.expect("messages");
    update_all(&node).await;
    node.publish(&topic(), vec![message("second")])
        .await
        .expect("published");
    {
        let more = session.next();
        tokio::pin!(more);
        assert!(futures::poll!(&mut more).is_pending(), "the credit is used up");
        node.acknowledge(&subscription(), vec![first[0].ack_id])
            .await
            .expect("acknowledged");
        assert_eq!(texts(&more.await.expect("messages")), ["second"]);
    }
    node.shutdown().await;
}

/// Each adds its own label to those it found. None is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_that_meet_do_not_undo_each_other() {
    const UPDATES: usize = 20;
    let (_folder, node) = ready().await;
    let subscription = subscription();
    let subscriptions = (0..UPDATES).map(|number| {
        let edit = move |current: &SubscriptionSpec| {
            let mut spec = current.clone();
            spec.labels.insert(format!("label-{number}"), String::new());
            Ok(spec)
        };
        node.update_subscription(Owner::Api, &subscription, edit)
    });
    let topic = topic();
    let topics = (0..UPDATES).map(|number| {
        let edit = move |current: &TopicSpec| {
            let mut spec = current.clone();
            spec.labels.insert(format!("label-{number}"), String::new());
            Ok(spec)
        };
        node.update_topic(Owner::Api, &topic, edit)
    });
    let (subscriptions, topics) = futures::join!(join_all(subscriptions), join_all(topics));
    for updated in subscriptions {
        updated.expect("updated");
    }
    for updated in topics {
        updated.expect("updated");
    }
    assert_eq!(
        node.subscription(&subscription).expect("there").spec.labels.len(),
        UPDATES
    );
    assert_eq!(node.topic(&topic).expect("there").spec.labels.len(), UPDATES);
    node.shutdown().await;
}

#[tokio::test]
async fn an_edit_that_says_no_and_a_subscription_that_is_gone() {
    let (_folder, node) = ready().await;
    let before = node.subscription(&subscription()).expect("there");
    let no = |_: &SubscriptionSpec| Err(Error::invalid("no"));
    let refused = node.update_subscription(Owner::Api, &subscription(), no).await;
    assert_eq!(refused.expect_err("refused").message, "no");
    assert_eq!(node.subscription(&subscription()).expect("there"), before);

    change(&node, Change::DeleteSubscription { name: subscription() }).await;
    let same = |current: &SubscriptionSpec| Ok(current.clone());
    let gone = node.update_subscription(Owner::Api, &subscription(), same).await;
    assert_eq!(gone.expect_err("gone").kind, ErrorKind::NotFound);
    node.shutdown().await;
}
