//! Masks: values that are sent in a form that hides them. Pure: no I/O, no clock.
//!
//! Random digits are drawn from the row's place in its object, not from a generator: the same row gets the same digits
//! whenever it is rendered, so that it is recognised in the stream; and they say nothing about the digits they replace.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::hex;
use crate::model::{ColumnType, TypeClass};
use crate::saturate;

/// Digits of a SHA-256 in hexadecimal.
pub const HASH_CHARACTERS: u32 = 64;
/// Bytes of a draw that become one digit each: a byte above is drawn again, so that all digits are equally likely.
const FAIR_BYTES: u8 = 250;

/// How a value is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Mask {
    /// `data-masking-digits-mask`: each digit becomes this character.
    Digits(char),
    /// `data-masking-digits-randomize`: each digit becomes another one.
    RandomDigits,
    /// `data-masking-hash-mask`: the value becomes its SHA-256.
    Hash,
}

/// What random digits are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSeed {
    /// Digest of the object: its key and its version.
    pub object: [u8; 32],
    /// Number of the row in it.
    pub ordinal: u64,
}

impl RowSeed {
    /// What stands for an object in the seeds of its rows.
    pub fn of_object(key: &str, etag: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(key.as_bytes());
        digest.update([0]);
        digest.update(etag.as_bytes());
        digest.finalize().into()
    }
}

impl Mask {
    /// Whether columns of a type can be hidden this way.
    pub fn fits(self, column_type: ColumnType) -> bool {
        match column_type.class() {
            TypeClass::Text => true,
            TypeClass::Integer { .. } | TypeClass::Decimal { .. } => self == Self::RandomDigits,
            TypeClass::Float
            | TypeClass::Boolean
            | TypeClass::Date
            | TypeClass::Time
            | TypeClass::DateTime
            | TypeClass::LargeText
            | TypeClass::Bytes
            | TypeClass::LargeBytes => false,
        }
    }

    /// The type of a column that is hidden this way.
    pub fn output(self, column_type: ColumnType) -> ColumnType {
        match (self, column_type) {
            (Self::Hash, ColumnType::String { length: Some(length) }) => ColumnType::String {
                length: Some(length.max(HASH_CHARACTERS)),
            },
            (Self::Hash | Self::Digits(_) | Self::RandomDigits, _) => column_type,
        }
    }

    /// Appends the hidden form of a value, which is a text or a number as a message writes it. `column` tells the
    /// columns of a row apart; only random digits need a seed.
    pub fn apply(
        self,
        out: &mut Vec<u8>,
        text: &[u8],
        column_type: ColumnType,
        seed: Option<RowSeed>,
        column: usize,
    ) {
        match self {
            Self::Digits(character) => {
                let character = u8::try_from(character).unwrap_or(b'*');
                let masked = text
                    .iter()
                    .map(|byte| if byte.is_ascii_digit() { character } else { *byte });
                out.extend(masked);
            }
            Self::RandomDigits => {
                // Without a seed the digits would be the same everywhere, and still hidden.
                let seed = seed.unwrap_or(RowSeed {
                    object: [0; 32],
                    ordinal: 0,
                });
                randomize(out, text, column_type, &mut Draw::new(seed, column));
            }
            Self::Hash => push_hash(out, text),
        }
    }
}

/// Appends the SHA-256 of a text in upper-case hexadecimal digits.
pub fn push_hash(out: &mut Vec<u8>, text: &[u8]) {
    let digits = hex::text(&Sha256::digest(text)).to_ascii_uppercase();
    out.extend_from_slice(digits.as_bytes());
}

/// An endless row of random bytes that is the same for the same row and column.
struct Draw {
    seed: RowSeed,
    column: usize,
    block: [u8; 32],
    blocks: u64,
    used: usize,
}

impl Draw {
    fn new(seed: RowSeed, column: usize) -> Self {
        Self {
            seed,
            column,
            block: [0; 32],
            blocks: 0,
            used: 32,
        }
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut digest = Sha256::new();
            digest.update(self.seed.object);
            digest.update(self.seed.ordinal.to_be_bytes());
            digest.update(saturate::to_u64(self.column).to_be_bytes());
            digest.update(self.blocks.to_be_bytes());
            self.block = digest.finalize().into();
            self.blocks += 1;
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }

    /// A digit, all equally likely.
    fn digit(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if byte < FAIR_BYTES {
                return b'0' + byte % 10;
            }
        }
    }
}

fn randomize(out: &mut Vec<u8>, text: &[u8], column_type: ColumnType, draw: &mut Draw) {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let bounds = largest(column_type).and_then(|limit| bounds(digits, limit));
    let Some((lowest, highest)) = bounds else {
        out.extend(text.iter().map(|byte| {
            if byte.is_ascii_digit() {
                draw.digit()
            } else {
                *byte
            }
        }));
        return;
    };
    if digits.len() < text.len() {
        out.push(b'-');
    }
    let drawn = (0..16).fold(0_u128, |value, _| value << 8 | u128::from(draw.byte()));
    let number = lowest + drawn % (highest - lowest + 1);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The smallest and the largest number with as many digits that is within the limit.
fn bounds(digits: &[u8], limit: u128) -> Option<(u128, u128)> {
    let places = u32::try_from(digits.len()).ok()?.checked_sub(1)?;
    let power = 10_u128.checked_pow(places)?;
    let lowest = if places == 0 { 0 } else { power };
    let highest = power.checked_mul(10)?.checked_sub(1)?.min(limit);
    (lowest <= highest).then_some((lowest, highest))
}

/// The largest magnitude of a number of the type; `None` for what is not an integer.
fn largest(column_type: ColumnType) -> Option<u128> {
    if let TypeClass::Integer { bits, is_signed } = column_type.class() {
        Some((1_u128 << (bits - u32::from(is_signed))) - 1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seed(ordinal: u64) -> RowSeed {
        RowSeed {
            object: RowSeed::of_object("hr/employee/LOAD1.csv", "abc"),
            ordinal,
        }
    }

    fn masked(mask: Mask, text: &str, column_type: ColumnType, ordinal: u64) -> String {
        let mut out = b"before".to_vec();
        mask.apply(&mut out, text.as_bytes(), column_type, Some(seed(ordinal)), 3);
        String::from_utf8(out).unwrap().split_off(6)
    }

    const TEXT: ColumnType = ColumnType::String { length: Some(20) };

    #[test]
    fn the_vectors_of_the_guide_come_out() {
        assert_eq!(masked(Mask::Digits('#'), "C6BGJ566669K", TEXT, 0), "C#BGJ######K");
        assert_eq!(
            masked(Mask::Hash, "C6BGJ566669K", TEXT, 0),
            "7CB06784764C9030CCC41E25C15339FEB293FFE9B329A72B5FED564E99900C75"
        );
        let random = masked(Mask::RandomDigits, "C6BGJ566669K", TEXT, 0);
        assert_eq!(random.replace(|c: char| c.is_ascii_digit(), "#"), "C#BGJ######K");
        assert_eq!(Mask::Hash.output(TEXT), ColumnType::String { length: Some(64) });
    }

    #[test]
    fn the_same_row_gets_the_same_digits_and_another_row_others() {
        let draw = |ordinal| masked(Mask::RandomDigits, "12345678901234567890", TEXT, ordinal);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    proptest! {
        #[test]
        fn a_random_integer_keeps_its_digits_and_its_range(value: i8, ordinal: u64) {
            let random = masked(Mask::RandomDigits, &value.to_string(), ColumnType::Int1, ordinal);
            let number: i8 = random.parse().unwrap();
            prop_assert_eq!(number.to_string().trim_start_matches('-').len(), value.to_string().trim_start_matches('-').len());
            prop_assert!(number == 0 || (number < 0) == (value < 0));
        }
    }
}
