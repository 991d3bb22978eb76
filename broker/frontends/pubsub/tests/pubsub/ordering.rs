//! Ordered delivery: `enable_message_ordering`.

use std::collections::BTreeMap;

use postroad_pubsub::proto::pubsub::*;

use crate::server::*;
use crate::stream::{Stream, ack, first};

/// A server with [`TOPIC`] and [`SUBSCRIPTION`], which keeps the order of ordering keys.
async fn ordered() -> Server {
    let server = Server::start().await;
    let topic = Topic {
        name: TOPIC.into(),
        ..Default::default()
    };
    server.publisher().await.create_topic(topic).await.unwrap();
    let subscription = Subscription {
        name: SUBSCRIPTION.into(),
        topic: TOPIC.into(),
        enable_message_ordering: true,
        ..Default::default()
    };
    let mut client = server.subscriber().await;
    let created = client
        .create_subscription(subscription)
        .await
        .unwrap()
        .into_inner();
    assert!(created.enable_message_ordering);
    server
}

fn keyed(key: &str, data: &str) -> PubsubMessage {
    PubsubMessage {
        ordering_key: key.into(),
        ..text(data)
    }
}

fn datas(received: &[ReceivedMessage]) -> Vec<&str> {
    received.iter().map(data).collect()
}

fn ids(received: &[ReceivedMessage]) -> Vec<String> {
    received.iter().map(|received| received.ack_id.clone()).collect()
}

fn nack(received: &ReceivedMessage) -> StreamingPullRequest {
    StreamingPullRequest {
        modify_deadline_ack_ids: vec![received.ack_id.clone()],
        modify_deadline_seconds: vec![0],
        ..Default::default()
    }
}

/// Messages of a stream, until there are `count`.
async fn collect(stream: &mut Stream, count: usize) -> Vec<ReceivedMessage> {
    let mut received = Vec::new();
    while received.len() < count {
        received.extend(stream.messages().await);
    }
    received
}

#[tokio::test]
async fn get_and_list_tell_of_it() {
    let server = ordered().await;
    let mut client = server.subscriber().await;
    let get = GetSubscriptionRequest {
        subscription: SUBSCRIPTION.into(),
    };
    assert!(
        client
            .get_subscription(get)
            .await
            .unwrap()
            .into_inner()
            .enable_message_ordering
    );
    let list = ListSubscriptionsRequest {
        project: "projects/shop".into(),
        ..Default::default()
    };
    let listed = client.list_subscriptions(list).await.unwrap().into_inner();
    assert!(listed.subscriptions[0].enable_message_ordering);

    server.publish(vec![text("x")]).await;
    let response = Stream::open(&server, first())
        .await
        .next()
        .await
        .unwrap()
        .unwrap();
    assert!(response.subscription_properties.unwrap().message_ordering_enabled);
    server.stop().await;
}

#[tokio::test]
async fn a_pull_gets_nothing_of_a_key_that_another_holds() {
    let server = ordered().await;
    server
        .publish(vec![
            keyed("a", "a0"),
            keyed("a", "a1"),
            keyed("a", "a2"),
            keyed("b", "b0"),
            text("x"),
        ])
        .await;
    let held = server.pull(2).await;
    assert_eq!(datas(&held), ["a0", "a1"]);
    let others = server.pull_now().await;
    assert_eq!(
        datas(&others),
        ["b0", "x"],
        "another key and no key are not held up"
    );
    assert!(server.pull_now().await.is_empty());

    // In any order; the key is free when both are acknowledged.
    server.acknowledge(vec![held[1].ack_id.clone()]).await;
    assert!(server.pull_now().await.is_empty());
    server.acknowledge(vec![held[0].ack_id.clone()]).await;
    assert_eq!(datas(&server.pull_now().await), ["a2"]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_given_back_brings_what_is_behind_it() {
    let server = ordered().await;
    let messages = (0..5).map(|number| keyed("a", &format!("a{number}")));
    server.publish(messages.collect()).await;
    let held = server.pull(4).await;
    server
        .acknowledge(vec![held[0].ack_id.clone(), held[2].ack_id.clone()])
        .await;
    server.modify_deadline(&held[1].ack_id, 0).await;
    let again = server.pull_now().await;
    assert_eq!(datas(&again), ["a1", "a3", "a4"], "a2 was acknowledged before");
    // Of the delivery that ended; a1 is open, so it doesn't count.
    server.acknowledge(vec![held[3].ack_id.clone()]).await;
    server.modify_deadline(&again[0].ack_id, 0).await;
    let again = server.pull_now().await;
    assert_eq!(datas(&again), ["a1", "a3", "a4"]);
    server.acknowledge(ids(&again)).await;
    assert!(server.pull_now().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_stream_gets_many_of_a_key_and_another_stream_none() {
    let server = ordered().await;
    server.publish(vec![keyed("a", "a0")]).await;
    let mut one = Stream::open(&server, first()).await;
    let mut held = collect(&mut one, 1).await;
    let mut two = Stream::open(&server, first()).await;
    server
        .publish(vec![keyed("a", "a1"), keyed("b", "b0"), keyed("a", "a2")])
        .await;
    // Whichever stream was first has b0; a1 and a2 can only be with the first stream.
    let mut at_two = Vec::new();
    while held.len() + at_two.len() < 4 {
        tokio::select! {
            messages = one.messages() => held.extend(messages),
            messages = two.messages() => at_two.extend(messages),
        }
    }
    assert!(
        datas(&at_two).into_iter().all(|data| data == "b0"),
        "{:?}",
        datas(&at_two)
    );
    held.retain(|message| data(message) != "b0");
    assert_eq!(datas(&held), ["a0", "a1", "a2"]);

    // Everything of the key comes again, in order, to one of them.
    one.send(nack(&held[0])).await;
    let again = within(async {
        tokio::select! {
            messages = collect(&mut one, 3) => messages,
            messages = collect(&mut two, 3) => messages,
        }
    })
    .await;
    assert_eq!(datas(&again), ["a0", "a1", "a2"]);
    one.send(ack(&again)).await;
    server.stop().await;
}

/// Two streams give some messages back, while a key's messages come from many publishes. Whatever comes again: no
/// message overtakes one before it, and a consumer that takes only what is next is done in the end.
#[tokio::test]
async fn keys_come_in_order_whatever_is_given_back() {
    const KEYS: usize = 5;
    const EACH: usize = 40;
    let server = ordered().await;
    let mut one = Stream::open(&server, first()).await;
    let mut two = Stream::open(&server, first()).await;
    for number in 0..EACH {
        let messages = (0..KEYS).map(|key| keyed(&format!("k{key}"), &number.to_string()));
        server.publish(messages.collect()).await;
    }
    let mut keys: BTreeMap<String, Progress> = BTreeMap::new();
    let mut deliveries = 0;
    while keys.values().map(|key| key.processed).sum::<usize>() < KEYS * EACH {
        let (messages, requests) = tokio::select! {
            messages = one.messages() => (messages, one.requests.clone()),
            messages = two.messages() => (messages, two.requests.clone()),
        };
        for received in messages {
            deliveries += 1;
            let key = received.message.as_ref().unwrap().ordering_key.clone();
            let request = keys.entry(key).or_default().take(&received, deliveries % 7 == 0);
            requests.send(request).await.unwrap();
        }
    }
    assert!(deliveries > KEYS * EACH, "something came again");
    drop((one, two));
    server.stop().await;
}

/// How far a consumer is with a key.
#[derive(Default)]
struct Progress {
    seen: usize,
    processed: usize,
}

impl Progress {
    fn take(&mut self, received: &ReceivedMessage, refuse: bool) -> StreamingPullRequest {
        let number: usize = data(received).parse().unwrap();
        assert!(number <= self.seen, "{number} came before {}", self.seen);
        self.seen = self.seen.max(number + 1);
        // What is ahead of its turn is left over from a delivery that was given back.
        if number > self.processed || (number == self.processed && refuse) {
            return nack(received);
        }
        self.processed = self.processed.max(number + 1);
        ack(std::slice::from_ref(received))
    }
}
