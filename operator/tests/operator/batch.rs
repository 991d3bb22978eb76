//! Changes that nobody waits for any more are not made.

use postroad_admin_api::{Client, Kind, Resource, Spec, TopicSpec};
use postroad_operator::broker::{Batcher, Change, Refusal};
use postroad_operator::metrics::Metrics;

use crate::fake::FakeBroker;

fn topic(name: &str) -> Change {
    Change::Apply(Resource {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        spec: Spec::Topic(TopicSpec::default()),
    })
}

/// An operator that lost its lease went on sending what its stopped reconciles had handed in.
#[tokio::test]
async fn what_nobody_waits_for_is_not_sent_and_an_aborted_task_refuses() {
    let broker = FakeBroker::start().await;
    broker.with(|catalog| catalog.cluster_id = Some("formed".to_owned()));
    let client = Client::new(&broker.url, Some("a-token-for-tests")).unwrap();
    let (batcher, task) = Batcher::start(client, Metrics::new().unwrap());
    let mut stopped = Box::pin(batcher.submit(topic("stopped")));
    assert!(futures::poll!(&mut stopped).is_pending(), "it is handed in");
    drop(stopped);
    batcher.submit(topic("waited-for")).await.unwrap();
    assert!(broker.described(Kind::Topic, "shop", "waited-for").is_some());
    assert!(broker.described(Kind::Topic, "shop", "stopped").is_none());

    let late = batcher.submit(topic("late"));
    task.abort();
    assert!(matches!(late.await, Err(Refusal::Closed)));
    assert!(broker.described(Kind::Topic, "shop", "late").is_none());
}
