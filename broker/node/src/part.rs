//! One partition as one subscription sees it: who holds which message, and the records they are for.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use postroad_core::Offer;
use postroad_shard::partition::Located;
use postroad_shard::{FetchedBatch, PartitionLog, Shard};
use postroad_types::record::{Record, RecordBatch};
use postroad_types::{Error, Message, PartitionId, Result, Timestamp};

use crate::leases::Leases;

/// Bytes of records that are decoded ahead for fresh messages.
const AHEAD_BYTES: usize = 256 << 10;
/// Bytes that one read from the segment files asks for.
const DISK_BYTES: usize = 1 << 20;

/// One partition as one subscription sees it.
pub(crate) struct Part {
    pub(crate) id: PartitionId,
    pub(crate) shard: Arc<Shard>,
    log: Arc<PartitionLog>,
    state: Mutex<PartState>,
}

struct PartState {
    leases: Leases,
    /// Decoded records at the front, and those of a message that is delivered again or was passed over.
    fresh: Window,
    again: Window,
}

/// What a consumer may be given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) holder: u64,
    pub(crate) now: u64,
    pub(crate) deadline: u64,
    pub(crate) messages: usize,
    /// Of one batch; the first message may have more.
    pub(crate) bytes: u64,
    /// What the consumer may hold more than it does; a consumer that holds nothing may get one message with more.
    pub(crate) credit: u64,
    /// Whether nothing was taken yet.
    pub(crate) first: bool,
    /// Whether the consumer holds nothing.
    pub(crate) empty_handed: bool,
}

impl Want {
    fn refuses(&self, size: u64) -> bool {
        size > self.bytes && !self.first || size > self.credit && !(self.first && self.empty_handed)
    }

    fn took(&mut self, size: u64) {
        self.messages -= 1;
        self.bytes = self.bytes.saturating_sub(size);
        self.credit = self.credit.saturating_sub(size);
        self.first = false;
    }
}

/// A message that was just leased.
pub(crate) struct Leased {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) generation: u32,
    pub(crate) attempt: u32,
    pub(crate) published: Timestamp,
    pub(crate) message: Message,
}

/// What became of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// The log must be told.
    New,
    /// The message was acknowledged before.
    Again,
    /// It doesn't count: an earlier message of its key is open, and this one comes again after that.
    Ignored,
}

/// Why [`Part::take`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing more is deliverable to this consumer.
    Empty,
    /// The consumer has what it wants.
    Satisfied,
    /// The records from this offset on are on disk: [`Part::load_from_disk`], then again.
    OnDisk(u64),
}

impl Part {
    pub(crate) fn new(id: PartitionId, shard: Arc<Shard>, log: Arc<PartitionLog>, leases: Leases) -> Self {
        let state = PartState {
            leases,
            fresh: Window::default(),
            again: Window::default(),
        };
        Self {
            id,
            shard,
            log,
            state: Mutex::new(state),
        }
    }

    /// Leases what is deliverable and wanted, and appends it to `out`.
    ///
    /// # Errors
    /// `Internal` when a stored batch can't be decoded.
    pub(crate) fn take(&self, want: &mut Want, out: &mut Vec<Leased>) -> Result<Stop> {
        let mut state = self.state.lock();
        state.leases.expire(want.now);
        loop {
            if want.messages == 0 {
                return Ok(Stop::Satisfied);
            }
            let Some(offset) = state.leases.peek(want.holder, self.log.end()) else {
                // What an idle subscription keeps decoded is memory that nobody uses.
                if state.leases.waiting() == 0 {
                    state.fresh.clear();
                    state.again.clear();
                }
                return Ok(Stop::Empty);
            };
            if let ControlFlow::Break(stop) = self.take_one(&mut state, offset, want, out)? {
                return Ok(stop);
            }
        }
    }

    fn take_one(
        &self,
        state: &mut PartState,
        offset: u64,
        want: &mut Want,
        out: &mut Vec<Leased>,
    ) -> Result<ControlFlow<Stop>> {
        let waiting = state.leases.is_waiting(offset);
        let PartState { leases, fresh, again } = state;
        let window = if waiting { again } else { fresh };
        match window.find(offset) {
            Found::Record(record) => {
                match leases.offer(offset, &record.message, want.holder) {
                    Offer::Deliverable => {}
                    Offer::Deferred => return Ok(ControlFlow::Continue(())),
                    Offer::Full => return Ok(ControlFlow::Break(Stop::Empty)),
                }
                let size = record.message.size() as u64;
                if want.refuses(size) {
                    return Ok(ControlFlow::Break(Stop::Satisfied));
                }
                let lease = leases.lease(
                    offset,
                    &record.message,
                    want.holder,
                    u32::try_from(size).unwrap_or(u32::MAX),
                    want.deadline,
                );
                let lease = lease
                    .ok_or_else(|| Error::internal(format!("offset {offset} was deliverable and is not")))?;
                want.took(size);
                out.push(Leased {
                    partition: self.id.index,
                    offset,
                    generation: lease.generation,
                    attempt: lease.attempt,
                    published: record.timestamp,
                    message: record.message.clone(),
                });
            }
            Found::Gap => leases.skip_range(offset..offset.saturating_add(1)),
            Found::NotHere => match self.log.locate(offset, if waiting { 1 } else { AHEAD_BYTES }) {
                Located::AtEnd => return Ok(ControlFlow::Break(Stop::Empty)),
                Located::Disk => return Ok(ControlFlow::Break(Stop::OnDisk(offset))),
                Located::Memory(batches) => load(leases, window, offset, &batches, self.id)?,
            },
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads records from the segment files, off the async threads, so that the next [`Part::take`] finds them.
    ///
    /// # Errors
    /// `Internal` when a segment can't be read or is damaged; the log names file and place.
    pub(crate) async fn load_from_disk(&self, offset: u64) -> Result<()> {
        let log = Arc::clone(&self.log);
        let read = tokio::task::spawn_blocking(move || log.read_files(offset, DISK_BYTES)).await;
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(partition = %self.id, offset, %error, "records can't be read");
            Error::internal(format!(
                "records of partition {} from offset {offset} on can't be read",
                self.id
            ))
        };
        let batches = match read {
            Ok(Ok(batches)) => batches,
            Ok(Err(error)) => return Err(failed(&error)),
            Err(error) => return Err(failed(&error)),
        };
        let mut state = self.state.lock();
        let PartState { leases, fresh, again } = &mut *state;
        if batches.is_empty() {
            // Trimmed while it was read, or gone.
            return match self.log.locate(offset, 1) {
                Located::Disk => Err(failed(&"the segment files end before it")),
                Located::AtEnd | Located::Memory(_) => Ok(()),
            };
        }
        let window = if leases.is_waiting(offset) { again } else { fresh };
        load(leases, window, offset, &batches, self.id)
    }

    pub(crate) fn acknowledge(&self, offset: u64, generation: u32) -> Noted {
        let leases = &mut self.state.lock().leases;
        match leases.acknowledge(offset, generation) {
            acknowledged if acknowledged.is_new => Noted::New,
            _ if leases.is_done(offset) => Noted::Again,
            _ => Noted::Ignored,
        }
    }

    pub(crate) fn extend(&self, offset: u64, generation: u32, deadline: u64) -> bool {
        self.state.lock().leases.extend(offset, generation, deadline)
    }

    /// Whether the message waits for redelivery now, and with it what is behind it in order.
    pub(crate) fn nack(&self, offset: u64, generation: u32) -> bool {
        self.state.lock().leases.nack(offset, generation)
    }

    /// Forgets what was decoded ahead.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.fresh.clear();
        state.again.clear();
    }

    /// Ends the leases that ran out by `now`; their messages wait for redelivery.
    pub(crate) fn expire(&self, now: u64) {
        self.state.lock().leases.expire(now);
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.state.lock().leases.next_deadline()
    }

    pub(crate) fn leased(&self) -> u64 {
        self.state.lock().leases.leased() as u64
    }

    /// Messages and bytes that a holder has.
    pub(crate) fn held_by(&self, holder: u64) -> (u64, u64) {
        let held = self.state.lock().leases.held_by(holder);
        (held.messages, held.bytes)
    }

    pub(crate) fn end(&self) -> u64 {
        self.log.end()
    }
}

/// Decodes `batches` into `window`; offsets before the first of them hold no record any more.
fn load(
    leases: &mut Leases,
    window: &mut Window,
    offset: u64,
    batches: &[FetchedBatch],
    partition: PartitionId,
) -> Result<()> {
    if let Some(first) = batches.first().filter(|first| first.base_offset > offset) {
        leases.skip_range(offset..first.base_offset);
    }
    window.load(batches).map_err(|reason| {
        tracing::error!(%partition, offset, reason, "a stored batch can't be decoded");
        Error::internal(format!(
            "a stored batch of partition {partition} near offset {offset} can't be decoded"
        ))
    })
}

/// Decoded records of some batches, in order.
#[derive(Default)]
struct Window {
    batches: VecDeque<Decoded>,
}

struct Decoded {
    base_offset: u64,
    end: u64,
    records: Vec<Record>,
}

enum Found<'a> {
    Record(&'a Record),
    /// The batch is here, and holds no such record.
    Gap,
    NotHere,
}

impl Window {
    fn clear(&mut self) {
        self.batches = VecDeque::new();
    }

    fn load(&mut self, batches: &[FetchedBatch]) -> Result<(), String> {
        self.batches.clear();
        for batch in batches {
            let decoded = RecordBatch::trusted(batch.bytes.clone());
            let records: Result<Vec<Record>, _> = decoded.and_then(|batch| batch.records().collect());
            let records =
                records.map_err(|error| format!("batch at offset {}: {error}", batch.base_offset))?;
            self.batches.push_back(Decoded {
                base_offset: batch.base_offset,
                end: batch.end(),
                records,
            });
        }
        Ok(())
    }

    fn find(&self, offset: u64) -> Found<'_> {
        let at = self.batches.partition_point(|batch| batch.end <= offset);
        let Some(batch) = self.batches.get(at).filter(|batch| batch.base_offset <= offset) else {
            return Found::NotHere;
        };
        let delta = u32::try_from(offset - batch.base_offset).unwrap_or(u32::MAX);
        // Batches are dense unless a Kafka client compacted them.
        let dense = batch
            .records
            .get(delta as usize)
            .filter(|record| record.offset_delta == delta);
        let record = dense.or_else(|| {
            let found = batch
                .records
                .binary_search_by_key(&delta, |record| record.offset_delta);
            found.ok().map(|index| &batch.records[index])
        });
        record.map_or(Found::Gap, Found::Record)
    }
}
