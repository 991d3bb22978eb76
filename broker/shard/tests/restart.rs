//! A shard comes back as it was: from the journal, from a checkpoint, and from both.

mod common;

use std::sync::Arc;

use common::{PARTITION, Replica, SUBSCRIPTION, append, open_partition};
use postroad_core::Command;
use postroad_shard::NoPeers;

async fn open(folder: &std::path::Path) -> Replica {
    let replica = Replica::open(1, folder, Arc::new(NoPeers)).await;
    replica
        .shard
        .initialize(&[1])
        .await
        .expect("the shard is made, or was");
    replica.shard.lead().await.expect("its only voter leads it");
    replica
}

async fn append_all(replica: &Replica, texts: std::ops::Range<u64>) {
    for number in texts {
        let offset = append(&replica.shard, &number.to_string())
            .await
            .expect("it is durable");
        assert_eq!(offset, number, "offsets have no gap");
    }
}

fn numbers(range: std::ops::Range<u64>) -> Vec<(u64, String)> {
    range.map(|number| (number, number.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_journal_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    append_all(&replica, 0..100).await;
    replica.close().await;

    let replica = open(folder.path()).await;
    assert_eq!(replica.contents(), numbers(0..100));
    append_all(&replica, 100..110).await;
    replica.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_checkpoint_and_what_came_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    append_all(&replica, 0..100).await;
    replica.shard.checkpoint().await.expect("a checkpoint");
    assert_eq!(
        replica.shard.unflushed_bytes(),
        0,
        "what is in segments needs no memory"
    );
    assert_eq!(replica.contents(), numbers(0..100), "and is read from there");
    append_all(&replica, 100..150).await;
    let ack = Command::ack(SUBSCRIPTION, PARTITION, [(0, 30), (140, 5)]);
    replica.shard.propose(ack).await.expect("an acknowledgement");
    let digest = replica.shard.with_state(|state| state.digest());
    replica.close().await;

    let replica = open(folder.path()).await;
    assert_eq!(
        replica.contents(),
        numbers(30..150),
        "what every cursor has passed is gone, the rest is not"
    );
    let cursor = replica.shard.with_state(|state| {
        let cursor = state
            .partition(&PARTITION)
            .and_then(|partition| partition.cursor(SUBSCRIPTION));
        cursor.cloned().expect("the cursor")
    });
    assert_eq!(cursor.floor(), 30);
    assert_eq!(cursor.acked().iter().collect::<Vec<_>>(), vec![140..145]);
    assert_ne!(digest, 0);
    replica.shard.checkpoint().await.expect("another checkpoint");
    replica.close().await;

    let replica = open(folder.path()).await;
    assert_eq!(replica.contents(), numbers(30..150));
    append_all(&replica, 150..160).await;
    replica.close().await;
}

/// The journal is recycled behind checkpoints: ten times its files' size goes through it, and it stays small.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_let_the_journal_be_recycled() {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    let big = "x".repeat(100_000);
    for round in 0..10 {
        for _ in 0..11 {
            append(&replica.shard, &big).await.expect("it is durable");
        }
        let all = (round + 1) * 11;
        replica
            .shard
            .propose(Command::ack(SUBSCRIPTION, PARTITION, [(0, all)]))
            .await
            .expect("acknowledged");
        replica.shard.checkpoint().await.expect("a checkpoint");
    }
    assert!(
        replica.journal.stats().live_bytes <= 4 << 20,
        "{:?}",
        replica.journal.stats()
    );
    replica.close().await;
    let replica = open(folder.path()).await;
    assert_eq!(replica.contents(), []);
    assert_eq!(append(&replica.shard, "next").await.expect("it is durable"), 110);
    replica.close().await;
}

/// A crash between checkpoint and purge left the log unpurged, and Raft purges by itself only after a newer checkpoint: an idle
/// shard then held the journal's oldest file for ever, and the journal grew until the disk was full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_there_already_still_purges() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = tempfile::tempdir().expect("another folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    append_all(&replica, 0..100).await;
    replica.close().await;
    // The journal as it was before the purge, with the checkpoint that came before it.
    copy(&folder.path().join("journal"), &before.path().join("journal"));
    let replica = open(folder.path()).await;
    replica.shard.checkpoint().await.expect("a checkpoint");
    replica.close().await;
    copy(&folder.path().join("shard"), &before.path().join("shard"));

    let replica = open(before.path()).await;
    let first = |replica: &Replica| replica.journal.recovered(common::SHARD.0).first_index;
    let unpurged = first(&replica).expect("entries");
    replica.shard.checkpoint().await.expect("a checkpoint");
    let purged = first(&replica);
    assert!(
        purged.is_none_or(|first| first > unpurged),
        "entries from {unpurged} on are still there: {purged:?}"
    );
    assert_eq!(replica.contents(), numbers(0..100));
    replica.close().await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A broker was killed after a checkpoint without the partition was durable and before the partition's files were deleted:
/// nobody knew of them any more, and the payloads of a deleted topic stayed on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_closed_partition_go_also_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    append_all(&replica, 0..10).await;
    replica.shard.checkpoint().await.expect("a checkpoint");
    let files = folder.path().join("shard").join(PARTITION.to_string());
    let copied = folder.path().join("copy");
    copy(&files, &copied);
    replica
        .shard
        .propose(Command::close_partition(PARTITION))
        .await
        .expect("closed");
    replica.shard.checkpoint().await.expect("a checkpoint");
    assert!(
        !files.exists(),
        "a closed partition's files go with the next checkpoint"
    );
    replica.close().await;
    copy(&copied, &files);

    let replica = open(folder.path()).await;
    replica
        .shard
        .propose(Command::close_partition(PARTITION))
        .await
        .expect("any entry, so that there is something new");
    replica.shard.checkpoint().await.expect("a checkpoint");
    assert!(!files.exists(), "what a crash left is found again");
    replica.close().await;
}

/// Beyond some thirty futures the order in which `join_all` polls, and beyond 128 sends the order in which tokio wakes,
/// is not the order of the commands: subscriptions came before their topics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_take_place_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = open(folder.path()).await;
    open_partition(&replica.shard).await;
    let batch = |number: u64| {
        let message = postroad_types::Message {
            data: number.to_string().into(),
            ..Default::default()
        };
        let bytes = postroad_types::record::RecordBatch::encode(&[message], postroad_types::Timestamp(1));
        Command::append(PARTITION, bytes.expect("a small batch"), 1)
    };
    let replies = replica.shard.propose_all((0..1_000).map(batch)).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!(replica.contents(), numbers(0..1_000));
    replica.close().await;
}
