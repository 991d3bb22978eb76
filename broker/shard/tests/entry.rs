//! What is stored in the journal comes back as it was; what this version doesn't know is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use openraft::{CommittedLeaderId, EmptyNode, EntryPayload};
use postroad_core::{Batch, Command};
use postroad_shard::entry::{
    decode_entry, decode_log_id, decode_vote, encode_entry, encode_log_id, encode_vote,
};
use postroad_shard::raft_types::{Entry, LogId, Membership, Vote};
use postroad_shard::{Commands, TypeConfig};
use postroad_types::{PartitionId, TopicId};
use proptest::prelude::*;

fn entry(payload: EntryPayload<TypeConfig>) -> Entry {
    Entry {
        log_id: LogId::new(CommittedLeaderId::new(3, 77), 12),
        payload,
    }
}

fn there_and_back(entry: &Entry) -> Entry {
    decode_entry(12, 3, encode_entry(entry)).expect("what was encoded can be decoded")
}

#[test]
fn every_kind_of_entry_comes_back() {
    let partition = PartitionId {
        topic: TopicId(5),
        index: 2,
    };
    let commands = vec![
        Command::append(partition, Bytes::from_static(b"batch"), 3),
        Command::open_partition(partition),
    ];
    let batch = Arc::new(Batch::new(1_234, commands));
    let read = there_and_back(&entry(EntryPayload::Normal(Commands(Arc::clone(&batch)))));
    assert_eq!(read.log_id, LogId::new(CommittedLeaderId::new(3, 77), 12));
    let EntryPayload::Normal(commands) = read.payload else {
        panic!("commands came back as {:?}", read.payload)
    };
    assert_eq!(commands.0, batch);

    assert!(matches!(
        there_and_back(&entry(EntryPayload::Blank)).payload,
        EntryPayload::Blank
    ));

    let joint = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([3, 4])];
    let nodes: BTreeMap<u64, EmptyNode> = [1, 2, 3, 4, 9].map(|id| (id, EmptyNode {})).into();
    let membership = Membership::new(joint, nodes);
    let read = there_and_back(&entry(EntryPayload::Membership(membership.clone())));
    let EntryPayload::Membership(read) = read.payload else {
        panic!("a membership came back as {:?}", read.payload)
    };
    assert_eq!(read, membership);
}

#[test]
fn an_entry_of_a_newer_version_is_refused() {
    let unknown_payload = Bytes::from_static(&[0x08, 77, 0x7a, 0]);
    let error = decode_entry(12, 3, unknown_payload).expect_err("no payload that is known");
    assert!(error.to_string().contains("entry 12"), "{error}");

    let unknown_command = Commands(Arc::new(Batch::new(1, vec![Command { operation: None }])));
    let bytes = encode_entry(&entry(EntryPayload::Normal(unknown_command)));
    let error = decode_entry(12, 3, bytes).expect_err("a command that is not known");
    assert!(error.to_string().contains("entry 12"), "{error}");
}

#[test]
fn votes_and_log_ids_come_back() {
    for committed in [false, true] {
        let vote = Vote {
            committed,
            ..Vote::new(9, 1 << 63)
        };
        assert_eq!(decode_vote(encode_vote(&vote)).expect("a vote"), vote);
    }
    let id = LogId::new(CommittedLeaderId::new(9, u64::MAX), 1 << 40);
    assert_eq!(decode_log_id(encode_log_id(id)).expect("a log id"), id);
}

proptest! {
    /// Any bytes give an entry or an error, never a panic.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        drop(decode_entry(1, 1, bytes.clone()));
        drop(decode_vote(bytes.clone()));
        drop(decode_log_id(bytes));
    }
}
