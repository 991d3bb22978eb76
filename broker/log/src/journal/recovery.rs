//! From the files on the disk to the state of all shards: `docs/formats/journal.md`, "Recovery", step by step.

use super::error::OpenError;
use super::file::{FRAMES, FileHeader, JournalFile, Location, failed, name_of, sequence_of};
use super::frame::{self, Frame, Kind, Record};
use super::index::{ShardIndex, Terms};
use super::state::{ShardState, States};
use crate::storage::{Storage, read_full, write_full};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// What recovery found.
pub(super) struct Recovered {
    /// The files in use, oldest first, each with the offset at which its frames end. Empty: a new journal.
    pub files: Vec<(Arc<JournalFile>, u32)>,
    pub states: States,
    pub shards: BTreeMap<u32, ShardIndex>,
}

/// Reads the journal in `dir`, whose content is `names`, and cuts a torn tail.
pub(super) fn recover(storage: &dyn Storage, dir: &Path, names: &[String]) -> Result<Recovered, OpenError> {
    let opened = open_files(storage, dir, names)?;
    let mut replay = Replay::default();
    let mut files = Vec::new();
    let mut content = Vec::new();
    for (at, (file, _)) in opened.iter().enumerate() {
        let end = opened.get(at + 1).map(|(_, successor)| successor.previous_end);
        read_content(file, end, &mut content)?;
        let scanned = replay.scan(file, &content, at == 0)?;
        match end {
            Some(end) if scanned.end as u64 != end => return Err(scanned.damaged(file)),
            Some(_) => {}
            None => settle_tail(file, &content, &scanned)?,
        }
        files.push((Arc::clone(file), scanned.end as u32));
    }
    let shards = replay.finish(files.first().map(|(file, _)| &**file))?;
    Ok(Recovered {
        files,
        states: replay.states,
        shards,
    })
}

/// Opens the files in use, oldest first. Their sequences must be consecutive.
fn open_files(
    storage: &dyn Storage,
    dir: &Path,
    names: &[String],
) -> Result<Vec<(Arc<JournalFile>, FileHeader)>, OpenError> {
    let mut sequences: Vec<u64> = names.iter().filter_map(|name| sequence_of(name)).collect();
    sequences.sort_unstable();
    let mut files = Vec::with_capacity(sequences.len());
    for (at, &sequence) in sequences.iter().enumerate() {
        let expected = sequences[0] + at as u64;
        if sequence != expected {
            return Err(missing(&dir.join(name_of(sequence)), expected));
        }
        let (file, header) = JournalFile::open(storage, dir, sequence)?;
        files.push((Arc::new(file), header));
    }
    Ok(files)
}

/// The file of a sequence is missing, which `witness` says was there.
fn missing(witness: &Path, sequence: u64) -> OpenError {
    let file = witness.with_file_name(name_of(sequence));
    OpenError::Damaged {
        file,
        offset: 0,
        reason: format!("the file is missing, as {} shows", witness.display()),
    }
}

/// Reads a file up to `end`, or all of it.
fn read_content(file: &JournalFile, end: Option<u64>, content: &mut Vec<u8>) -> Result<(), OpenError> {
    let end = end.unwrap_or(file.len);
    if end > file.len {
        let reason = format!("the next file says that its frames end at {end}, beyond its length");
        return Err(OpenError::Damaged {
            file: file.path.clone(),
            offset: file.len,
            reason,
        });
    }
    content.resize(end as usize, 0);
    let read = read_full(&*file.file, content, 0).map_err(failed("read", &file.path))?;
    content.truncate(read);
    Ok(())
}

/// How far the frames of a file could be read.
struct Scanned {
    end: usize,
    /// Where the last group begins.
    group: usize,
    /// What is wrong at `end`.
    reason: &'static str,
}

impl Scanned {
    fn damaged(&self, file: &JournalFile) -> OpenError {
        OpenError::Damaged {
            file: file.path.clone(),
            offset: self.end as u64,
            reason: self.reason.into(),
        }
    }
}

/// The newest file: tells a torn tail from damage, removes the one, refuses the other, and makes the last group
/// durable (it may come from a page cache that no fsync has covered).
fn settle_tail(file: &JournalFile, content: &[u8], scanned: &Scanned) -> Result<(), OpenError> {
    let mut torn_end = None;
    for (_, frame) in frame::search(content, scanned.end, file.binding) {
        if frame.synced as usize > scanned.end {
            return Err(scanned.damaged(file));
        }
        torn_end = torn_end.max(Some(frame.end().min(content.len())));
    }
    let group = &content[scanned.group..scanned.end];
    write_full(&*file.file, group, scanned.group as u64).map_err(failed("write", &file.path))?;
    let begun = torn_end.is_some() || frame::begins(content, scanned.end, file.binding);
    if begun {
        tracing::warn!(
            file = %file.path.display(),
            offset = scanned.end,
            reason = scanned.reason,
            "cut a torn tail off the journal: it was never acknowledged"
        );
    }
    if let Some(torn_end) = torn_end {
        let zeros = vec![0; torn_end - scanned.end];
        write_full(&*file.file, &zeros, scanned.end as u64).map_err(failed("write", &file.path))?;
    }
    file.file.sync_data().map_err(failed("sync", &file.path))
}

/// The state that the frames read so far amount to.
#[derive(Default)]
struct Replay {
    states: States,
    logs: BTreeMap<u32, Log>,
}

/// The places of a shard's entries that were seen, from `base` on. Those before `base` were in files that are gone.
#[derive(Default)]
struct Log {
    base: u64,
    places: VecDeque<Location>,
    terms: Terms,
}

impl Replay {
    fn scan(&mut self, file: &JournalFile, content: &[u8], oldest: bool) -> Result<Scanned, OpenError> {
        let damaged = |offset: usize, reason: String| {
            Err(OpenError::Damaged {
                file: file.path.clone(),
                offset: offset as u64,
                reason,
            })
        };
        let mut scanned = match frame::decode(content, FRAMES, file.binding) {
            Ok(frame) if frame.kind == Kind::State => {
                let Some(states) = States::decode(&content[frame.payload.clone()]) else {
                    return damaged(FRAMES, "the state at the file's beginning cannot be read".into());
                };
                if oldest {
                    self.begin(states);
                } else if states != self.states {
                    return damaged(
                        FRAMES,
                        "the state at the file's beginning contradicts the files before".into(),
                    );
                }
                Scanned {
                    end: frame.end(),
                    group: FRAMES,
                    reason: "",
                }
            }
            Ok(_) => return damaged(FRAMES, "the file does not begin with a state".into()),
            Err(reason) => return damaged(FRAMES, reason.into()),
        };
        loop {
            match frame::decode(content, scanned.end, file.binding) {
                Ok(frame) if frame.kind == Kind::Next => return Err(missing(&file.path, file.sequence + 1)),
                Ok(frame) => {
                    if let Err(reason) = self.apply(file, content, scanned.end, &frame) {
                        return damaged(scanned.end, reason);
                    }
                    scanned.group = (frame.synced as usize).clamp(FRAMES, scanned.end);
                    scanned.end = frame.end();
                }
                Err(reason) => {
                    scanned.reason = reason;
                    return Ok(scanned);
                }
            }
        }
    }

    /// Takes the oldest file's State frame for what came before.
    fn begin(&mut self, states: States) {
        for (shard, state) in &states.0 {
            let base = state.bounds.range().map_or(0, |(_, next)| next);
            self.logs.insert(
                *shard,
                Log {
                    base,
                    ..Log::default()
                },
            );
        }
        self.states = states;
    }

    fn apply(
        &mut self,
        file: &JournalFile,
        content: &[u8],
        offset: usize,
        frame: &Frame,
    ) -> Result<(), String> {
        // Entries stay in the file: only what else a record carries is needed in memory.
        let record = match frame.kind {
            Kind::Entry => Record::Entry(super::EntryFrame {
                index: frame.index,
                term: frame.term,
                payload: bytes::Bytes::new(),
            }),
            Kind::State => return Err("a state in the middle of the file".into()),
            Kind::Unknown => return Err("a frame has a kind that this version does not know".into()),
            _ => match frame.record(content) {
                Some(record) => record,
                None => return Ok(()),
            },
        };
        self.states.apply(frame.shard, &record).map_err(|expected| {
            format!(
                "entry {} of shard {} where entry {expected} should be",
                frame.index, frame.shard
            )
        })?;
        let len = (frame.end() - offset) as u32;
        let location = Location {
            sequence: file.sequence,
            offset: offset as u32,
            len,
        };
        self.logs.entry(frame.shard).or_default().apply(&record, location);
        Ok(())
    }

    /// The shards as callers will see them. Every entry that is neither truncated nor purged must have been seen.
    fn finish(&mut self, oldest: Option<&JournalFile>) -> Result<BTreeMap<u32, ShardIndex>, OpenError> {
        let mut shards = BTreeMap::new();
        for (shard, log) in std::mem::take(&mut self.logs) {
            let state = self.states.0.get(&shard).cloned().unwrap_or_default();
            if let (Some((first, next)), Some(oldest)) = (state.bounds.range(), oldest)
                && first < log.base.min(next)
            {
                let last = log.base.min(next) - 1;
                let reason =
                    format!("an earlier file with entries {first} to {last} of shard {shard} is missing");
                return Err(OpenError::Damaged {
                    file: oldest.path.clone(),
                    offset: 0,
                    reason,
                });
            }
            shards.insert(shard, log.index(state));
        }
        Ok(shards)
    }
}

impl Log {
    fn apply(&mut self, record: &Record, location: Location) {
        match record {
            Record::Entry(entry) => {
                if self.places.is_empty() {
                    self.base = entry.index;
                }
                self.terms.append(entry.index, entry.term);
                self.places.push_back(location);
            }
            Record::HardState(_) => {}
            Record::Truncate(index) => {
                self.terms.truncate_from(*index);
                let keep = index.saturating_sub(self.base).min(self.places.len() as u64);
                self.places.truncate(keep as usize);
                self.base = self.base.min(*index);
            }
            Record::Purge { index, .. } => {
                let drop = index
                    .saturating_add(1)
                    .saturating_sub(self.base)
                    .min(self.places.len() as u64);
                self.places.drain(..drop as usize);
                self.base = self.base.saturating_add(drop);
                self.terms.purge_through(*index);
            }
        }
    }

    fn index(self, state: ShardState) -> ShardIndex {
        ShardIndex::recovered(state, self.base, self.places, self.terms)
    }
}
