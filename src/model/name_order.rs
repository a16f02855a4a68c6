//! Whether names that hold numbers sort as numbers do. Pure: no I/O, no clock.

use std::cmp::Ordering;

/// Two names that come in the order of text, and against that of the numbers in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The one that is read first, with the greater number.
    pub first: String,
    /// The one that is read after it.
    pub then: String,
}

/// Looks through names in the order of text for the first two that numbers would put the other way round.
#[derive(Debug, Clone, Default)]
pub struct NameOrder {
    last: Option<String>,
    /// What was found, if anything was.
    pub found: Option<OutOfOrder>,
}

impl NameOrder {
    /// Takes in the next name.
    pub fn take(&mut self, name: &str) {
        if self.found.is_some() {
            return;
        }
        if let Some(last) = self.last.take()
            && is_against_numbers(&last, name)
        {
            self.found = Some(OutOfOrder {
                first: last,
                then: name.to_owned(),
            });
        }
        self.last = Some(name.to_owned());
    }
}

/// Whether the first difference between two names is a number, and the greater one comes first. A number ends where no letter
/// follows: hexadecimal digits are none.
fn is_against_numbers(first: &str, then: &str) -> bool {
    let same = first.bytes().zip(then.bytes());
    let same = same.take_while(|(one, other)| one == other).count();
    let head = first.as_bytes().get(..same).unwrap_or_default();
    let digits_in_common = head.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = same - digits_in_common;
    match (number_at(first, start), number_at(then, start)) {
        (Some(one), Some(other)) => compare(one, other) == Ordering::Greater,
        _ => false,
    }
}

/// The digits of the number that begins there.
fn number_at(name: &str, start: usize) -> Option<&[u8]> {
    let rest = name.as_bytes().get(start..)?;
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = rest.get(count).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    rest.get(..count).filter(|digits| ends && !digits.is_empty())
}

/// Compares numbers of any length.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.get(zeros..).unwrap_or_default().to_vec()
    };
    let (one, other) = (plain(one), plain(other));
    one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Option<(String, String)> {
        let mut sorted: Vec<_> = names.to_vec();
        sorted.sort_unstable();
        let mut order = NameOrder::default();
        for name in sorted {
            order.take(name);
        }
        order.found.map(|found| (found.first, found.then))
    }

    #[test]
    fn numbers_without_leading_zeros_sort_as_text() {
        let pair = found(&["c/file_1.csv", "c/file_9.csv", "c/file_10.csv", "c/file_2.csv"]);
        assert_eq!(
            pair,
            Some(("c/file_10.csv".to_owned(), "c/file_2.csv".to_owned()))
        );
        assert!(found(&["c/9", "c/10"]).is_some());
        assert!(found(&["2024-9-1.csv", "2024-10-1.csv"]).is_some());
        assert!(found(&["d/9/a.csv", "d/10/a.csv"]).is_some());
    }

    #[test]
    fn names_of_equal_length_hexadecimal_counters_and_hashes_are_no_numbers() {
        for names in [
            &["LOAD00000009.csv", "LOAD0000000A.csv", "LOAD00000010.csv"][..],
            &["20240102-030405678.csv", "20240102-030405679.csv"],
            &["0009.csv", "0010.csv"],
            &["a.csv", "b.csv"],
            &["part-00001-8d2f.csv", "part-00001-91aa.csv"],
            &["file_01.csv", "file_1.csv"],
            &["x9y.csv", "x10y.csv"],
            &[],
        ] {
            assert_eq!(found(names), None, "{names:?}");
        }
    }
}
