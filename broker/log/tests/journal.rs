//! What a caller of the journal relies on.

mod support;

use postroad_log::{FaultyDisk, Journal, JournalError, JournalOptions, NoObserver, OpenError};
use std::sync::Arc;
use support::*;

#[test]
fn entries_are_read_back_before_and_after_they_are_durable_and_after_reopening() {
    let disk = FaultyDisk::new(1);
    let journal = open(&disk);
    let (done, result) = done();
    journal.append(3, vec![entry(1, 1, "a"), entry(2, 1, "b")], done);
    assert_eq!(indexes(&journal, 3), [1, 2]);
    result.recv().unwrap().unwrap();
    assert_eq!(entries(&journal, 3), [entry(1, 1, "a"), entry(2, 1, "b")]);
    journal.close();

    let journal = open(&disk);
    assert_eq!(entries(&journal, 3), [entry(1, 1, "a"), entry(2, 1, "b")]);
    assert_eq!(journal.recovered(3).last, Some((2, 1)));
    assert_eq!(journal.recovered(4), Default::default());
    assert_eq!(journal.shards(), [3]);
}

#[test]
fn a_read_gives_what_fits_but_at_least_one_entry() {
    let journal = open(&FaultyDisk::new(2));
    append(
        &journal,
        0,
        (5..10).map(|index| entry(index, 1, vec![0; 1000])).collect(),
    )
    .unwrap();
    let read = |range, bytes| {
        journal
            .read(0, range, bytes)
            .unwrap()
            .iter()
            .map(|entry| entry.index)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(6..9, 1), [6]);
    assert_eq!(read(6..9, 2_500), [6, 7]);
    assert_eq!(read(6..9, usize::MAX), [6, 7, 8]);
    assert_eq!(read(0..7, usize::MAX), [5, 6], "what is there begins at 5");
    assert_eq!(read(10..12, usize::MAX), [0; 0]);
}

#[test]
fn entries_that_do_not_follow_are_refused_and_change_nothing() {
    let journal = open(&FaultyDisk::new(3));
    append(&journal, 0, vec![entry(7, 1, "a")]).unwrap();
    for entries in [
        vec![entry(9, 1, "gap")],
        vec![entry(7, 1, "repeat")],
        vec![entry(8, 1, "ok"), entry(10, 1, "gap")],
    ] {
        let error = append(&journal, 0, entries).unwrap_err();
        assert!(matches!(error, JournalError::Gap { shard: 0, .. }), "{error}");
    }
    assert_eq!(indexes(&journal, 0), [7]);
    append(&journal, 0, vec![entry(8, 1, "b")]).unwrap();
}

#[test]
fn a_truncated_suffix_is_replaced_and_the_last_term_is_right() {
    let disk = FaultyDisk::new(4);
    let journal = open(&disk);
    append(
        &journal,
        0,
        vec![entry(1, 1, "a"), entry(2, 2, "b"), entry(3, 2, "c")],
    )
    .unwrap();
    truncate(&journal, 0, 2).unwrap();
    assert_eq!(journal.recovered(0).last, Some((1, 1)));
    append(&journal, 0, vec![entry(2, 3, "d")]).unwrap();
    for journal in [journal.clone(), {
        disk.crash();
        open(&disk)
    }] {
        assert_eq!(journal.recovered(0).last, Some((2, 3)));
        if journal.failed().is_none() && journal.read(0, 0..9, 1).is_ok() {
            assert_eq!(entries(&journal, 0), [entry(1, 1, "a"), entry(2, 3, "d")]);
        }
    }
}

#[test]
fn after_a_purge_beyond_the_end_the_log_goes_on_behind_it() {
    let disk = FaultyDisk::new(5);
    let journal = open(&disk);
    append(&journal, 0, vec![entry(1, 1, "a")]).unwrap();
    purge(&journal, 0, 100, "snapshot at 100").unwrap();
    assert_eq!(journal.recovered(0).last, None);
    assert!(append(&journal, 0, vec![entry(2, 1, "b")]).is_err());
    append(&journal, 0, vec![entry(101, 2, "c")]).unwrap();
    purge(&journal, 0, 50, "older").unwrap();
    disk.crash();
    let recovered = open(&disk).recovered(0);
    assert_eq!(recovered.purge_marker.as_deref(), Some(&b"snapshot at 100"[..]));
    assert_eq!(
        (recovered.first_index, recovered.last),
        (Some(101), Some((101, 2)))
    );
}

/// Raft votes twice in a term if its vote is lost with the file that it was written to.
#[test]
fn hard_state_and_purge_marker_survive_the_recycling_of_their_file_and_a_crash() {
    let disk = FaultyDisk::new(6);
    let journal = open(&disk);
    set_hard_state(&journal, 1, "voted for 2 in term 9").unwrap();
    append(&journal, 1, vec![entry(1, 9, "a")]).unwrap();
    purge(&journal, 1, 1, "purged 1").unwrap();
    for index in 1..200 {
        append(&journal, 2, vec![entry(index, 1, vec![1; 3000])]).unwrap();
        purge(&journal, 2, index, "purged").unwrap();
    }
    assert!(
        files_in_use(&disk)
            .iter()
            .all(|path| !path.ends_with("0000000000000001.journal")),
        "{:?}",
        disk.files()
    );
    disk.crash();
    let journal = open(&disk);
    assert_eq!(
        journal.recovered(1).hard_state.as_deref(),
        Some(&b"voted for 2 in term 9"[..])
    );
    assert_eq!(
        journal.recovered(1).purge_marker.as_deref(),
        Some(&b"purged 1"[..])
    );
    assert!(append(&journal, 1, vec![entry(1, 9, "again")]).is_err());
    append(&journal, 1, vec![entry(2, 9, "b")]).unwrap();
}

#[test]
fn files_are_reused_so_that_the_folder_does_not_grow() {
    let disk = FaultyDisk::new(7);
    let journal = open(&disk);
    for index in 1..=1000 {
        append(&journal, 0, vec![entry(index, 1, vec![1; 2000])]).unwrap();
        if index > 20 {
            purge(&journal, 0, index - 20, "purged").unwrap();
        }
    }
    let used: u64 = disk.files().iter().map(|(_, len)| len).sum();
    assert!(
        used <= 6 * OPTIONS.file_bytes,
        "{used} bytes for 20 entries of 2000 bytes"
    );
    journal.close();
    assert_eq!(indexes(&open(&disk), 0), (981..=1000).collect::<Vec<_>>());
}

/// A file that is used again has frames of its former life behind the new ones, some exactly where a new one ends.
#[test]
fn recycled_files_do_not_bring_old_entries_back() {
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let journal = open(&disk);
        // All frames are of one size, so that old and new ones begin at the same places.
        for index in 1..=100 {
            append(&journal, 0, vec![entry(index, 1, vec![index as u8; 3000])]).unwrap();
            purge(&journal, 0, index - 1, "purged").unwrap();
        }
        assert!(journal.recovered(0).first_index == Some(100));
        disk.crash();
        let journal = open(&disk);
        assert_eq!(
            entries(&journal, 0),
            [entry(100, 1, vec![100; 3000])],
            "seed {seed}"
        );
    }
}

#[test]
fn an_entry_larger_than_a_file_gets_a_file_of_its_own_that_is_not_kept() {
    let disk = FaultyDisk::new(8);
    let journal = open(&disk);
    let large = vec![7; 16 << 20];
    append(
        &journal,
        0,
        vec![
            entry(1, 1, "before"),
            entry(2, 1, large.clone()),
            entry(3, 1, "after"),
        ],
    )
    .unwrap();
    assert_eq!(entries(&journal, 0)[1].payload, large);
    disk.crash();
    let journal = open(&disk);
    assert_eq!(entries(&journal, 0)[1].payload, large);
    for index in 4..60 {
        append(&journal, 0, vec![entry(index, 1, vec![1; 3000])]).unwrap();
    }
    purge(&journal, 0, 59, "purged").unwrap();
    append(&journal, 0, vec![entry(60, 1, "last")]).unwrap();
    journal.close();
    assert!(
        disk.files().iter().all(|(_, len)| *len <= OPTIONS.file_bytes),
        "{:?}",
        disk.files()
    );
}

#[test]
fn what_is_too_large_for_the_format_is_refused() {
    let journal = open(&FaultyDisk::new(9));
    let error = append(&journal, 0, vec![entry(1, 1, vec![0; (64 << 20) + 1])]).unwrap_err();
    assert!(matches!(error, JournalError::TooLarge { .. }), "{error}");
    append(&journal, 0, vec![entry(1, 1, "fits")]).unwrap();
}

#[test]
fn the_shard_that_holds_the_oldest_file_is_named() {
    let journal = open(&FaultyDisk::new(10));
    append(&journal, 5, vec![entry(1, 1, "old")]).unwrap();
    assert_eq!(
        journal.stats().oldest_shard,
        None,
        "one file cannot be recycled anyway"
    );
    for index in 1..100 {
        append(&journal, 2, vec![entry(index, 1, vec![1; 3000])]).unwrap();
        purge(&journal, 2, index, "purged").unwrap();
    }
    let stats = journal.stats();
    assert_eq!(stats.oldest_shard, Some(5));
    assert!(
        stats.files > 3 && stats.live_bytes > 2 * OPTIONS.file_bytes,
        "{stats:?}"
    );
    purge(&journal, 5, 1, "purged").unwrap();
    let stats = journal.stats();
    assert_eq!((stats.files, stats.oldest_shard), (1, None), "{stats:?}");
}

#[test]
fn after_close_everything_is_refused_and_what_waited_is_there() {
    let disk = FaultyDisk::new(11);
    let journal = open(&disk);
    let results: Vec<_> = (1..50)
        .map(|index| {
            let (done, result) = done();
            journal.append(0, vec![entry(index, 1, "x")], done);
            result
        })
        .collect();
    journal.close();
    journal.close();
    assert!(results.into_iter().all(|result| result.recv().unwrap().is_ok()));
    assert!(matches!(
        append(&journal, 0, vec![entry(50, 1, "x")]),
        Err(JournalError::Closed)
    ));
    disk.crash();
    assert_eq!(indexes(&open(&disk), 0).len(), 49);
}

/// The last handle may be dropped by a callback, on the writer thread itself, which cannot wait for its own end.
#[test]
fn a_callback_may_drop_the_last_handle() {
    let disk = FaultyDisk::new(12);
    let journal = open(&disk);
    let (sender, receiver) = std::sync::mpsc::channel();
    let last = journal.clone();
    journal.append(
        0,
        vec![entry(1, 1, "x")],
        Box::new(move |result| {
            drop(last);
            sender.send(result).unwrap();
        }),
    );
    drop(journal);
    receiver.recv().unwrap().unwrap();
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (file_bytes, spare_files, name) in [
        (4096, 1, "file_bytes"),
        (1 << 31, 1, "file_bytes"),
        (1 << 20, 0, "spare_files"),
    ] {
        let options = JournalOptions {
            file_bytes,
            spare_files,
        };
        let opened = Journal::open(FaultyDisk::new(0).mount(), dir(), options, Arc::new(NoObserver));
        match opened {
            Err(OpenError::Options { option, .. }) => assert_eq!(option, name),
            _ => panic!("{name} of {file_bytes}, {spare_files} is out of range"),
        }
    }
}
