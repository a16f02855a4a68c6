//! Sequence numbers in a small fixed form: many of them are kept while a stream is read back. Pure: no I/O, no clock.

use std::cmp::Ordering;
use std::fmt;

use super::settle::compare_sequence_numbers;

/// Digits of a part that is put into words at once: each part is less than 2^64.
const PART_DIGITS: usize = 19;
/// What such a part is worth.
const PART: u64 = 10_000_000_000_000_000_000;
/// Digits that always fit: 10^57 is less than 2^192. Those of Kinesis have 56.
const DIGITS_MAX: usize = 3 * PART_DIGITS;

/// A sequence number, which is compared as the integer it is. Its text comes back digit by digit.
#[derive(Debug, Clone)]
pub struct SequenceNumber(Form);

#[derive(Debug, Clone)]
enum Form {
    /// The integer, its highest word first.
    Words([u64; 3]),
    /// Whatever has another form than that integer in decimal digits.
    Text(Box<str>),
}

impl SequenceNumber {
    /// The number that is written so.
    pub fn new(text: &str) -> Self {
        Self(words_of(text).map_or_else(|| Form::Text(text.into()), Form::Words))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = match &self.0 {
            Form::Words(words) => *words,
            Form::Text(text) => return f.write_str(text),
        };
        let low = divide(&mut words);
        let middle = divide(&mut words);
        let high = divide(&mut words);
        match (high, middle) {
            (0, 0) => write!(f, "{low}"),
            (0, _) => write!(f, "{middle}{low:019}"),
            (_, _) => write!(f, "{high}{middle:019}{low:019}"),
        }
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SequenceNumber {}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Words(left), Form::Words(right)) => left.cmp(right),
            (Form::Text(_), _) | (_, Form::Text(_)) => {
                compare_sequence_numbers(&self.to_string(), &other.to_string())
            }
        }
    }
}

/// The words of a number without leading zeros, if it fits.
fn words_of(text: &str) -> Option<[u64; 3]> {
    let is_plain = text.bytes().all(|digit| digit.is_ascii_digit());
    let is_canonical = text == "0" || !(text.is_empty() || text.starts_with('0'));
    if !is_plain || !is_canonical || text.len() > DIGITS_MAX {
        return None;
    }
    let mut words = [0; 3];
    let mut rest = text;
    while !rest.is_empty() {
        // The first part may be shorter; the others are whole.
        let (part, tail) = rest.split_at_checked((rest.len() - 1) % PART_DIGITS + 1)?;
        multiply_and_add(&mut words, part.parse().ok()?);
        rest = tail;
    }
    Some(words)
}

/// Makes the words `words * 10^19 + part`.
fn multiply_and_add(words: &mut [u64; 3], part: u64) {
    let mut carry = u128::from(part);
    for word in words.iter_mut().rev() {
        let wide = u128::from(*word) * u128::from(PART) + carry;
        *word = low(wide);
        carry = wide >> u64::BITS;
    }
}

/// Divides the words by 10^19; gives the remainder.
fn divide(words: &mut [u64; 3]) -> u64 {
    let mut remainder = 0;
    for word in words {
        let wide = (remainder << u64::BITS) | u128::from(*word);
        *word = low(wide / u128::from(PART));
        remainder = wide % u128::from(PART);
    }
    low(remainder)
}

fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_comes_back_and_the_order_is_that_of_the_texts(
            left in "(0{0,3}[0-9]{1,60})|[1-9][0-9]{50,57}",
            right in "(0{0,3}[0-9]{1,60})|[1-9][0-9]{50,57}",
        ) {
            let numbers = [&left, &right].map(|text| SequenceNumber::new(text));
            prop_assert_eq!(numbers[0].to_string(), left.as_str());
            prop_assert_eq!(numbers[0].cmp(&numbers[1]), compare_sequence_numbers(&left, &right));
        }
    }

    #[test]
    fn a_number_of_the_service_takes_no_memory_of_its_own() {
        for text in [
            "0",
            "9999999999999999999",
            "10000000000000000000",
            &"9".repeat(DIGITS_MAX),
        ] {
            let number = SequenceNumber::new(text);
            assert!(matches!(number.0, Form::Words(_)), "{text}");
            assert_eq!(number.to_string(), text);
        }
        for text in ["", "00", "07", "7/1", &"1".repeat(DIGITS_MAX + 1)] {
            let number = SequenceNumber::new(text);
            assert!(matches!(number.0, Form::Text(_)), "{text}");
            assert_eq!(number.to_string(), text);
        }
        assert!(size_of::<SequenceNumber>() <= 32);
    }
}
