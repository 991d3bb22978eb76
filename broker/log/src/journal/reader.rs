//! Reads entries back, each verified.

use super::EntryFrame;
use super::error::JournalError;
use super::file::{JournalFile, Location};
use super::frame::{self, HEADER, Kind};
use super::index::Place;
use super::shared::Shared;
use crate::storage::read_full;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::Arc;

/// See [`super::Journal::read`].
pub(super) fn read(
    shared: &Shared,
    shard: u32,
    range: Range<u64>,
    max_bytes: usize,
) -> Result<Vec<EntryFrame>, JournalError> {
    loop {
        let places = shared.view().places(shard, range.clone(), max_bytes);
        match read_places(shard, &places) {
            Ok(entries) => return Ok(entries),
            // What was purged or truncated meanwhile may be overwritten: look again what there is. This ends, for it
            // goes on only if something was removed.
            Err(Failure {
                at: Some((index, location)),
                ..
            }) if !shared.view().is_at(shard, index, location) => {}
            Err(Failure { error, .. }) => return Err(error),
        }
    }
}

struct Failure {
    at: Option<(u64, Location)>,
    error: JournalError,
}

fn read_places(shard: u32, places: &[(Place, Option<Arc<JournalFile>>)]) -> Result<Vec<EntryFrame>, Failure> {
    let mut entries = Vec::with_capacity(places.len());
    let mut rest = places;
    while let Some((place, file)) = rest.first() {
        match (place, file) {
            (Place::Memory(entry), _) => {
                entries.push(entry.clone());
                rest = &rest[1..];
            }
            (Place::File(index, _), Some(file)) => {
                let run = adjacent(rest);
                read_run(shard, *index, file, &run, &mut entries)?;
                rest = &rest[run.len()..];
            }
            // The view never refers to a file that it does not hold.
            (Place::File(index, location), None) => {
                let reason = format!("the file of entry {index} of shard {shard} is not in use any more");
                let file = super::file::name_of(location.sequence).into();
                let error = JournalError::Damaged {
                    file,
                    offset: location.offset.into(),
                    reason,
                };
                return Err(Failure {
                    at: Some((*index, *location)),
                    error,
                });
            }
        }
    }
    Ok(entries)
}

/// The entries at the beginning that lie directly one after the other in one file, to be read in one go.
fn adjacent(places: &[(Place, Option<Arc<JournalFile>>)]) -> Vec<Location> {
    let mut run: Vec<Location> = Vec::new();
    for (place, _) in places {
        let Place::File(_, location) = place else { break };
        if let Some(last) = run.last()
            && (last.sequence != location.sequence || last.offset + last.len != location.offset)
        {
            break;
        }
        run.push(*location);
    }
    run
}

fn read_run(
    shard: u32,
    first: u64,
    file: &JournalFile,
    run: &[Location],
    entries: &mut Vec<EntryFrame>,
) -> Result<(), Failure> {
    let start = run[0].offset;
    let mut buffer = BytesMut::zeroed(run.iter().map(|location| location.len as usize).sum());
    let read = read_full(&*file.file, &mut buffer, start.into()).map_err(|source| {
        let error = JournalError::Read {
            file: file.path.clone(),
            source: Arc::new(source),
        };
        Failure {
            at: Some((first, run[0])),
            error,
        }
    })?;
    buffer.truncate(read);
    let buffer = buffer.freeze();
    for (index, location) in (first..).zip(run) {
        let entry =
            verified(shard, index, file, &buffer, (location.offset - start) as usize).map_err(|reason| {
                let offset = location.offset.into();
                let error = JournalError::Damaged {
                    file: file.path.clone(),
                    offset,
                    reason,
                };
                Failure {
                    at: Some((index, *location)),
                    error,
                }
            })?;
        entries.push(entry);
    }
    Ok(())
}

fn verified(
    shard: u32,
    index: u64,
    file: &JournalFile,
    bytes: &Bytes,
    at: usize,
) -> Result<EntryFrame, String> {
    let frame = frame::decode(bytes, at, file.binding)?;
    if (frame.kind, frame.shard, frame.index) != (Kind::Entry, shard, index) {
        return Err(format!(
            "entry {index} of shard {shard} should be here, but is not"
        ));
    }
    debug_assert!(frame.payload.start == at + HEADER);
    Ok(EntryFrame {
        index,
        term: frame.term,
        payload: bytes.slice(frame.payload),
    })
}
