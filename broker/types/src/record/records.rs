//! Bytes to messages.

use std::iter::FusedIterator;

use bytes::{Buf, Bytes};

use super::header::{Compression, Header};
use super::{RecordError, varint};
use crate::message::Message;
use crate::time::Timestamp;

/// One record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How far its offset lies above the batch's base offset.
    pub offset_delta: u32,
    /// When it was published.
    pub timestamp: Timestamp,
    /// The message: null value and null header values are read as empty.
    pub message: Message,
}

/// The records of a batch, in order. After an error it ends.
#[derive(Clone, Debug)]
pub struct Records {
    rest: Bytes,
    base_timestamp: Timestamp,
    append_time: Option<Timestamp>,
    next: u32,
    count: u32,
    /// What ends the iteration before the first record.
    refused: Option<RecordError>,
}

impl Records {
    pub(super) fn new(header: &Header, body: Bytes) -> Self {
        let compressed = header.compression != Compression::None;
        Self {
            rest: body,
            base_timestamp: header.base_timestamp,
            append_time: header.append_time.then_some(header.max_timestamp),
            next: 0,
            count: header.count,
            refused: compressed.then_some(RecordError::Compressed(header.compression)),
        }
    }

    fn read(&mut self) -> Result<Record, RecordError> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        let offset_delta = self.next;
        let damaged = |reason| RecordError::Record {
            record: offset_delta,
            reason,
        };
        let length = Fields(&mut self.rest)
            .length()
            .ok_or_else(|| damaged("its length is not in the batch"))?;
        let mut body = self.rest.split_to(length);
        let fields = Fields(&mut body)
            .record()
            .ok_or_else(|| damaged("its fields don't fit its length"))?;
        if !body.is_empty() {
            return Err(damaged("bytes follow its last field"));
        }
        if fields.offset_delta != i64::from(offset_delta) {
            return Err(damaged("its offset is not the next"));
        }
        let published = Timestamp(self.base_timestamp.0.saturating_add(fields.timestamp_delta));
        self.next += 1;
        if self.next == self.count && !self.rest.is_empty() {
            return Err(RecordError::Trailing(self.rest.len()));
        }
        Ok(Record {
            offset_delta,
            timestamp: self.append_time.unwrap_or(published),
            message: fields.message,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.next = self.count;
        }
        Some(read)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.count - self.next) as usize;
        (left.min(1), Some(left))
    }
}

impl FusedIterator for Records {}

/// Reads fields off the front of a record; None when they are not there.
struct Fields<'a>(&'a mut Bytes);

struct RecordFields {
    timestamp_delta: i64,
    offset_delta: i64,
    message: Message,
}

impl Fields<'_> {
    fn record(&mut self) -> Option<RecordFields> {
        let _attributes = self.0.try_get_u8().ok()?;
        let timestamp_delta = self.varint()?;
        let offset_delta = self.varint()?;
        let key = self.nullable()?;
        let data = self.nullable()?.unwrap_or_default();
        let attributes = self.headers()?;
        Some(RecordFields {
            timestamp_delta,
            offset_delta,
            message: Message {
                data,
                attributes,
                key,
            },
        })
    }

    fn headers(&mut self) -> Option<Vec<(Bytes, Bytes)>> {
        let count = usize::try_from(self.varint()?).ok()?;
        // Two bytes a header at least: a damaged count must not cost memory.
        if count > self.0.len() / 2 {
            return None;
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            let length = self.length()?;
            let name = self.0.split_to(length);
            headers.push((name, self.nullable()?.unwrap_or_default()));
        }
        Some(headers)
    }

    /// Bytes after their length; −1 is null.
    fn nullable(&mut self) -> Option<Option<Bytes>> {
        match self.varint()? {
            -1 => Some(None),
            length => {
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= self.0.len())?;
                Some(Some(self.0.split_to(length)))
            }
        }
    }

    /// A length that is there: not negative, and not beyond the end.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|length| *length <= self.0.len())
    }

    fn varint(&mut self) -> Option<i64> {
        let (value, taken) = varint::get(self.0)?;
        self.0.advance(taken);
        Some(value)
    }
}
