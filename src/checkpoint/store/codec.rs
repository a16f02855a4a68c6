//! How a value is stored: version byte, bincode payload, CRC. Pure: no I/O, no clock.
//!
//! Advice for changing this file: a stored type that changes shape needs a new [`VALUE_VERSION`] and a migration;
//! the golden test below fails as long as the bytes and the version do not move together.

use bincode::{DefaultOptions, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of the encoding and of the shape of all stored types.
pub const VALUE_VERSION: u8 = 7;
/// Longest value in bytes: what is known of a shard is bounded far below it (C4).
pub const VALUE_BYTES_MAX: u64 = 4 * 1024 * 1024;

const CHECKSUM_BYTES: usize = size_of::<u32>();

/// Why bytes are not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Too short to hold a version and a checksum.
    #[error("{bytes} bytes are too few for a stored value")]
    Truncated {
        /// How many there are.
        bytes: usize,
    },
    /// The checksum does not fit the bytes.
    #[error("the checksum is {found:08x}, the bytes give {computed:08x}")]
    Checksum {
        /// As stored.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// Written by another version of the program.
    #[error(
        "the value has version {found}, this program reads version {supported}; use the program that wrote it"
    )]
    Version {
        /// As stored.
        found: u8,
        /// [`VALUE_VERSION`].
        supported: u8,
    },
    /// The payload is not what its type says, or is too large.
    #[error("the payload does not decode: {detail}")]
    Payload {
        /// What bincode said.
        detail: String,
    },
}

/// The bytes of a value.
///
/// # Errors
/// [`CodecError::Payload`] if it is longer than [`VALUE_BYTES_MAX`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![VALUE_VERSION];
    payload_options()
        .serialize_into(&mut bytes, value)
        .map_err(|error| CodecError::Payload {
            detail: error.to_string(),
        })?;
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    Ok(bytes)
}

/// The value that [`encode`] made the bytes of.
///
/// # Errors
/// [`CodecError`]; one changed byte anywhere is always found.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let truncated = CodecError::Truncated { bytes: bytes.len() };
    let Some((checked, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(truncated);
    };
    let Some((version, payload)) = checked.split_first() else {
        return Err(truncated);
    };
    let (found, computed) = (u32::from_be_bytes(*checksum), crc32fast::hash(checked));
    if found != computed {
        return Err(CodecError::Checksum { found, computed });
    }
    if *version != VALUE_VERSION {
        return Err(CodecError::Version {
            found: *version,
            supported: VALUE_VERSION,
        });
    }
    payload_options()
        .deserialize(payload)
        .map_err(|error| CodecError::Payload {
            detail: error.to_string(),
        })
}

/// Spelled out, because bincode's functions and its options have different defaults.
fn payload_options() -> impl Options {
    DefaultOptions::new()
        .with_little_endian()
        .with_varint_encoding()
        .reject_trailing_bytes()
        .with_limit(VALUE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::ends::LaneEnds;
    use crate::chain::position::ChainPosition;
    use crate::checkpoint::store::conformance::troubles;
    use crate::checkpoint::store::{
        Decision, ObjectProgress, ObjectState, ObjectTotals, RangeThrough, ShardCut,
    };
    use crate::model::Mark;
    use crate::model::places::{KnownPlaces, LaneCut};
    use crate::route::lane::LaneIndex;
    use crate::route::shard_map::HashRange;

    /// Lanes with their last positions.
    fn ends_of(lanes: &[(u8, u64, u64)]) -> LaneEnds {
        let mut ends = LaneEnds::default();
        for (number, object, record) in lanes.iter().copied() {
            ends.reach(LaneIndex::of_number(number), ChainPosition { object, record });
        }
        ends
    }

    fn any_mark() -> impl Strategy<Value = Mark> {
        any::<(u64, u64, u64)>().prop_map(|(position, ordinal, line)| Mark {
            position,
            ordinal,
            line,
        })
    }

    fn any_totals() -> impl Strategy<Value = ObjectTotals> {
        any::<(u64, u64, u64, u64, u64)>().prop_map(|(records, delivered, dead_lettered, filtered, bytes)| {
            ObjectTotals {
                records,
                delivered,
                dead_lettered,
                filtered,
                bytes,
            }
        })
    }

    fn any_state() -> impl Strategy<Value = ObjectState> {
        let through = proptest::collection::vec(any::<(u128, u128, u64)>(), 0..5);
        prop_oneof![
            Just(ObjectState::Registered),
            any_totals().prop_map(ObjectState::Done),
            (any_mark(), through, any::<u64>(), any_totals()).prop_map(
                |(watermark, through, dead_letters_through, totals)| {
                    let through = through
                        .into_iter()
                        .map(|(start, end, through)| RangeThrough {
                            range: HashRange { start, end },
                            through,
                        })
                        .collect();
                    ObjectState::Open(ObjectProgress {
                        watermark,
                        through,
                        dead_letters_through,
                        totals,
                        lanes: (dead_letters_through % 2 == 0).then(|| ends_of(&[(1, 2, 3), (63, 4, 5)])),
                        troubles: troubles(dead_letters_through % 3),
                        is_in_doubt: dead_letters_through % 5 == 0,
                    })
                }
            ),
            (".{0,40}", any_mark(), any_totals(), 0..4_usize).prop_map(
                |(reason, watermark, totals, decision)| {
                    let aside = ObjectState::Quarantined {
                        reason,
                        watermark,
                        totals,
                        is_in_doubt: decision % 2 == 1,
                    };
                    let decisions = [
                        Decision::Skip,
                        Decision::RetryAtMark,
                        Decision::RetryFromBeginning,
                    ];
                    match decisions.get(decision) {
                        Some(decision) => aside.set_aside().unwrap().decided(*decision),
                        None => aside,
                    }
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_the_same(state in any_state()) {
            prop_assert_eq!(decode::<ObjectState>(&encode(&state).unwrap()), Ok(state));
        }

        #[test]
        fn one_changed_byte_is_found(state in any_state(), place in any::<prop::sample::Index>(), flip in 1_u8..) {
            let mut bytes = encode(&state).unwrap();
            let index = place.index(bytes.len());
            bytes[index] ^= flip;
            prop_assert!(decode::<ObjectState>(&bytes).is_err(), "the change must be found");
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(decode::<ObjectState>(&bytes).is_err(), "a chance hit of a CRC is all but impossible");
        }
    }

    #[test]
    fn the_stored_bytes_never_change_within_a_version() {
        let state = ObjectState::Open(ObjectProgress {
            watermark: Mark {
                position: 70_000,
                ordinal: 300,
                line: 301,
            },
            through: vec![RangeThrough {
                range: HashRange { start: 0, end: 255 },
                through: 310,
            }],
            dead_letters_through: 2,
            totals: ObjectTotals {
                records: 300,
                delivered: 298,
                dead_lettered: 1,
                filtered: 1,
                bytes: 70_000,
            },
            lanes: Some(ends_of(&[(5, 3, 12)])),
            troubles: troubles(1),
            is_in_doubt: true,
        });
        let cut = ShardCut {
            shard_id: "shardId-000000000001".to_owned(),
            range: HashRange {
                start: 1,
                end: u128::MAX,
            },
            last_sequence_number: Some("49".to_owned()),
            lanes: vec![LaneCut {
                range: HashRange { start: 1, end: 9 },
                known: KnownPlaces::of(["48".to_owned(), "49/1".to_owned()]),
                look_from: Some("48".to_owned()),
            }],
            records: 2,
        };
        assert_eq!(
            encode(&state).unwrap(),
            [
                7, 1, 252, 112, 17, 1, 0, 251, 44, 1, 251, 45, 1, 1, 0, 251, 255, 0, 251, 54, 1, 2, 251, 44,
                1, 251, 42, 1, 1, 1, 252, 112, 17, 1, 0, 1, 3, 48, 58, 48, 1, 5, 4, 51, 58, 49, 50, 1, 12,
                115, 97, 108, 101, 115, 46, 111, 114, 100, 101, 114, 115, 1, 0, 1, 17, 108, 111, 97, 100, 58,
                115, 97, 108, 101, 115, 46, 111, 114, 100, 101, 114, 115, 7, 12, 111, 114, 100, 101, 114,
                115, 47, 55, 46, 99, 115, 118, 1, 1, 2, 10, 1, 2, 105, 100, 19, 34, 120, 34, 32, 105, 115,
                32, 110, 111, 116, 32, 97, 32, 110, 117, 109, 98, 101, 114, 1, 1, 112, 82, 209, 11
            ],
            "changed shape needs a new version"
        );
        assert_eq!(
            encode(&cut).unwrap(),
            [
                7, 20, 115, 104, 97, 114, 100, 73, 100, 45, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 49,
                1, 254, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2,
                52, 57, 1, 1, 9, 1, 2, 52, 56, 2, 52, 56, 1, 4, 52, 57, 47, 49, 1, 2, 52, 56, 2, 242, 179,
                182, 150
            ],
            "changed shape needs a new version"
        );
    }

    #[test]
    fn another_version_is_refused_with_both_versions_named() {
        let mut bytes = vec![9, 0];
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        let error = decode::<ObjectState>(&bytes).unwrap_err();
        assert_eq!(
            error,
            CodecError::Version {
                found: 9,
                supported: VALUE_VERSION
            },
            "a newer version"
        );
        assert!(
            error.to_string().contains("version 9")
                && error.to_string().contains(&format!("version {VALUE_VERSION}")),
            "{error}"
        );
    }

    #[test]
    fn a_value_beyond_the_limit_is_refused() {
        let text = "x".repeat(usize::try_from(VALUE_BYTES_MAX).unwrap());
        assert!(
            matches!(encode(&text), Err(CodecError::Payload { .. })),
            "the limit must hold"
        );
    }

    #[test]
    fn bytes_after_the_value_are_refused() {
        let mut bytes = vec![VALUE_VERSION, 0, 0];
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        assert!(
            matches!(decode::<ObjectState>(&bytes), Err(CodecError::Payload { .. })),
            "one byte too many"
        );
    }
}
