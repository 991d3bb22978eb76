//! One frame of a journal file: 40 bytes of header and a payload. Layout: `docs/formats/journal.md`.

use super::EntryFrame;
use bytes::Bytes;
use std::ops::Range;

/// Size of a frame's header.
pub(super) const HEADER: usize = 40;
/// The largest payload of an entry, hard state or marker.
pub(super) const MAX_PAYLOAD: usize = 64 << 20;
/// Frames begin at multiples of this.
pub(super) const ALIGN: usize = 8;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Entry,
    HardState,
    Truncate,
    Purge,
    State,
    Mark,
    Next,
    /// Written by a newer version, or never.
    Unknown,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Entry => 1,
            Kind::HardState => 2,
            Kind::Truncate => 3,
            Kind::Purge => 4,
            Kind::State => 5,
            Kind::Mark => 6,
            Kind::Next => 7,
            Kind::Unknown => 0,
        }
    }

    fn of(code: u8) -> Kind {
        [
            Kind::Entry,
            Kind::HardState,
            Kind::Truncate,
            Kind::Purge,
            Kind::State,
            Kind::Mark,
            Kind::Next,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
        .unwrap_or(Kind::Unknown)
    }
}

/// A change to one shard: what the frames of kinds 1 to 4 say.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Entry(EntryFrame),
    HardState(Bytes),
    Truncate(u64),
    Purge { index: u64, marker: Bytes },
}

impl Record {
    fn parts(&self) -> (Kind, u64, u64, &[u8]) {
        match self {
            Record::Entry(entry) => (Kind::Entry, entry.term, entry.index, &entry.payload),
            Record::HardState(state) => (Kind::HardState, 0, 0, state),
            Record::Truncate(index) => (Kind::Truncate, 0, *index, &[]),
            Record::Purge { index, marker } => (Kind::Purge, 0, *index, marker),
        }
    }

    /// How many bytes its frame takes in a file.
    pub(super) fn frame_len(&self) -> usize {
        padded(HEADER + self.parts().3.len())
    }
}

/// What ties a frame to the one use of one file: a recycled file has another sequence and salt, so none of its old
/// frames is valid in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    seed: u32,
    tag: u32,
}

impl Binding {
    pub(super) fn new(salt: u64, sequence: u64) -> Self {
        let seed = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &sequence.to_le_bytes());
        Binding {
            seed,
            tag: salt as u32,
        }
    }
}

/// The fields of a frame's header that have a meaning to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: Kind,
    pub shard: u32,
    pub synced: u32,
    pub term: u64,
    pub index: u64,
    /// Where the payload is in the bytes that were decoded.
    pub payload: Range<usize>,
}

impl Frame {
    /// Where the next frame begins.
    pub(super) fn end(&self) -> usize {
        padded(self.payload.end)
    }

    /// The change it says, or `None` for one that changes nothing.
    pub(super) fn record(&self, bytes: &[u8]) -> Option<Record> {
        let payload = || Bytes::copy_from_slice(&bytes[self.payload.clone()]);
        Some(match self.kind {
            Kind::Entry => Record::Entry(EntryFrame {
                index: self.index,
                term: self.term,
                payload: payload(),
            }),
            Kind::HardState => Record::HardState(payload()),
            Kind::Truncate => Record::Truncate(self.index),
            Kind::Purge => Record::Purge {
                index: self.index,
                marker: payload(),
            },
            Kind::State | Kind::Mark | Kind::Next | Kind::Unknown => return None,
        })
    }
}

/// Rounds up to the next frame's beginning.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// Appends a record's frame.
pub(super) fn encode(buffer: &mut Vec<u8>, binding: Binding, synced: u32, shard: u32, record: &Record) {
    let (kind, term, index, payload) = record.parts();
    put(
        buffer,
        binding,
        &Header {
            kind,
            shard,
            synced,
            term,
            index,
        },
        payload,
    );
}

/// Appends a frame that is of no shard: State, Mark or Next.
pub(super) fn encode_plain(buffer: &mut Vec<u8>, binding: Binding, synced: u32, kind: Kind, payload: &[u8]) {
    put(
        buffer,
        binding,
        &Header {
            kind,
            shard: 0,
            synced,
            term: 0,
            index: 0,
        },
        payload,
    );
}

struct Header {
    kind: Kind,
    shard: u32,
    synced: u32,
    term: u64,
    index: u64,
}

fn put(buffer: &mut Vec<u8>, binding: Binding, header: &Header, payload: &[u8]) {
    let mut fixed = [0; HEADER];
    fixed[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    fixed[8] = header.kind.code();
    fixed[12..16].copy_from_slice(&header.shard.to_le_bytes());
    fixed[16..20].copy_from_slice(&header.synced.to_le_bytes());
    fixed[20..24].copy_from_slice(&binding.tag.to_le_bytes());
    fixed[24..32].copy_from_slice(&header.term.to_le_bytes());
    fixed[32..40].copy_from_slice(&header.index.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(binding.seed, &fixed[4..]), payload);
    fixed[..4].copy_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(&fixed);
    buffer.extend_from_slice(payload);
    buffer.resize(padded(buffer.len()), 0);
}

/// Reads the frame at `offset` of `bytes`; the error says what is wrong with it.
pub(super) fn decode(bytes: &[u8], offset: usize, binding: Binding) -> Result<Frame, &'static str> {
    let Some(fixed) = bytes.get(offset..offset.saturating_add(HEADER)) else {
        return Err("the file ends within a frame's header");
    };
    let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| fixed[at + i]));
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| fixed[at + i]));
    if u32_at(20) != binding.tag {
        return Err("no frame of this file begins here");
    }
    let start = offset + HEADER;
    let end = start.saturating_add(u32_at(4) as usize);
    let Some(payload) = bytes.get(start..end) else {
        return Err("a frame is longer than the file");
    };
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(binding.seed, &fixed[4..]), payload);
    if crc != u32_at(0) {
        return Err("a frame's checksum does not match");
    }
    let kind = Kind::of(fixed[8]);
    let (shard, synced) = (u32_at(12), u32_at(16));
    Ok(Frame {
        kind,
        shard,
        synced,
        term: u64_at(24),
        index: u64_at(32),
        payload: start..end,
    })
}

/// The frames of this file that can be found at or after `from`, wherever they begin: what is left behind a frame
/// that is not valid.
pub(super) fn search(bytes: &[u8], from: usize, binding: Binding) -> impl Iterator<Item = (usize, Frame)> {
    (padded(from)..bytes.len())
        .step_by(ALIGN)
        .filter_map(move |at| Some((at, decode(bytes, at, binding).ok()?)))
}

/// Whether something that calls itself a frame of this file begins at `offset`, valid or not.
pub(super) fn begins(bytes: &[u8], offset: usize, binding: Binding) -> bool {
    bytes.get(offset + 20..offset + 24) == Some(&binding.tag.to_le_bytes()[..])
}
