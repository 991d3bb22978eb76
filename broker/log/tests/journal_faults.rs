//! A disk that fails while the journal writes to it.

mod support;

use postroad_log::{FaultyDisk, JournalError, OpenError};
use support::*;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let disk = FaultyDisk::new(1);
    let journal = open(&disk);
    append(&journal, 0, vec![entry(1, 1, "a")]).unwrap();
    disk.fail_sync(1);
    let error = append(&journal, 0, vec![entry(2, 1, "b")]).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::Failed {
                operation: "sync",
                ..
            }
        ),
        "{error}"
    );
    // The disk works again, but what it lost is unknown.
    for error in [
        append(&journal, 0, vec![entry(3, 1, "c")]).unwrap_err(),
        set_hard_state(&journal, 1, "vote").unwrap_err(),
        journal.failed().expect("the failure is sticky"),
    ] {
        assert!(
            matches!(
                error,
                JournalError::Failed {
                    operation: "sync",
                    ..
                }
            ),
            "{error}"
        );
    }
}

/// After a failed sync Linux marks the lost pages clean: a restarted process reads them from the cache, builds on them,
/// and the next power cut takes them away, from under entries that were acknowledged since.
#[test]
fn what_a_restart_finds_after_a_failed_sync_survives_the_next_crash() {
    for seed in 0..50 {
        let disk = FaultyDisk::new(seed);
        let journal = open(&disk);
        append(&journal, 0, vec![entry(1, 1, "a")]).unwrap();
        disk.fail_sync(1);
        append(&journal, 0, vec![entry(2, 1, vec![2; 5000])]).unwrap_err();
        disk.kill();
        journal.close();

        let journal = open(&disk);
        let found = indexes(&journal, 0);
        append(
            &journal,
            0,
            vec![entry(found.len() as u64 + 1, 2, "acknowledged")],
        )
        .unwrap();
        disk.crash();
        assert_eq!(indexes(&open(&disk), 0).len(), found.len() + 1, "seed {seed}");
    }
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_and_a_restart_goes_on() {
    let disk = FaultyDisk::new(2);
    let journal = open(&disk);
    append(&journal, 0, vec![entry(1, 1, "a")]).unwrap();
    disk.fail_write(1);
    append(&journal, 0, vec![entry(2, 1, "b")]).unwrap_err();
    append(&journal, 0, vec![entry(3, 1, "c")]).unwrap_err();
    journal.close();
    let journal = open(&disk);
    assert_eq!(indexes(&journal, 0), [1]);
    append(&journal, 0, vec![entry(2, 2, "b")]).unwrap();
}

#[test]
fn short_writes_are_completed() {
    let disk = FaultyDisk::new(3);
    disk.short_writes(true);
    let journal = open(&disk);
    for index in 1..60 {
        append(&journal, 0, vec![entry(index, 1, vec![index as u8; 4000])]).unwrap();
    }
    disk.crash();
    let journal = open(&disk);
    assert!(
        entries(&journal, 0)
            .iter()
            .all(|entry| entry.payload[..] == [entry.index as u8; 4000])
    );
    assert_eq!(indexes(&journal, 0).len(), 59);
}

#[test]
fn a_full_disk_is_told_apart_and_loses_nothing_acknowledged() {
    let disk = FaultyDisk::new(4);
    let journal = open(&disk);
    disk.set_capacity(Some(3 * OPTIONS.file_bytes));
    let mut acknowledged = 0;
    let error = loop {
        match append(&journal, 0, vec![entry(acknowledged + 1, 1, vec![1; 5000])]) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full { .. }), "{error}");
    assert!(matches!(
        append(&journal, 1, vec![entry(1, 1, "small")]),
        Err(JournalError::Full { .. })
    ));
    journal.close();
    disk.set_capacity(None);
    disk.crash();
    let journal = open(&disk);
    assert!(indexes(&journal, 0).len() as u64 >= acknowledged);
    append(&journal, 1, vec![entry(1, 1, "there is space again")]).unwrap();
}

#[test]
fn a_disk_without_space_for_the_first_file_is_an_error_that_names_the_folder() {
    let disk = FaultyDisk::new(5);
    disk.set_capacity(Some(1000));
    match open_on(disk.mount()) {
        Err(OpenError::Io { file, source, .. }) => {
            assert_eq!(
                (file.as_path(), source.kind()),
                (dir(), std::io::ErrorKind::StorageFull)
            );
        }
        _ => panic!("there is no space"),
    }
    disk.set_capacity(None);
    append(&open(&disk), 0, vec![entry(1, 1, "a")]).unwrap();
}
