//! Random histories of a journal on a disk that crashes, tears, loses and fails, against a model without files.
//! A failure prints its seed; `POSTROAD_SEED=n` runs that one alone.

mod support;

use support::session::History;

const HISTORIES: u64 = 250;
const SESSIONS: usize = 8;

#[test]
fn everything_acknowledged_survives_every_crash_and_nothing_is_invented() {
    let only = std::env::var("POSTROAD_SEED")
        .ok()
        .map(|seed| seed.parse().expect("POSTROAD_SEED is a number"));
    let seeds = only.map_or(0..HISTORIES, |seed| seed..seed + 1);
    let mut most_files = 0;
    for seed in seeds.clone() {
        let mut history = History::new(seed);
        if let Err(error) = history.run(SESSIONS) {
            panic!("POSTROAD_SEED={seed}: {error}");
        }
        most_files = most_files.max(history.most_files);
    }
    assert!(
        only.is_some() || most_files > 2,
        "the histories are too small to roll files"
    );
}

/// The test above must be able to fail: on a disk that says it synced and did not, it finds what was lost.
#[test]
fn the_histories_notice_a_missing_sync() {
    let noticed = (0..40).filter(|seed| {
        let mut history = History::new(*seed);
        history.disk().ignore_syncs(true);
        history.run(SESSIONS).is_err()
    });
    assert!(noticed.count() > 30, "a lost sync must not go unnoticed");
}
