//! The record codec against Kafka's format as the kafka-protocol crate knows it, in both directions, and against damage.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as oracle;
use postroad_types::record::{Compression, HEADER_LEN, RecordBatch, RecordError};
use postroad_types::{Message, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

/// Large enough for lengths of three bytes; a pattern, because drawing each byte takes long.
fn large() -> impl Strategy<Value = Bytes> {
    (10_000..70_000_usize, any::<u8>())
        .prop_map(|(length, first)| (0..length).map(|place| first.wrapping_add(place as u8)).collect())
}

/// Attribute names are distinct here because the oracle keeps headers in a map.
fn attributes() -> impl Strategy<Value = Vec<(Bytes, Bytes)>> {
    let pair = (".{0,12}".prop_map(|name: String| Bytes::from(name)), bytes(40));
    vec(pair, 0..6).prop_map(|pairs| {
        let mut seen = std::collections::BTreeSet::new();
        pairs
            .into_iter()
            .filter(|(name, _)| seen.insert(name.clone()))
            .collect()
    })
}

fn message() -> impl Strategy<Value = Message> {
    let data = prop_oneof![4 => bytes(200), 1 => large()];
    (data, attributes(), proptest::option::of(bytes(30))).prop_map(|(data, attributes, key)| Message {
        data,
        attributes,
        key,
    })
}

/// What the oracle writes: also what Postroad never does, such as null values and records of different times.
fn foreign_record() -> impl Strategy<Value = oracle::Record> {
    let header = (
        ".{0,12}".prop_map(|name: String| StrBytes::from(name)),
        proptest::option::of(bytes(40)),
    );
    let headers = vec(header, 0..6).prop_map(|pairs| pairs.into_iter().collect::<IndexMap<_, _>>());
    let times = 0..2_000_000_000_000_i64;
    (
        proptest::option::of(bytes(30)),
        proptest::option::of(bytes(200)),
        headers,
        times,
    )
        .prop_map(|(key, value, headers, timestamp)| oracle::Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 3,
            producer_id: 77,
            producer_epoch: 5,
            timestamp_type: oracle::TimestampType::Creation,
            offset: 0,
            sequence: 0,
            timestamp,
            key,
            value,
            headers,
        })
}

fn foreign_batch(mut records: Vec<oracle::Record>, base_offset: i64) -> (Vec<oracle::Record>, Bytes) {
    for (delta, record) in records.iter_mut().enumerate() {
        record.offset = base_offset + delta as i64;
        record.sequence = delta as i32;
    }
    let options = oracle::RecordEncodeOptions {
        version: 2,
        compression: oracle::Compression::None,
    };
    let mut out = BytesMut::new();
    oracle::RecordBatchEncoder::encode(&mut out, &records, &options).unwrap();
    (records, out.freeze())
}

/// Reads a batch as a consumer does; what it gives is of no interest.
fn read_all(bytes: Bytes) {
    for batch in [RecordBatch::parse(bytes.clone()), RecordBatch::trusted(bytes)]
        .into_iter()
        .flatten()
    {
        let records = batch.records().take_while(Result::is_ok).count();
        assert!(records <= batch.count() as usize);
    }
}

proptest! {
    #[test]
    fn kafka_reads_what_postroad_writes(
        messages in vec(message(), 1..8),
        time in any::<i32>(),
        base_offset in 0..1_u64 << 48,
    ) {
        let published = Timestamp(i64::from(time) * 1000);
        let batch = RecordBatch::parse(RecordBatch::encode(&messages, published).unwrap()).unwrap();
        let read = oracle::RecordBatchDecoder::decode(&mut batch.with_base_offset(base_offset).into_bytes()).unwrap();
        prop_assert_eq!(read.records.len(), messages.len());
        for (delta, (record, message)) in read.records.iter().zip(&messages).enumerate() {
            prop_assert_eq!(record.offset, base_offset as i64 + delta as i64);
            prop_assert_eq!(record.timestamp, published.0);
            prop_assert_eq!((record.producer_id, record.sequence), (-1, delta as i32 - 1));
            prop_assert_eq!(&record.key, &message.key);
            prop_assert_eq!(record.value.as_ref(), Some(&message.data));
            let headers: Vec<_> = record.headers.iter()
                .map(|(name, value)| (Bytes::copy_from_slice(name.as_bytes()), value.clone().unwrap()))
                .collect();
            prop_assert_eq!(&headers, &message.attributes);
        }
    }

    #[test]
    fn postroad_reads_what_kafka_writes(
        records in vec(foreign_record(), 1..8),
        base_offset in 0..1_i64 << 48,
    ) {
        let (records, bytes) = foreign_batch(records, base_offset);
        let batch = RecordBatch::parse(bytes).unwrap();
        prop_assert_eq!(batch.count() as usize, records.len());
        prop_assert_eq!(batch.base_offset(), base_offset as u64);
        prop_assert_eq!(batch.max_timestamp().0, records.iter().map(|record| record.timestamp).max().unwrap());
        let read: Vec<_> = batch.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), records.len());
        for (delta, (read, record)) in read.iter().zip(&records).enumerate() {
            prop_assert_eq!(read.offset_delta as usize, delta);
            prop_assert_eq!(read.timestamp.0, record.timestamp);
            prop_assert_eq!(&read.message.key, &record.key);
            prop_assert_eq!(&read.message.data, &record.value.clone().unwrap_or_default());
            let headers: Vec<_> = record.headers.iter()
                .map(|(name, value)| {
                    (Bytes::copy_from_slice(name.as_bytes()), value.clone().unwrap_or_default())
                })
                .collect();
            prop_assert_eq!(&read.message.attributes, &headers);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(noise in vec(any::<u8>(), 0..300)) {
        read_all(noise.into());
    }

    /// Noise rarely gets past the header, so here the header is sound and only the records are noise.
    #[test]
    fn any_records_after_a_sound_header_are_read_or_refused(noise in vec(any::<u8>(), 7..300), count in 1..20_i32) {
        let mut bytes = RecordBatch::encode(&[Message::default()], Timestamp(0)).unwrap().to_vec();
        bytes.truncate(HEADER_LEN);
        bytes.extend(&noise);
        let length = bytes.len() as i32 - 12;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        read_all(bytes.into());
    }

    #[test]
    fn a_cut_batch_is_refused(messages in vec(message(), 1..4), cut in any::<prop::sample::Index>()) {
        let bytes = RecordBatch::encode(&messages, Timestamp(1)).unwrap();
        let cut = bytes.slice(..cut.index(bytes.len()));
        prop_assert!(RecordBatch::parse(cut.clone()).is_err());
        prop_assert!(RecordBatch::trusted(cut).is_err());
    }

    /// Base offset and leader epoch are outside the checksum, as in Kafka: the broker writes them.
    #[test]
    fn a_flipped_bit_is_noticed(
        messages in vec(message(), 1..4),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let sound = RecordBatch::encode(&messages, Timestamp(1)).unwrap();
        let mut bytes = sound.to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        let outside = (0..8).contains(&place) || (12..16).contains(&place);
        if !outside {
            prop_assert!(RecordBatch::parse(bytes.clone().into()).is_err(), "byte {place}");
        }
        read_all(bytes.into());
    }
}

#[test]
fn payloads_are_slices_of_the_batch() {
    let message = Message {
        data: Bytes::from_static(b"a payload"),
        attributes: vec![(Bytes::from_static(b"kind"), Bytes::from_static(b"order"))],
        key: Some(Bytes::from_static(b"customer 7")),
    };
    let bytes = RecordBatch::encode(std::slice::from_ref(&message), Timestamp(5)).unwrap();
    let batch = RecordBatch::parse(bytes.clone()).unwrap();
    let read = batch.records().next().unwrap().unwrap().message;
    assert_eq!(read, message);
    for part in [
        &read.data,
        &read.attributes[0].0,
        &read.attributes[0].1,
        read.key.as_ref().unwrap(),
    ] {
        assert!(bytes.as_ptr_range().contains(&part.as_ptr()), "a part was copied");
    }
}

#[test]
fn a_base_offset_is_written_in_place_when_nobody_shares_the_bytes() {
    let bytes = RecordBatch::encode(&[Message::default()], Timestamp(5)).unwrap();
    let address = bytes.as_ptr();
    let batch = RecordBatch::parse(bytes).unwrap().with_base_offset(41);
    assert_eq!(batch.bytes().as_ptr(), address);
    let shared = batch.clone();
    let moved = batch.with_base_offset(42);
    assert_eq!((shared.base_offset(), moved.base_offset()), (41, 42));
    assert_eq!(RecordBatch::parse(shared.into_bytes()).unwrap().base_offset(), 41);
    assert_eq!(RecordBatch::parse(moved.into_bytes()).unwrap().base_offset(), 42);
}

#[test]
fn no_messages_are_no_batch() {
    assert_eq!(RecordBatch::encode(&[], Timestamp(0)), Err(RecordError::Empty));
}

/// A batch with the log's own time (attribute bit 3) gives it to every record.
#[test]
fn the_time_of_appending_replaces_the_publishers() {
    let mut bytes = RecordBatch::encode(&[Message::default()], Timestamp(5))
        .unwrap()
        .to_vec();
    bytes[22] |= 1 << 3;
    bytes[35..43].copy_from_slice(&99_i64.to_be_bytes());
    let batch = RecordBatch::trusted(bytes.into()).unwrap();
    assert_eq!(batch.first_timestamp(), Timestamp(99));
    assert_eq!(batch.records().next().unwrap().unwrap().timestamp, Timestamp(99));
}

#[test]
fn what_is_refused_is_named() {
    let sound = RecordBatch::encode(&[Message::default()], Timestamp(5)).unwrap();
    let refused = |at: usize, with: &[u8]| {
        let mut bytes = sound.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        let batch = RecordBatch::trusted(bytes.into());
        batch
            .and_then(|batch| batch.records().next().unwrap())
            .unwrap_err()
    };
    assert_eq!(refused(16, &[1]), RecordError::Magic(1));
    assert_eq!(
        refused(0, &[0x80]),
        RecordError::Field {
            field: "base offset",
            value: i64::MIN
        }
    );
    assert_eq!(
        refused(57, &[0, 0, 0, 0]),
        RecordError::Field {
            field: "record count",
            value: 0
        }
    );
    assert_eq!(
        refused(23, &[0, 0, 0, 7]),
        RecordError::Field {
            field: "last offset delta",
            value: 7
        }
    );
    assert_eq!(refused(22, &[4]), RecordError::Compressed(Compression::Zstd));
    assert!(refused(22, &[4]).to_string().contains("compressed with zstd"));
    assert!(matches!(refused(8, &[0, 0, 1, 0]), RecordError::Length { .. }));

    let followed = [&sound[..], b"x"].concat();
    let said = sound.len() as i64;
    assert_eq!(
        RecordBatch::parse(followed.into()),
        Err(RecordError::Length {
            said,
            found: sound.len() + 1
        })
    );
}
