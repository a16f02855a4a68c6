//! Where a record stands in its queue. Pure: no I/O, no clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place in a queue, written as `object:record`. Places rise in the order in which a queue is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ChainPosition {
    /// The object: its number in the queue, plus 1; 0 for the control records before all objects, the
    /// first time.
    pub object: u64,
    /// The record: its ordinal in the object, plus 1; 0 before all of them.
    pub record: u64,
}

impl ChainPosition {
    /// Before the first record of a lane.
    pub const START: Self = Self { object: 0, record: 0 };
}

/// A text that is not a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a position; expected two numbers with a colon between them, as in 12:345")]
pub struct PositionError {
    text: String,
}

impl fmt::Display for ChainPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object, self.record)
    }
}

impl FromStr for ChainPosition {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parsed = text.split_once(':').and_then(|(object, record)| {
            Some(Self {
                object: object.parse().ok()?,
                record: record.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| PositionError {
            text: text.to_owned(),
        })
    }
}

impl From<ChainPosition> for String {
    fn from(position: ChainPosition) -> Self {
        position.to_string()
    }
}

impl TryFrom<String> for ChainPosition {
    type Error = PositionError;

    fn try_from(text: String) -> Result<Self, PositionError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_and_is_compared_by_its_numbers() {
        let position = |text: &str| text.parse::<ChainPosition>().unwrap();
        assert_eq!(position("12:345").to_string(), "12:345");
        assert!(position("9:1") < position("10:0") && position("9:9") < position("9:10"));
        assert_eq!(position("0:0"), ChainPosition::START);
        for text in ["", "1", "1:", ":1", "1:2:3", "1:-2", "a:b"] {
            assert!(text.parse::<ChainPosition>().is_err(), "{text}");
        }
    }
}
