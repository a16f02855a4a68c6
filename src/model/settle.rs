//! Settlements: what happened to records that left the parser. Pure: no I/O, no clock.

use std::cmp::Ordering;

use super::ObjectId;
use super::places::KnownPlaces;
use crate::route::shard_map::ShardIndex;

/// A chunk of an object in this generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// The object.
    pub object: ObjectId,
    /// Number of the chunk since the object was opened in this generation, from 0.
    pub chunk_number: u64,
}

/// Some records of one chunk that settled together on one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledRun {
    /// The chunk.
    pub chunk: ChunkRef,
    /// How many records.
    pub records_count: u64,
    /// Every record of the object for this lane with an ordinal below this one is settled now.
    pub through: u64,
}

/// Where records settle: each lane settles its records of an object in ordinal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Acknowledged by a shard.
    Shard(ShardIndex),
    /// Durably dead-lettered.
    DeadLetters,
}

/// A batch (or a block of dead letters) that is settled. Each record settles exactly once (D1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where.
    pub lane: Lane,
    /// Which records, by chunk.
    pub runs: Vec<SettledRun>,
    /// What the shards gave for them; empty for dead letters. More than one shard only while the stream is being
    /// resharded.
    pub stored: Vec<StoredIn>,
}

/// The records of a batch that one shard stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIn {
    /// The shard that took them.
    pub shard_id: String,
    /// How many records of the batch.
    pub records_count: u64,
    /// What the lane of the batch has settled there, this batch and copies that were sent again included, as far as a
    /// later look would meet it.
    pub known: KnownPlaces,
    /// The record at which a later look has to begin; `None` if only a time is known. It is a known record, or one in
    /// doubt.
    pub look_from: Option<String>,
}

/// What stands in the place of a member between the sequence number it shares and its index.
const MEMBER_MARK: char = '/';

/// The place of one member of an aggregated record. Its members are known one by one where they were found by looking:
/// a batch may need some of them, and the next one the others.
pub fn member_place(sequence_number: &str, index: usize) -> String {
    format!("{sequence_number}{MEMBER_MARK}{index}")
}

/// The sequence number of a place, whether it is that of a member or of a whole record.
pub fn sequence_number_of(place: &str) -> &str {
    place
        .split_once(MEMBER_MARK)
        .map_or(place, |(sequence_number, _)| sequence_number)
}

/// Which member of an aggregated record a place is, if it is that of a member.
pub fn member_index_of(place: &str) -> Option<usize> {
    place.split_once(MEMBER_MARK)?.1.parse().ok()
}

/// Compares sequence numbers as the integers they are: they have more digits than a machine word has room for. The
/// members of an aggregated record are at one place.
pub fn compare_sequence_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (sequence_number_of(left), sequence_number_of(right));
    if left.len() == right.len() {
        return left.cmp(right);
    }
    let digits = |number: &str| number.trim_start_matches('0').len();
    let by_length = digits(left).cmp(&digits(right));
    by_length.then_with(|| left.trim_start_matches('0').cmp(right.trim_start_matches('0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_at_the_place_of_its_record() {
        assert_eq!(member_place("49", 12), "49/12");
        assert_eq!(
            ["49/12", "49"].map(sequence_number_of),
            ["49", "49"],
            "where reading begins"
        );
        assert_eq!(["49/12", "49"].map(member_index_of), [Some(12), None]);
    }

    #[test]
    fn sequence_numbers_are_compared_as_integers() {
        for (left, right, expected) in [
            ("9", "10", Ordering::Less),
            (
                "49590338271490256608559692538361571",
                "49590338271490256608559692538361572",
                Ordering::Less,
            ),
            ("0010", "10", Ordering::Equal),
            ("0", "1", Ordering::Less),
            ("21", "3", Ordering::Greater),
            ("7/1", "10", Ordering::Less),
            ("7/12", "7/3", Ordering::Equal),
            ("7/0", "7", Ordering::Equal),
        ] {
            assert_eq!(
                compare_sequence_numbers(left, right),
                expected,
                "{left} and {right}"
            );
        }
    }
}
