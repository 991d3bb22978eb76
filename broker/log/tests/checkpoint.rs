//! A checkpoint is the old or the new one, never something between.

use postroad_log::faulty::Random;
use postroad_log::{CheckpointError, FaultyDisk, read_checkpoint, write_checkpoint};
use std::path::Path;

fn path() -> &'static Path {
    Path::new("/data/checkpoints/0001.checkpoint")
}

fn disk(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    disk.mount().create_dir_all(path().parent().unwrap()).unwrap();
    disk
}

fn payload(number: u8) -> Vec<u8> {
    vec![number; 700 * usize::from(number)]
}

#[test]
fn a_missing_checkpoint_is_none_and_a_written_one_is_read() {
    let disk = disk(1);
    assert_eq!(read_checkpoint(&*disk.mount(), path()).unwrap(), None);
    for number in [3, 0, 2] {
        write_checkpoint(&*disk.mount(), path(), &payload(number)).unwrap();
        disk.crash();
        assert_eq!(
            read_checkpoint(&*disk.mount(), path()).unwrap().unwrap(),
            payload(number)
        );
    }
}

#[test]
fn after_a_crash_at_any_point_the_old_or_the_new_one_is_there() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..300 {
        let disk = disk(seed);
        write_checkpoint(&*disk.mount(), path(), &payload(1)).unwrap();
        disk.short_writes(seed % 2 == 0);
        disk.halt_at(1 + seed % 12);
        let written = write_checkpoint(&*disk.mount(), path(), &payload(2)).is_ok();
        disk.crash();
        let found = read_checkpoint(&*disk.mount(), path())
            .unwrap()
            .expect("one is there");
        let is_new = found == payload(2);
        assert!(is_new || found == payload(1), "seed {seed}");
        assert!(
            is_new || !written,
            "seed {seed}: what was written durably is gone"
        );
        if is_new { new += 1 } else { old += 1 }
    }
    assert!(old > 20 && new > 20, "{old} old, {new} new");
}

#[test]
fn any_flipped_bit_is_damage_that_names_the_file() {
    for seed in 0..300 {
        let disk = disk(seed);
        write_checkpoint(&*disk.mount(), path(), &payload(1)).unwrap();
        let mut random = Random::new(seed);
        assert!(disk.flip_bit(path(), random.below(724), random.below(8) as u32));
        match read_checkpoint(&*disk.mount(), path()) {
            Err(CheckpointError::Damaged { file, .. }) => assert_eq!(file, path()),
            read => panic!("seed {seed}: {read:?}"),
        }
    }
}

#[test]
fn a_cut_off_checkpoint_is_damage() {
    for len in [0, 10, 24, 100, 723, 800] {
        let disk = disk(len);
        write_checkpoint(&*disk.mount(), path(), &payload(1)).unwrap();
        disk.mount()
            .open(path(), postroad_log::storage::OpenMode::Existing)
            .unwrap()
            .set_len(len)
            .unwrap();
        assert!(
            matches!(
                read_checkpoint(&*disk.mount(), path()),
                Err(CheckpointError::Damaged { .. })
            ),
            "{len}"
        );
    }
}

#[test]
fn a_failed_sync_leaves_the_old_one() {
    let disk = disk(4);
    write_checkpoint(&*disk.mount(), path(), &payload(1)).unwrap();
    disk.fail_sync(1);
    let error = write_checkpoint(&*disk.mount(), path(), &payload(2)).unwrap_err();
    assert!(
        matches!(
            error,
            CheckpointError::Io {
                operation: "sync",
                ..
            }
        ),
        "{error}"
    );
    disk.crash();
    assert_eq!(
        read_checkpoint(&*disk.mount(), path()).unwrap().unwrap(),
        payload(1)
    );
}
