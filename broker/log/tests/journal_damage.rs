//! What recovery tells apart: a torn tail, which was never acknowledged, and damage, which was.

mod support;

use postroad_log::faulty::Random;
use postroad_log::{FaultyDisk, JournalError, OpenError};
use std::path::{Path, PathBuf};
use support::*;

fn refused(disk: &FaultyDisk) -> (PathBuf, u64, String) {
    match open_on(disk.mount()) {
        Err(OpenError::Damaged { file, offset, reason }) => (file, offset, reason),
        Err(error) => panic!("another error: {error}"),
        Ok(journal) => panic!("opened, with {:?}", journal.recovered(0)),
    }
}

fn payload(index: u64) -> Vec<u8> {
    format!("this is the payload of entry {index:05}").into_bytes()
}

/// A journal with `count` acknowledged entries, whose process was killed.
fn written(seed: u64, count: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    let journal = open(&disk);
    for index in 1..=count {
        append(&journal, 0, vec![entry(index, 1, payload(index))]).unwrap();
    }
    disk.kill();
    journal.close();
    disk
}

#[test]
fn a_flipped_bit_in_the_middle_is_damage_named_by_file_and_offset() {
    let disk = written(1, 10);
    let file = files_in_use(&disk).remove(0);
    let at = find(&disk, &file, &payload(4));
    assert!(disk.flip_bit(&file, at + 3, 5));
    let (named, offset, reason) = refused(&disk);
    assert_eq!((named, offset), (file.clone(), at - 40), "{reason}");
    assert!(reason.contains("checksum"), "{reason}");
    // Refusing changed nothing: with the bit back, everything is back.
    disk.flip_bit(&file, at + 3, 5);
    assert_eq!(indexes(&open(&disk), 0).len(), 10);
}

#[test]
fn any_flipped_bit_is_found_or_was_never_acknowledged() {
    for seed in 0..400 {
        let disk = written(seed, 10);
        let file = files_in_use(&disk).remove(0);
        let mut random = Random::new(seed);
        let used = find(&disk, &file, &payload(10)) + 40;
        let at = match random.below(4) {
            0 => random.below(64),
            _ => 4096 + random.below(used - 4096),
        };
        disk.flip_bit(&file, at, random.below(8) as u32);
        match open_on(disk.mount()) {
            Err(OpenError::Damaged { file: named, .. }) => assert_eq!(named, file),
            Err(error) => panic!("seed {seed}, byte {at}: {error}"),
            // Reserved bytes and padding, or the last group, for which nothing younger vouches.
            Ok(journal) => {
                let entries = entries(&journal, 0);
                assert!(
                    entries.len() >= 9,
                    "seed {seed}, byte {at}: {} entries",
                    entries.len()
                );
                assert!(
                    entries.iter().all(|entry| entry.payload == payload(entry.index)),
                    "seed {seed}, byte {at}"
                );
            }
        }
    }
}

/// After an orderly end the Mark frame vouches for the last group as well.
#[test]
fn after_an_orderly_end_a_flipped_bit_in_the_last_entry_is_damage() {
    let disk = FaultyDisk::new(3);
    let journal = open(&disk);
    append(&journal, 0, vec![entry(1, 1, payload(1))]).unwrap();
    journal.close();
    let file = files_in_use(&disk).remove(0);
    disk.flip_bit(&file, find(&disk, &file, &payload(1)), 0);
    assert_eq!(refused(&disk).0, file);
}

#[test]
fn a_flipped_bit_in_an_older_file_is_damage_wherever_it_is() {
    let disk = FaultyDisk::new(4);
    let journal = open(&disk);
    for index in 1..=60 {
        append(
            &journal,
            0,
            vec![entry(index, 1, [payload(index), vec![0; 2000]].concat())],
        )
        .unwrap();
    }
    disk.kill();
    journal.close();
    let files = files_in_use(&disk);
    assert!(files.len() > 1);
    // The last entry of the first file is the last frame in it.
    let last = (1..=60).rev().find(|index| {
        let content = disk.content(&files[0]).unwrap();
        content
            .windows(payload(*index).len())
            .any(|window| window == payload(*index))
    });
    let at = find(&disk, &files[0], &payload(last.unwrap()));
    disk.flip_bit(&files[0], at, 1);
    let (named, offset, _) = refused(&disk);
    assert_eq!((named.as_path(), offset), (files[0].as_path(), at - 40));
}

#[test]
fn a_missing_file_is_damage() {
    for lost in 0..4 {
        let disk = FaultyDisk::new(5);
        let journal = open(&disk);
        for index in 1..=70 {
            append(&journal, 0, vec![entry(index, 1, vec![0; 3000])]).unwrap();
        }
        disk.kill();
        journal.close();
        let files = files_in_use(&disk);
        assert_eq!(files.len(), 4);
        disk.lose_file(&files[lost]);
        let (named, _, reason) = refused(&disk);
        let expected: &Path = if lost == 0 { &files[1] } else { &files[lost] };
        assert_eq!(named, expected, "{reason}");
        assert!(reason.contains("missing"), "{reason}");
    }
}

/// The last group reached the disk in part: what of it is whole and leads without a hole may stay, the rest is cut.
///
/// Frames are longer than a sector, so that a hole can be in one frame only and the next is whole.
#[test]
fn a_torn_last_group_is_cut_and_never_comes_back() {
    let payload = |index: u64| vec![index as u8; 984];
    let (mut cut, mut kept) = (0, 0);
    for seed in 0..200 {
        let disk = written(seed, 3);
        let journal = open(&disk);
        // One group of many frames, of which the crash keeps any sectors.
        disk.fail_sync(1);
        append(
            &journal,
            0,
            (4..40).map(|index| entry(index, 2, payload(index))).collect(),
        )
        .unwrap_err();
        disk.crash();
        journal.close();
        let journal = open(&disk);
        let found = indexes(&journal, 0);
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
        assert!(found.len() >= 3, "seed {seed}");
        cut += usize::from(found.len() < 39);
        kept += usize::from(found.len() > 3);
        // A new frame of the same size ends exactly where a frame of the torn group begins.
        let next = found.len() as u64 + 1;
        append(&journal, 0, vec![entry(next, 3, payload(next))]).unwrap();
        disk.crash();
        journal.close();
        let journal = open(&disk);
        assert_eq!(journal.recovered(0).last, Some((next, 3)), "seed {seed}");
    }
    assert!(
        cut > 20 && kept > 20,
        "{cut} torn, {kept} with something kept: the test does not test what it says"
    );
}

#[test]
fn a_newer_format_is_refused_by_name_and_left_alone() {
    let disk = written(7, 1);
    let file = files_in_use(&disk).remove(0);
    let mut header = disk.content(&file).unwrap()[..60].to_vec();
    // Version 1 becomes 3, with the checksum that goes with it.
    disk.flip_bit(&file, 8, 1);
    let old = crc32c::crc32c(&header);
    header[8] ^= 2;
    for bit in (0..32).filter(|bit| (old ^ crc32c::crc32c(&header)) >> bit & 1 == 1) {
        disk.flip_bit(&file, 60 + u64::from(bit / 8), bit % 8);
    }
    match open_on(disk.mount()) {
        Err(OpenError::Version {
            file: named,
            found: 3,
            supported: 1,
        }) => assert_eq!(named, file),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn damage_under_a_running_journal_is_noticed_by_the_read() {
    let disk = FaultyDisk::new(8);
    let journal = open(&disk);
    append(
        &journal,
        0,
        vec![entry(1, 1, payload(1)), entry(2, 1, payload(2))],
    )
    .unwrap();
    let file = files_in_use(&disk).remove(0);
    let at = find(&disk, &file, &payload(2));
    disk.flip_bit(&file, at, 0);
    assert_eq!(journal.read(0, 1..2, 100).unwrap().len(), 1);
    match journal.read(0, 1..3, usize::MAX) {
        Err(JournalError::Damaged {
            file: named, offset, ..
        }) => assert_eq!((named, offset), (file, at - 40)),
        read => panic!("{read:?}"),
    }
}
