//! Random sessions on a journal, each ended by a crash, a kill, a fault or an orderly close, and the check of what the
//! next one finds: a prefix of what was submitted that includes everything acknowledged.

use super::model::{Change, Model, observe};
use super::{entry, open_on};
use bytes::Bytes;
use postroad_log::faulty::Random;
use postroad_log::{FaultyDisk, Journal, JournalError, OpenError};
use std::sync::{Arc, Mutex};

const SHARDS: u64 = 3;

/// What is submitted in one call.
type Call = (u32, Vec<Change>);

/// One history of a disk.
pub struct History {
    random: Random,
    disk: FaultyDisk,
    /// What the last recovery found.
    base: Model,
    /// Calls since then.
    calls: Vec<Call>,
    /// Results in the order in which they were reported: number of the call, and whether it was acknowledged.
    results: Arc<Mutex<Vec<(usize, bool)>>>,
    unique: u64,
    /// The most files that were in use at once.
    pub most_files: usize,
}

impl History {
    pub fn new(seed: u64) -> History {
        History {
            random: Random::new(seed),
            disk: FaultyDisk::new(seed ^ 0x5eed),
            base: Model::default(),
            calls: Vec::new(),
            results: Arc::default(),
            unique: 0,
            most_files: 0,
        }
    }

    pub fn disk(&self) -> &FaultyDisk {
        &self.disk
    }

    /// Runs some sessions; the error says what was found wrong.
    pub fn run(&mut self, sessions: usize) -> Result<(), String> {
        for session in 0..sessions {
            self.session()
                .map_err(|error| format!("session {session}: {error}"))?;
        }
        Ok(())
    }

    fn session(&mut self) -> Result<(), String> {
        let journal = self.recover()?;
        self.check(&journal)?;
        self.disk.short_writes(self.random.chance(30));
        match self.random.below(6) {
            0 => self.disk.fail_sync(1 + self.random.below(12)),
            1 => self.disk.fail_write(1 + self.random.below(12)),
            2 | 3 => self.disk.halt_at(1 + self.random.below(80)),
            _ => {}
        }
        self.submit_some(&journal)?;
        self.most_files = self.most_files.max(journal.stats().files);
        self.end(journal);
        self.check_order()
    }

    /// Opens the journal, through crashes during recovery.
    fn recover(&mut self) -> Result<Journal, String> {
        if self.random.chance(20) {
            self.disk.halt_at(1 + self.random.below(30));
        }
        for _ in 0..3 {
            match open_on(self.disk.mount()) {
                Ok(journal) => {
                    self.disk.clear_faults();
                    return Ok(journal);
                }
                Err(OpenError::Io { .. }) => self.disk.crash(),
                Err(error) => return Err(error.to_string()),
            }
        }
        open_on(self.disk.mount()).map_err(|error| error.to_string())
    }

    /// What was recovered must be a prefix of what was submitted, with everything acknowledged in it.
    fn check(&mut self, journal: &Journal) -> Result<(), String> {
        let acknowledged = {
            let results = self.results.lock().unwrap();
            results
                .iter()
                .filter(|(_, ok)| *ok)
                .map(|(call, _)| call + 1)
                .max()
                .unwrap_or(0)
        };
        let found = observe(journal)?;
        let mut model = self.base.clone();
        let mut matches = None;
        for (number, (shard, changes)) in self.calls.iter().enumerate() {
            if number >= acknowledged && matches.is_none() && model.visible() == found {
                matches = Some(model.clone());
            }
            for (at, change) in changes.iter().enumerate() {
                model.apply(*shard, change);
                let inside = number >= acknowledged && at + 1 < changes.len();
                if inside && matches.is_none() && model.visible() == found {
                    matches = Some(model.clone());
                }
            }
        }
        if matches.is_none() && model.visible() == found {
            matches = Some(model);
        }
        let Some(matches) = matches else {
            return Err(format!(
                "found what is no prefix of {} calls with the first {acknowledged}, acknowledged, in it: {}",
                self.calls.len(),
                describe(&found)
            ));
        };
        self.base = matches;
        self.calls.clear();
        self.results = Arc::default();
        Ok(())
    }

    fn submit_some(&mut self, journal: &Journal) -> Result<(), String> {
        let mut model = self.base.clone();
        for _ in 0..self.random.below(60) {
            let (shard, changes) = self.next_call(&model);
            changes.iter().for_each(|change| model.apply(shard, change));
            let waiter = self.submit(journal, shard, changes);
            if self.random.chance(30) {
                let _ = waiter.recv();
            }
            if self.random.chance(10) && journal.failed().is_none() {
                self.compare_view(journal, &model)?;
            }
            if self.results.lock().unwrap().iter().any(|(_, ok)| !ok) {
                break;
            }
        }
        Ok(())
    }

    /// Whoever submitted sees it at once, written or not.
    fn compare_view(&self, journal: &Journal, model: &Model) -> Result<(), String> {
        match observe(journal) {
            Ok(found) if found == model.visible() => Ok(()),
            Ok(_) if journal.failed().is_some() => Ok(()),
            Ok(found) => Err(format!(
                "the view differs from what was submitted: {}",
                describe(&found)
            )),
            Err(error) if error.contains("injected fault") => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn next_call(&mut self, model: &Model) -> Call {
        let shard = self.random.below(SHARDS) as u32;
        let next = model.next_index(shard, self.random.below(2));
        self.unique += 1;
        let changes = match self.random.below(100) {
            0..65 => (0..1 + self.random.below(4))
                .map(|more| Change::Append(self.next_entry(next + more)))
                .collect(),
            65..75 => vec![Change::HardState(Bytes::from(format!("vote {}", self.unique)))],
            75..80 => vec![Change::Truncate(next.saturating_sub(self.random.below(6)))],
            _ => {
                let beyond = if self.random.chance(5) { 10 } else { 0 };
                let index = (next + beyond).saturating_sub(1 + self.random.below(5));
                vec![Change::Purge(
                    index,
                    Bytes::from(format!("purge {}", self.unique)),
                )]
            }
        };
        (shard, changes)
    }

    fn next_entry(&mut self, index: u64) -> postroad_log::EntryFrame {
        self.unique += 1;
        let len = match self.random.below(50) {
            0 => 70_000,
            1..6 => self.random.below(20_000),
            _ => self.random.below(1_500),
        };
        let mut payload = format!("payload {} ", self.unique).into_bytes();
        let head = payload.len();
        payload.extend((head..head.max(len as usize)).map(|at| (at as u64 ^ self.unique) as u8));
        entry(index, 1 + self.unique / 40, payload)
    }

    fn submit(
        &mut self,
        journal: &Journal,
        shard: u32,
        changes: Vec<Change>,
    ) -> std::sync::mpsc::Receiver<()> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (results, call) = (Arc::clone(&self.results), self.calls.len());
        let done = Box::new(move |result: Result<(), JournalError>| {
            results.lock().unwrap().push((call, result.is_ok()));
            let _ = sender.send(());
        });
        match &changes[0] {
            Change::Append(_) => {
                let entries = changes.iter().filter_map(|change| match change {
                    Change::Append(entry) => Some(entry.clone()),
                    _ => None,
                });
                journal.append(shard, entries.collect(), done);
            }
            Change::HardState(state) => journal.set_hard_state(shard, state.clone(), done),
            Change::Truncate(index) => journal.truncate_from(shard, *index, done),
            Change::Purge(index, marker) => journal.purge_through(shard, *index, marker.clone(), done),
        }
        self.calls.push((shard, changes));
        receiver
    }

    fn end(&mut self, journal: Journal) {
        match self.random.below(5) {
            0 => self.disk.kill(),
            1 => {
                journal.close();
                self.disk.crash();
            }
            2 => journal.close(),
            _ => self.disk.crash(),
        }
        journal.close();
        self.disk.kill();
        // Those that were not reached do not go on into the recovery.
        self.disk.clear_faults();
    }

    /// Acknowledgements come in order, and none after a refusal.
    fn check_order(&self) -> Result<(), String> {
        let results = self.results.lock().unwrap();
        let refused = results.iter().position(|(_, ok)| !ok).unwrap_or(results.len());
        if results[refused..].iter().any(|(_, ok)| *ok) {
            return Err("a call was acknowledged after another one had been refused".into());
        }
        if results[..refused]
            .iter()
            .enumerate()
            .any(|(at, (call, _))| at != *call)
        {
            return Err("calls were not acknowledged in order".into());
        }
        if results.len() != self.calls.len() {
            return Err(format!(
                "{} calls, but {} results",
                self.calls.len(),
                results.len()
            ));
        }
        Ok(())
    }
}

fn describe(found: &std::collections::BTreeMap<u32, super::model::Shard>) -> String {
    let shards = found.iter().map(|(shard, state)| {
        let (first, last) = (state.entries.keys().next(), state.entries.keys().next_back());
        format!(
            "shard {shard}: {:?}, {:?}, entries {first:?} to {last:?}; ",
            state.hard_state, state.marker
        )
    });
    shards.collect()
}
