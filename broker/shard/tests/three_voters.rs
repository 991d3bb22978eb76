//! One shard with three voters, each with its own journal, loses its leader and goes on.

mod common;

use std::time::Duration;

use common::{Replica, append, open_partition};
use openraft::ServerState;
use postroad_shard::Loopback;

const WAIT: Option<Duration> = Some(Duration::from_secs(30));

async fn three(net: &Loopback, folder: &std::path::Path) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for broker in 1..=3 {
        let replica = Replica::open(
            broker,
            &folder.join(broker.to_string()),
            std::sync::Arc::new(net.of(broker)),
        )
        .await;
        net.add(broker, common::SHARD, replica.shard.raft().clone());
        replicas.push(replica);
    }
    replicas
}

/// The place in `replicas` of the leader among those of `places`.
async fn leader(replicas: &[Replica], places: &[usize]) -> usize {
    let elected = places.iter().map(|place| {
        let raft = replicas[*place].shard.raft().clone();
        Box::pin(async move {
            raft.wait(WAIT)
                .state(ServerState::Leader, "one of them leads")
                .await
                .map(|_| *place)
        })
    });
    let (place, _) = futures::future::select_ok(elected)
        .await
        .expect("a leader is elected in time");
    replicas[place]
        .shard
        .lead()
        .await
        .expect("the leader knows what was committed");
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loss_of_the_leader_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = Loopback::default();
    let replicas = three(&net, folder.path()).await;
    replicas[0]
        .shard
        .initialize(&[1, 2, 3])
        .await
        .expect("the shard is made");

    let first = leader(&replicas, &[0, 1, 2]).await;
    open_partition(&replicas[first].shard).await;
    let mut acknowledged = Vec::new();
    for number in 0..50 {
        let text = format!("before-{number}");
        acknowledged.push((
            append(&replicas[first].shard, &text)
                .await
                .expect("a majority is there"),
            text,
        ));
    }

    net.cut(first as u64 + 1);
    let others: Vec<usize> = (0..3).filter(|place| *place != first).collect();
    let second = leader(&replicas, &others).await;
    for number in 0..50 {
        let text = format!("after-{number}");
        acknowledged.push((
            append(&replicas[second].shard, &text)
                .await
                .expect("two of three are a majority"),
            text,
        ));
    }

    net.heal(first as u64 + 1);
    let applied = replicas[second].shard.status().applied_index;
    for replica in &replicas {
        replica
            .shard
            .raft()
            .wait(WAIT)
            .applied_index_at_least(Some(applied), "all catch up")
            .await
            .expect("in time");
        assert_eq!(replica.contents(), acknowledged);
    }
    let digests: Vec<u64> = replicas
        .iter()
        .map(|replica| replica.shard.with_state(|state| state.digest()))
        .collect();
    assert!(
        digests.iter().all(|digest| *digest == digests[0]),
        "replicas differ: {digests:?}"
    );
    for replica in replicas {
        replica.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_a_majority_acknowledges_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = Loopback::default();
    let replicas = three(&net, folder.path()).await;
    replicas[0]
        .shard
        .initialize(&[1, 2, 3])
        .await
        .expect("the shard is made");
    let first = leader(&replicas, &[0, 1, 2]).await;
    open_partition(&replicas[first].shard).await;

    net.cut(first as u64 + 1);
    let lonely = append(&replicas[first].shard, "nobody else has this");
    let others: Vec<usize> = (0..3).filter(|place| *place != first).collect();
    let elsewhere = async {
        let second = leader(&replicas, &others).await;
        append(&replicas[second].shard, "a majority has this")
            .await
            .expect("a majority is there");
        net.heal(first as u64 + 1);
    };
    let (lonely, ()) = tokio::join!(lonely, elsewhere);
    lonely.expect_err("an entry that a majority never had is not acknowledged");
    let applied = replicas[others[0]]
        .shard
        .status()
        .applied_index
        .max(replicas[others[1]].shard.status().applied_index);
    for replica in &replicas {
        replica
            .shard
            .raft()
            .wait(WAIT)
            .applied_index_at_least(Some(applied), "all catch up")
            .await
            .expect("in time");
        let texts: Vec<String> = replica.contents().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["a majority has this"]);
    }
    for replica in replicas {
        replica.close().await;
    }
}
