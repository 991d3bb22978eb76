//! The election, with a lock in memory and a clock that only moves when everybody waits.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postroad_operator::clock::SystemClock;
use postroad_operator::lease::election::{Decision, Election};
use postroad_operator::lease::record::Record;
use postroad_operator::lease::{Elector, Lock, LockError, Timing};
use tokio::time::{Instant, timeout};

#[derive(Clone, Default)]
struct MemoryLock(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    record: Option<Record>,
    version: u32,
    broken: bool,
}

fn broken() -> LockError {
    LockError::Failed(Box::new(kube::Error::LinesCodecMaxLineLengthExceeded))
}

impl Lock for MemoryLock {
    async fn read(&self) -> Result<Option<Record>, LockError> {
        let shared = self.0.lock();
        if shared.broken {
            Err(broken())
        } else {
            Ok(shared.record.clone())
        }
    }

    async fn write(&self, record: &Record) -> Result<Record, LockError> {
        let mut shared = self.0.lock();
        if shared.broken {
            return Err(broken());
        }
        if shared.record.as_ref().and_then(|record| record.version.clone()) != record.version {
            return Err(LockError::Conflict);
        }
        shared.version += 1;
        let written = Record {
            version: Some(shared.version.to_string()),
            ..record.clone()
        };
        shared.record = Some(written.clone());
        Ok(written)
    }
}

fn elector(lock: &MemoryLock, identity: &str) -> Elector<MemoryLock> {
    Elector::new(lock.clone(), Arc::new(SystemClock), identity, Timing::default())
}

fn holder(lock: &MemoryLock) -> Option<String> {
    lock.0.lock().record.as_ref()?.holder.clone()
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_once_and_an_abandoned_one_when_it_has_run_out() {
    let lock = MemoryLock::default();
    let (mut a, mut b, mut c) = (elector(&lock, "a"), elector(&lock, "b"), elector(&lock, "c"));
    a.acquire().await;
    assert!(
        timeout(Duration::from_secs(10), b.acquire()).await.is_err(),
        "a holds it"
    );
    a.release().await.unwrap();
    let begun = Instant::now();
    b.acquire().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(holder(&lock).as_deref(), Some("b"));
    let begun = Instant::now();
    c.acquire().await;
    assert!(
        begun.elapsed() >= Timing::default().duration,
        "only after it has run out: {:?}",
        begun.elapsed()
    );
    assert_eq!(lock.0.lock().record.as_ref().unwrap().transitions, 2);
    a.release().await.unwrap();
    assert_eq!(
        holder(&lock).as_deref(),
        Some("c"),
        "what is another's is not released"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_renews_and_stops_before_another_may_begin() {
    let lock = MemoryLock::default();
    let mut a = elector(&lock, "a");
    a.acquire().await;
    assert!(
        timeout(Duration::from_secs(600), a.hold()).await.is_err(),
        "it holds as long as it can renew"
    );
    lock.0.lock().broken = true;
    let begun = Instant::now();
    a.hold().await;
    let stopped = begun.elapsed();
    assert!(stopped < Timing::default().duration, "{stopped:?}");
    lock.0.lock().broken = false;
    let mut b = elector(&lock, "b");
    b.acquire().await;
    a.hold().await;
    assert_eq!(
        holder(&lock).as_deref(),
        Some("b"),
        "a leader that was overtaken notices"
    );
}

#[test]
fn what_counts_is_when_a_lease_was_seen_to_change_not_what_it_says() {
    let mut election = Election::new("me", Timing::default());
    let start = Instant::now();
    let wall = "2026-01-01T00:00:00Z".parse().unwrap();
    let long_ago = Record {
        holder: Some("other".to_owned()),
        duration: Duration::from_secs(15),
        transitions: 3,
        acquired: None,
        renewed: Some("2001-01-01T00:00:00Z".parse().unwrap()),
        version: Some("7".to_owned()),
    };
    election.observe(long_ago.clone(), start);
    assert_eq!(
        election.decide(start + Duration::from_secs(14), wall),
        Decision::Wait,
        "its clock may be wrong"
    );
    let Decision::Write(taken) = election.decide(start + Duration::from_secs(15), wall) else {
        panic!("run out")
    };
    assert_eq!(
        (
            taken.holder.as_deref(),
            taken.transitions,
            taken.version.as_deref()
        ),
        (Some("me"), 4, Some("7"))
    );
    let renewed = Record {
        version: Some("8".to_owned()),
        ..long_ago
    };
    election.observe(renewed, start + Duration::from_secs(14));
    assert_eq!(
        election.decide(start + Duration::from_secs(20), wall),
        Decision::Wait
    );
}
