//! What the shard relies on in a partition's files.

use bytes::Bytes;
use postroad_log::{FaultyDisk, PartitionFiles, SegmentError, SegmentManifest, SegmentOptions, StoredBatch};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const OPTIONS: SegmentOptions = SegmentOptions {
    segment_bytes: 20_000,
    index_interval: 1_000,
    retire_bytes: 5_000,
};

fn dir() -> &'static Path {
    Path::new("/data/partitions/7-0")
}

fn batch(base_offset: u64, count: u32, len: usize) -> StoredBatch {
    let bytes: Vec<u8> = (0..len)
        .map(|at| (at as u64 * 7).wrapping_add(base_offset) as u8)
        .collect();
    StoredBatch {
        base_offset,
        count,
        max_timestamp: 1_000i64.wrapping_add(base_offset as i64),
        bytes: Bytes::from(bytes),
    }
}

fn open(disk: &FaultyDisk, manifest: Option<&SegmentManifest>) -> Result<PartitionFiles, SegmentError> {
    PartitionFiles::open(disk.mount(), dir(), OPTIONS, manifest)
}

/// Batches of three offsets each, from `from`.
fn batches(from: u64, count: u64) -> Vec<StoredBatch> {
    (0..count).map(|at| batch(from + 3 * at, 3, 300)).collect()
}

fn all(files: &PartitionFiles, from: u64) -> Vec<StoredBatch> {
    let (mut all, mut next) = (Vec::new(), from);
    loop {
        let read = files.read(next, 2_000).expect("the batches can be read");
        let Some(last) = read.last() else { return all };
        next = last.end_offset();
        all.extend(read);
    }
}

fn segments(disk: &FaultyDisk, ending: &str) -> Vec<PathBuf> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect()
}

#[test]
fn batches_are_read_back_from_any_offset_across_segments() {
    let disk = FaultyDisk::new(1);
    let files = open(&disk, None).unwrap();
    let written = batches(10, 300);
    for part in written.chunks(7) {
        files.append(part).unwrap();
    }
    let manifest = files.sync().unwrap();
    assert!(manifest.segments().len() > 3);
    assert_eq!((files.first_offset(), files.end_offset()), (Some(10), Some(910)));
    let again = open(&disk, Some(&SegmentManifest::decode(&manifest.encode()).unwrap())).unwrap();
    for files in [files, again] {
        assert_eq!(all(&files, 0), written);
        for offset in 10..910 {
            let read = files.read(offset, 1).unwrap();
            assert_eq!(
                read,
                written[(offset as usize - 10) / 3..][..1],
                "offset {offset}"
            );
        }
        assert_eq!(files.read(910, 1000).unwrap(), []);
    }
}

#[test]
fn a_read_stops_at_its_budget_but_gives_at_least_one_batch() {
    let files = open(&FaultyDisk::new(2), None).unwrap();
    files.append(&batches(0, 100)).unwrap();
    assert_eq!(files.read(0, 1).unwrap().len(), 1);
    assert_eq!(files.read(0, 900).unwrap().len(), 3);
    assert_eq!(files.read(4, 899).unwrap(), batches(3, 2));
    assert_eq!(files.read(0, usize::MAX).unwrap().len(), 100);
}

#[test]
fn gaps_between_batches_are_allowed_and_overlaps_are_refused() {
    let files = open(&FaultyDisk::new(3), None).unwrap();
    files.append(&[batch(5, 2, 10), batch(20, 1, 10)]).unwrap();
    assert_eq!(files.read(7, 1).unwrap()[0].base_offset, 20);
    for wrong in [
        batch(20, 1, 10),
        batch(21, 0, 10),
        batch(21, 1, 0),
        batch(u64::MAX, 2, 10),
    ] {
        let error = files.append(&[wrong]).unwrap_err();
        assert!(matches!(error, SegmentError::Invalid { .. }), "{error}");
    }
    assert_eq!(files.end_offset(), Some(21));
}

#[test]
fn what_was_not_synced_is_cut_to_the_manifest() {
    for seed in 0..50 {
        let disk = FaultyDisk::new(seed);
        let files = open(&disk, None).unwrap();
        files.append(&batches(0, 30)).unwrap();
        let manifest = files.sync().unwrap();
        files.append(&batches(90, 100)).unwrap();
        disk.crash();
        let files = open(&disk, Some(&manifest)).unwrap();
        assert_eq!(all(&files, 0), batches(0, 30), "seed {seed}");
        // The journal brings the rest again, perhaps in other pieces.
        files.append(&batches(90, 50)).unwrap();
        files.append(&batches(240, 50)).unwrap();
        let manifest = files.sync().unwrap();
        disk.crash();
        assert_eq!(
            all(&open(&disk, Some(&manifest)).unwrap(), 0),
            batches(0, 130),
            "seed {seed}"
        );
    }
}

#[test]
fn without_a_manifest_nothing_is_kept() {
    let disk = FaultyDisk::new(4);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 100)).unwrap();
    files.sync().unwrap();
    let files = open(&disk, None).unwrap();
    assert_eq!((files.end_offset(), files.read(0, 100).unwrap()), (None, vec![]));
    assert!(segments(&disk, "segment").is_empty());
    files.append(&batches(0, 1)).unwrap();
}

#[test]
fn trimmed_segments_are_gone_and_an_older_manifest_may_still_name_them() {
    let disk = FaultyDisk::new(5);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 300)).unwrap();
    let manifest = files.sync().unwrap();
    let third = manifest.segments()[2].base_offset;
    files.trim_to(third + 1).unwrap();
    assert_eq!(files.first_offset(), Some(third));
    assert_eq!(files.read(0, 1).unwrap()[0].base_offset, third);
    assert_eq!(files.sync().unwrap().segments(), &manifest.segments()[2..]);
    disk.crash();
    let files = open(&disk, Some(&manifest)).unwrap();
    assert_eq!(files.first_offset(), Some(third));
    assert_eq!(all(&files, 0), batches(third, (900 - third) / 3));
}

/// A broker trimmed everything, started, began a checkpoint and was killed before that was durable: at the next start the
/// older manifest comes a second time. The first opening had removed `trim`, so the second missed the segments, and the
/// broker could not start any more.
#[test]
fn a_manifest_whose_segments_were_all_trimmed_may_come_again_and_again() {
    let disk = FaultyDisk::new(8);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 33)).unwrap();
    let manifest = files.sync().unwrap();
    files.trim_to(99).unwrap();
    assert_eq!(files.first_offset(), None);
    for _ in 0..3 {
        disk.crash();
        let files = open(&disk, Some(&manifest)).unwrap();
        assert_eq!((files.first_offset(), files.end_offset()), (None, Some(99)));
        files.append(&batches(99, 1)).unwrap();
    }
}

/// A partition that is read as fast as it is written keeps no file that nobody needs.
#[test]
fn the_last_segment_is_retired_when_it_is_consumed_and_large_enough() {
    let disk = FaultyDisk::new(6);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 3)).unwrap();
    files.trim_to(9).unwrap();
    assert_eq!(files.first_offset(), Some(0), "too small to be worth a new file");
    files.append(&batches(9, 30)).unwrap();
    let before = files.sync().unwrap();
    files.trim_to(99).unwrap();
    assert_eq!((files.first_offset(), files.end_offset()), (None, Some(99)));
    assert!(matches!(
        files.append(&batches(98, 1)),
        Err(SegmentError::Invalid { .. })
    ));
    files.append(&batches(99, 2)).unwrap();
    disk.crash();
    let files = open(&disk, Some(&before)).unwrap();
    assert_eq!((files.first_offset(), files.end_offset()), (None, Some(99)));
}

#[test]
fn a_missing_segment_is_an_error_that_names_it() {
    let disk = FaultyDisk::new(7);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 300)).unwrap();
    let manifest = files.sync().unwrap();
    files.trim_to(manifest.segments()[1].base_offset).unwrap();
    let lost = segments(&disk, "segment").remove(1);
    disk.lose_file(&lost);
    match open(&disk, Some(&manifest)) {
        Err(SegmentError::Missing { file }) => assert_eq!(file, lost),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_flipped_bit_is_named_by_file_and_offset_and_other_batches_are_served() {
    let disk = FaultyDisk::new(8);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 10)).unwrap();
    let manifest = files.sync().unwrap();
    let segment = segments(&disk, "segment").remove(0);
    // Batch 5: its header, then its bytes.
    let frame = 64 + 5 * 340;
    for at in [frame + 12, frame + 40 + 100] {
        disk.flip_bit(&segment, at, 2);
        let named = match open(&disk, Some(&manifest)).unwrap().read(15, 1) {
            Err(SegmentError::Damaged { file, offset, .. }) => (file, offset),
            read => panic!("{read:?}"),
        };
        assert_eq!(named, (segment.clone(), frame));
        disk.flip_bit(&segment, at, 2);
    }
    disk.flip_bit(&segment, frame + 40, 0);
    let files = open(&disk, Some(&manifest)).unwrap();
    assert_eq!(files.read(3, 1).unwrap(), batches(3, 1));
    assert_eq!(files.read(18, 1).unwrap(), batches(18, 1));
}

#[test]
fn any_flipped_bit_in_a_segment_is_found_or_harmless() {
    for seed in 0..300 {
        let disk = FaultyDisk::new(seed);
        let files = open(&disk, None).unwrap();
        files.append(&batches(0, 20)).unwrap();
        let manifest = files.sync().unwrap();
        let (segment, len) = disk
            .files()
            .into_iter()
            .find(|(path, _)| path.extension().unwrap() == "segment")
            .unwrap();
        let mut random = postroad_log::faulty::Random::new(seed);
        disk.flip_bit(&segment, random.below(len), random.below(8) as u32);
        match open(&disk, Some(&manifest)).unwrap().read(0, usize::MAX) {
            Ok(read) => panic!(
                "seed {seed}: {} batches were read as if nothing were wrong",
                read.len()
            ),
            Err(SegmentError::Damaged { file, .. }) => assert_eq!(file, segment),
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}

#[test]
fn a_segment_that_is_too_short_is_damage() {
    let disk = FaultyDisk::new(9);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 10)).unwrap();
    let manifest = files.sync().unwrap();
    let segment = segments(&disk, "segment").remove(0);
    disk.mount()
        .open(&segment, postroad_log::storage::OpenMode::Existing)
        .unwrap()
        .set_len(1_000)
        .unwrap();
    match open(&disk, Some(&manifest)) {
        Err(SegmentError::Damaged {
            file, offset: 1_000, ..
        }) => assert_eq!(file, segment),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("opened"),
    }
}

/// The index is a hint: whatever happens to it, the same batches are found, and it is there again afterwards.
#[test]
fn a_lost_or_damaged_index_is_built_anew() {
    for seed in 0..200 {
        let disk = FaultyDisk::new(seed);
        let files = open(&disk, None).unwrap();
        files.append(&batches(0, 60)).unwrap();
        let manifest = files.sync().unwrap();
        let index = segments(&disk, "index").remove(0);
        let whole = disk.content(&index).expect("the index is written");
        let mut random = postroad_log::faulty::Random::new(seed);
        if seed % 10 == 0 {
            disk.lose_file(&index);
        } else {
            disk.flip_bit(&index, random.below(whole.len() as u64), random.below(8) as u32);
        }
        let files = open(&disk, Some(&manifest)).unwrap();
        for offset in [59, 0, 100, 170] {
            assert_eq!(
                files.read(offset, 1).unwrap(),
                batches(offset / 3 * 3, 1),
                "seed {seed}"
            );
        }
        assert_eq!(files.find_time(1_100).unwrap(), Some(102), "seed {seed}");
        if seed % 10 == 0 {
            assert_eq!(disk.content(&index).expect("it is there again"), whole);
        }
    }
}

/// An index may survive a crash that its segment's content did not: its checksums are right, what it says is wrong.
#[test]
fn an_index_of_another_content_is_not_believed() {
    let disk = FaultyDisk::new(11);
    let files = open(&disk, None).unwrap();
    files
        .append(&(0..50).map(|at| batch(3 * at, 3, 250)).collect::<Vec<_>>())
        .unwrap();
    files.sync().unwrap();
    let index = segments(&disk, "index").remove(0);
    let stale = disk.content(&index).unwrap();

    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 50)).unwrap();
    let manifest = files.sync().unwrap();
    let file = disk
        .mount()
        .open(&index, postroad_log::storage::OpenMode::Create)
        .unwrap();
    file.write_at(&stale, 0).unwrap();
    let files = open(&disk, Some(&manifest)).unwrap();
    assert_eq!(all(&files, 0), batches(0, 50));
    assert_eq!(files.read(100, 1).unwrap(), batches(99, 1));
}

#[test]
fn an_index_entry_that_points_at_no_batch_is_not_believed() {
    let disk = FaultyDisk::new(13);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 50)).unwrap();
    let manifest = files.sync().unwrap();
    let index = segments(&disk, "index").remove(0);
    // The third entry, eight bytes off, with the checksum that goes with it.
    let at = 32 + 2 * 40;
    let mut entry = disk.content(&index).unwrap()[at..at + 40].to_vec();
    entry[8] ^= 8;
    let crc = crc32c::crc32c(&entry[..36]);
    entry[36..].copy_from_slice(&crc.to_le_bytes());
    let file = disk
        .mount()
        .open(&index, postroad_log::storage::OpenMode::Existing)
        .unwrap();
    file.write_at(&entry, at as u64).unwrap();
    let first = u64::from(entry[0]);
    let files = open(&disk, Some(&manifest)).unwrap();
    assert_eq!(files.read(first, 1).unwrap(), batches(first, 1));
}

#[test]
fn batches_are_found_by_time() {
    let disk = FaultyDisk::new(12);
    let files = open(&disk, None).unwrap();
    let times = [5, 3, 9, 9, 2, 20];
    let at = |(offset, time): (u64, i64)| StoredBatch {
        max_timestamp: time,
        ..batch(offset, 1, 900)
    };
    files
        .append(&(0..).zip(times).map(at).collect::<Vec<_>>())
        .unwrap();
    files.append(&batches(10, 100)).unwrap();
    for (time, offset) in [
        (0, Some(0)),
        (5, Some(0)),
        (6, Some(2)),
        (10, Some(5)),
        (1_000, Some(10)),
        (1_200, Some(202)),
        (9_999, None),
    ] {
        assert_eq!(files.find_time(time).unwrap(), offset, "time {time}");
    }
}

#[test]
fn after_a_failed_sync_the_partition_takes_nothing_and_reopening_goes_on_from_the_manifest() {
    for seed in 0..30 {
        let disk = FaultyDisk::new(seed);
        let files = open(&disk, None).unwrap();
        files.append(&batches(0, 10)).unwrap();
        let manifest = files.sync().unwrap();
        files.append(&batches(30, 10)).unwrap();
        disk.fail_sync(1);
        assert!(matches!(
            files.sync(),
            Err(SegmentError::Io {
                operation: "sync",
                ..
            })
        ));
        assert!(
            matches!(
                files.sync(),
                Err(SegmentError::Io {
                    operation: "sync",
                    ..
                })
            ),
            "a later sync proves nothing"
        );
        assert!(matches!(
            files.append(&batches(60, 1)),
            Err(SegmentError::Io { .. })
        ));
        disk.kill();
        let files = open(&disk, Some(&manifest)).unwrap();
        files.append(&batches(30, 20)).unwrap();
        let manifest = files.sync().unwrap();
        disk.crash();
        assert_eq!(
            all(&open(&disk, Some(&manifest)).unwrap(), 0),
            batches(0, 30),
            "seed {seed}"
        );
    }
}

#[test]
fn a_full_disk_refuses_and_the_rest_can_be_tried_again() {
    let disk = FaultyDisk::new(14);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 10)).unwrap();
    disk.set_capacity(Some(6_000));
    let error = files.append(&batches(30, 40)).unwrap_err();
    match error {
        SegmentError::Io { source, .. } => assert_eq!(source.kind(), std::io::ErrorKind::StorageFull),
        error => panic!("{error}"),
    }
    disk.set_capacity(None);
    let end = files.end_offset().unwrap();
    files.append(&batches(end, (150 - end) / 3)).unwrap();
    let manifest = files.sync().unwrap();
    disk.crash();
    assert_eq!(all(&open(&disk, Some(&manifest)).unwrap(), 0), batches(0, 50));
}

#[test]
fn delete_leaves_nothing() {
    let disk = FaultyDisk::new(15);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 300)).unwrap();
    files.sync().unwrap();
    files.trim_to(200).unwrap();
    files.delete().unwrap();
    assert_eq!(disk.files(), []);
    open(&disk, None).unwrap().delete().unwrap();
}

#[test]
fn reads_go_on_while_batches_are_appended_synced_and_trimmed() {
    let disk = FaultyDisk::new(16);
    let files = Arc::new(open(&disk, None).unwrap());
    files.append(&batches(0, 1)).unwrap();
    let reader = Arc::clone(&files);
    let reading = std::thread::spawn(move || {
        let mut next = 0;
        while next < 6_000 {
            for read in reader.read(next, 3_000).unwrap() {
                assert_eq!(read, batch(read.base_offset, 3, 300));
                assert!(read.end_offset() > next);
                next = read.end_offset();
            }
        }
    });
    for at in 1..2_000 {
        files.append(&batches(3 * at, 1)).unwrap();
        if at % 50 == 0 {
            files.sync().unwrap();
            files.trim_to(3 * at - 100).unwrap();
        }
    }
    reading.join().unwrap();
}

#[test]
fn opening_reads_no_batch_however_much_there_is() {
    let disk = FaultyDisk::new(17);
    let files = open(&disk, None).unwrap();
    files.append(&batches(0, 3_000)).unwrap();
    let manifest = files.sync().unwrap();
    // Less than one operation a batch: a listing, an opening and a look at the length for each segment.
    disk.halt_at(4 * manifest.segments().len() as u64 + 10);
    assert!(manifest.segments().len() > 40);
    open(&disk, Some(&manifest)).unwrap();
}

#[test]
fn bytes_that_are_no_manifest_are_refused() {
    let manifest = |bytes: &[u8]| SegmentManifest::decode(bytes);
    assert!(manifest(b"").is_err());
    assert!(manifest(&[1, 0, 0, 0, 1, 0, 0, 0]).is_err());
    assert!(manifest(&[9, 0, 0, 0, 0, 0, 0, 0]).is_err());
    assert_eq!(
        manifest(&SegmentManifest::default().encode()).unwrap(),
        SegmentManifest::default()
    );
    let mut random = postroad_log::faulty::Random::new(1);
    for len in 0..200 {
        let bytes: Vec<u8> = (0..len)
            .map(|at| {
                if at < 8 {
                    [1, 0, 0, 0, len as u8 / 40, 0, 0, 0][at]
                } else {
                    random.number() as u8
                }
            })
            .collect();
        let _ = manifest(&bytes); // must not panic
    }
}
