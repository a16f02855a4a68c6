//! Comparing numbers of any size by their digits, without rounding. Pure: no I/O, no clock.

use std::cmp::Ordering;

use crate::value::digits::Digits;

/// A decimal number as its digits, without zeros that say nothing.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    is_negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Decimal<'a> {
    /// Reads a number with an optional sign, fraction and exponent; `None` if the text is none. One with an exponent is
    /// written out into `scratch`.
    pub fn parse(text: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Self> {
        let (is_negative, unsigned) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            Some(_) | None => (false, text),
        };
        let Digits { integer, fraction } = Digits::of(unsigned, scratch)?;
        let zeros = integer.iter().take_while(|digit| **digit == b'0').count();
        let kept = fraction
            .iter()
            .rposition(|digit| *digit != b'0')
            .map_or(0, |at| at + 1);
        let integer = integer.get(zeros..).unwrap_or_default();
        let fraction = fraction.get(..kept).unwrap_or_default();
        Some(Self {
            // There is one zero.
            is_negative: is_negative && !(integer.is_empty() && fraction.is_empty()),
            integer,
            fraction,
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let by_length = self.integer.len().cmp(&other.integer.len());
        by_length
            .then_with(|| self.integer.cmp(other.integer))
            .then_with(|| self.fraction.cmp(other.fraction))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(left: &str, right: &str) -> Ordering {
        let mut scratch = [Vec::new(), Vec::new()];
        let [left_scratch, right_scratch] = &mut scratch;
        let left = Decimal::parse(left.as_bytes(), left_scratch).unwrap();
        left.cmp(&Decimal::parse(right.as_bytes(), right_scratch).unwrap())
    }

    proptest! {
        #[test]
        fn numbers_are_compared_as_numbers(
            left in -200_i64..200, right in -200_i64..200, scale in 0_usize..4, zeros in 0_usize..3,
        ) {
            // The same scale for both, so that integers say what is expected.
            let text = |value: i64, zeros: usize| {
                let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
                let (integer, fraction) = digits.split_at(digits.len() - scale);
                let sign = if value < 0 { "-" } else { "" };
                let point = if scale > 0 { "." } else { "" };
                format!("{sign}{}{integer}{point}{fraction}", "0".repeat(zeros))
            };
            let texts = (text(left, zeros), text(right, 0));
            prop_assert_eq!(compare(&texts.0, &texts.1), left.cmp(&right), "{:?}", texts);
        }
    }

    #[test]
    fn more_digits_than_a_machine_number_has_still_count() {
        assert!(compare("18446744073709551617", "18446744073709551616.99").is_gt());
        assert!(compare("-0.0", "0").is_eq());
        assert!(compare("1.50", "+01.5").is_eq());
        assert!(compare("1.5e3", "1500").is_eq());
        assert!(compare("-1e-3", "-0.002").is_gt());
        for text in ["", "-", ".", "1e", "1.2.3", "abc"] {
            assert!(
                Decimal::parse(text.as_bytes(), &mut Vec::new()).is_none(),
                "{text}"
            );
        }
    }
}
