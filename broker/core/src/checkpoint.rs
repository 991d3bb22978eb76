//! A shard's state as bytes, and back. The format is documented in docs/formats/commands.md.

mod catalog;
mod data;

use std::collections::BTreeMap;

use bytes::Bytes;
use postroad_types::ShardId;
use prost::Message as _;

use crate::error::DecodeError;
use crate::shard::{Content, ShardState};

/// The version this one writes, and the newest it reads.
pub const VERSION: u32 = 1;

/// A shard's state on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct State {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    shard: u32,
    #[prost(uint64, optional, tag = "3")]
    applied: Option<u64>,
    #[prost(oneof = "Held", tags = "4, 5")]
    held: Option<Held>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Held {
    #[prost(message, tag = "4")]
    Catalog(catalog::CatalogState),
    #[prost(message, tag = "5")]
    Data(data::DataState),
}

/// The version alone: read first, so that a newer state is refused by name whatever else it holds.
#[derive(Clone, PartialEq, prost::Message)]
struct Version {
    #[prost(uint32, tag = "1")]
    version: u32,
}

impl ShardState {
    /// The state as bytes, for the checkpoint. Equal states have equal bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let held = match &self.content {
            Content::Catalog(catalog) => Held::Catalog(catalog::write(catalog)),
            Content::Data(partitions) => Held::Data(data::write(partitions)),
        };
        let state = State {
            version: VERSION,
            shard: self.shard.0,
            applied: self.applied,
            held: Some(held),
        };
        state.encode_to_vec().into()
    }

    /// Reads what [`ShardState::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`]: no such message, a newer version's, or one that contradicts itself.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let Version { version: found } = Version::decode(bytes.clone())?;
        if found > VERSION {
            return Err(DecodeError::Version {
                found,
                supported: VERSION,
            });
        }
        if found == 0 {
            return Err(DecodeError::Invalid("it has no version".to_owned()));
        }
        let state = State::decode(bytes)?;
        let shard = ShardId(state.shard);
        let content = match (state.held, shard == ShardId::CATALOG) {
            (Some(Held::Catalog(catalog)), true) => Content::Catalog(catalog::read(catalog)?),
            (Some(Held::Data(data)), false) => Content::Data(data::read(data)?),
            // A data shard without partitions may be written as nothing at all.
            (None, false) => Content::Data(BTreeMap::new()),
            _ => {
                return Err(DecodeError::Invalid(format!(
                    "shard {shard} doesn't hold what its number says"
                )));
            }
        };
        let state = Self {
            shard,
            applied: state.applied,
            content,
        };
        state.validate().map_err(DecodeError::Invalid)?;
        Ok(state)
    }

    /// A fingerprint of the state, to compare replicas with: 64-bit FNV-1a of [`ShardState::encode`], the same on every
    /// machine.
    #[must_use]
    pub fn digest(&self) -> u64 {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        self.encode().iter().fold(OFFSET_BASIS, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
        })
    }
}
