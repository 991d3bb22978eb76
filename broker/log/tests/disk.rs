//! The same on real files.

mod support;

use bytes::Bytes;
use postroad_log::{
    DataDir, Disk, Journal, JournalObserver, JournalOptions, NoObserver, PartitionFiles, SegmentOptions,
    Storage, StoredBatch, read_checkpoint, write_checkpoint,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{append, done, entries, entry, indexes, purge};

fn storage() -> Arc<dyn Storage> {
    Arc::new(Disk)
}

#[derive(Default)]
struct Groups {
    groups: AtomicUsize,
    frames: AtomicUsize,
}

impl JournalObserver for Groups {
    fn committed(&self, _took: Duration, frames: usize, bytes: usize) {
        assert!(bytes >= 40 * frames);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.frames.fetch_add(frames, Ordering::Relaxed);
    }
}

#[test]
fn a_journal_on_real_files_rolls_recycles_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(&storage(), &folder.path().join("made"), || 1).unwrap();
    let options = JournalOptions {
        file_bytes: 256 << 10,
        spare_files: 2,
    };
    let open = |observer| Journal::open(storage(), &data.journal_dir(), options, observer).unwrap();
    let groups = Arc::new(Groups::default());
    let journal = open(groups.clone());
    let results: Vec<_> = (1..=1000)
        .map(|index| {
            let (done, result) = done();
            journal.append(0, vec![entry(index, 1, vec![index as u8; 2000])], done);
            result
        })
        .collect();
    results
        .into_iter()
        .for_each(|result| result.recv().unwrap().unwrap());
    assert_eq!(groups.frames.load(Ordering::Relaxed), 1000);
    assert!(
        groups.groups.load(Ordering::Relaxed) < 1000,
        "what waits together is written together"
    );
    purge(&journal, 0, 990, "purged").unwrap();
    append(&journal, 0, vec![entry(1001, 2, "last")]).unwrap();
    journal.close();

    let journal = open(Arc::new(NoObserver));
    assert_eq!(indexes(&journal, 0), (991..=1001).collect::<Vec<_>>());
    assert_eq!(entries(&journal, 0)[0].payload[..], [991u64 as u8; 2000]);
    assert_eq!(journal.recovered(0).last, Some((1001, 2)));
    let files = std::fs::read_dir(data.journal_dir()).unwrap().count();
    assert!(files <= 4, "{files} files for 11 entries");
}

#[test]
fn segments_and_a_checkpoint_on_real_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(&storage(), folder.path(), || 1).unwrap();
    let dir = data.shards_dir().join("0001").join("3-0");
    let options = SegmentOptions {
        segment_bytes: 100_000,
        ..SegmentOptions::default()
    };
    let files = PartitionFiles::open(storage(), &dir, options, None).unwrap();
    let batches: Vec<_> = (0..500)
        .map(|at| StoredBatch {
            base_offset: at,
            count: 1,
            max_timestamp: 5,
            bytes: Bytes::from(vec![at as u8; 1000]),
        })
        .collect();
    files.append(&batches).unwrap();
    let manifest = files.sync().unwrap();
    storage().create_dir_all(&data.shards_dir()).unwrap();
    write_checkpoint(&Disk, &data.shards_dir().join("checkpoint"), &manifest.encode()).unwrap();
    files
        .append(&[StoredBatch {
            base_offset: 500,
            ..batches[0].clone()
        }])
        .unwrap();
    drop(files);

    let checkpoint = read_checkpoint(&Disk, &data.shards_dir().join("checkpoint"))
        .unwrap()
        .unwrap();
    let manifest = postroad_log::SegmentManifest::decode(&checkpoint).unwrap();
    let files = PartitionFiles::open(storage(), &dir, options, Some(&manifest)).unwrap();
    assert_eq!(files.read(0, usize::MAX).unwrap(), batches);
    files.delete().unwrap();
    assert!(!dir.exists());
}
