//! A data folder belongs to one broker, and one process at a time.

use postroad_log::storage::OpenMode;
use postroad_log::{DataDir, DataDirError, Disk, FaultyDisk, Storage};
use std::path::Path;
use std::sync::Arc;

fn path() -> &'static Path {
    Path::new("/data")
}

fn open(disk: &FaultyDisk, id: u64) -> Result<u64, DataDirError> {
    DataDir::open(&disk.mount(), path(), || id).map(|dir| dir.broker_id())
}

#[test]
fn the_id_is_drawn_once_and_stays() {
    let disk = FaultyDisk::new(1);
    assert_eq!(open(&disk, 42).unwrap(), 42);
    disk.crash();
    assert_eq!(open(&disk, 43).unwrap(), 42);
    assert!(matches!(open(&FaultyDisk::new(2), 0), Err(DataDirError::ZeroId)));
}

#[test]
fn a_crash_while_it_is_made_leaves_a_folder_that_can_be_used() {
    for seed in 0..100 {
        let disk = FaultyDisk::new(seed);
        disk.halt_at(1 + seed % 12);
        let first = open(&disk, 1).is_ok();
        disk.crash();
        let id = open(&disk, 2).unwrap();
        assert!(
            id == 1 || !first,
            "seed {seed}: the id changed after it was given out"
        );
    }
}

/// A broker that began anew over a lost identity would vote a second time where it had voted.
#[test]
fn a_folder_with_data_but_without_identity_is_refused() {
    let disk = FaultyDisk::new(3);
    open(&disk, 42).unwrap();
    disk.mount().create_dir_all(&path().join("journal")).unwrap();
    disk.lose_file(&path().join("IDENTITY"));
    match open(&disk, 43) {
        Err(DataDirError::NotEmpty { found, .. }) => assert_eq!(found, "journal"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_identity_and_a_newer_format_are_refused_by_name() {
    let identity = path().join("IDENTITY");
    for at in 0..60 {
        let disk = FaultyDisk::new(at);
        open(&disk, 1234567890123456789).unwrap();
        assert!(disk.flip_bit(&identity, at, 1));
        match open(&disk, 1) {
            Err(DataDirError::Damaged { file, .. } | DataDirError::Version { file, .. }) => {
                assert_eq!(file, identity)
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    let disk = FaultyDisk::new(4);
    open(&disk, 1).unwrap();
    let file = disk.mount().open(&identity, OpenMode::Create).unwrap();
    file.write_at(b"postroad data folder\nformat 2\nsomething else\n", 0)
        .unwrap();
    assert!(matches!(
        open(&disk, 1),
        Err(DataDirError::Version {
            found: 2,
            supported: 1,
            ..
        })
    ));
}

#[test]
fn a_second_broker_is_refused_and_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [Arc::new(Disk) as Arc<dyn Storage>, FaultyDisk::new(5).mount()] {
        let first = DataDir::open(&storage, folder.path(), || 7).unwrap();
        match DataDir::open(&storage, folder.path(), || 8) {
            Err(DataDirError::InUse { holder, .. }) => {
                assert_eq!(holder, format!("process {}", std::process::id()))
            }
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("opened twice"),
        }
        drop(first);
        assert_eq!(
            DataDir::open(&storage, folder.path(), || 8).unwrap().broker_id(),
            7
        );
    }
}
