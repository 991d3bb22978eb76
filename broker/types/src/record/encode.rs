//! Messages to bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{CRC, CRC_COVERS, HEADER_LEN, LENGTH_STARTS_AT, SUPPORTED_MAGIC};
use super::{RecordError, varint};
use crate::message::Message;
use crate::time::Timestamp;

/// Written where the format wants a leader epoch or a producer, and there is none.
const NONE: i32 = -1;

pub(super) fn encode(messages: &[Message], published: Timestamp) -> Result<Bytes, RecordError> {
    let body: usize = messages
        .iter()
        .enumerate()
        .map(|(delta, message)| framed_len(delta, message))
        .sum();
    let total = HEADER_LEN + body;
    let length = i32::try_from(total - LENGTH_STARTS_AT).map_err(|_| RecordError::TooLarge)?;
    let count = i32::try_from(messages.len()).map_err(|_| RecordError::TooLarge)?;
    if count == 0 {
        return Err(RecordError::Empty);
    }
    let mut out = BytesMut::with_capacity(total);
    put_header(&mut out, length, count, published);
    for (delta, message) in messages.iter().enumerate() {
        put_record(&mut out, delta, message);
    }
    let crc = crc32c::crc32c(&out[CRC_COVERS]);
    out[CRC].copy_from_slice(&crc.to_be_bytes());
    Ok(out.freeze())
}

fn put_header(out: &mut BytesMut, length: i32, count: i32, published: Timestamp) {
    out.put_i64(0); // base offset
    out.put_i32(length);
    out.put_i32(NONE); // partition leader epoch
    out.put_i8(SUPPORTED_MAGIC);
    out.put_u32(0); // CRC, when the rest is there
    out.put_i16(0); // attributes: no compression, the publisher's time, no transaction
    out.put_i32(count - 1); // last offset delta
    out.put_i64(published.0); // base timestamp
    out.put_i64(published.0); // max timestamp
    out.put_i64(i64::from(NONE)); // producer id
    out.put_i16(NONE as i16); // producer epoch
    out.put_i32(NONE); // base sequence
    out.put_i32(count);
}

fn put_record(out: &mut BytesMut, delta: usize, message: &Message) {
    varint::put(out, record_len(delta, message) as i64);
    out.put_u8(0); // attributes: none are defined
    varint::put(out, 0); // timestamp delta
    varint::put(out, delta as i64);
    match &message.key {
        Some(key) => put_sized(out, key),
        None => varint::put(out, -1),
    }
    put_sized(out, &message.data);
    varint::put(out, message.attributes.len() as i64);
    for (name, value) in &message.attributes {
        put_sized(out, name);
        put_sized(out, value);
    }
}

fn put_sized(out: &mut BytesMut, bytes: &[u8]) {
    varint::put(out, bytes.len() as i64);
    out.put_slice(bytes);
}

/// Bytes of a record with its length field.
fn framed_len(delta: usize, message: &Message) -> usize {
    let len = record_len(delta, message);
    varint::len(len as i64) + len
}

/// Bytes of a record after its length field.
fn record_len(delta: usize, message: &Message) -> usize {
    let attributes = 1;
    let timestamp_delta = varint::len(0);
    let key = message.key.as_ref().map_or(varint::len(-1), |key| sized_len(key));
    let headers: usize = message
        .attributes
        .iter()
        .map(|(name, value)| sized_len(name) + sized_len(value))
        .sum();
    let header_count = varint::len(message.attributes.len() as i64);
    attributes
        + timestamp_delta
        + varint::len(delta as i64)
        + key
        + sized_len(&message.data)
        + header_count
        + headers
}

fn sized_len(bytes: &[u8]) -> usize {
    varint::len(bytes.len() as i64) + bytes.len()
}
