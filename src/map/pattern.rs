//! Names with wildcards: `%` stands for any number of characters, `_` for one, `[ab]` and `[a-d]` for one of these, `[^ab]`
//! for one that is none of these. Pure: no I/O, no clock.

/// A name as a rule writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `%`
    Any,
    /// `_`, which fits itself as well.
    One,
    /// This character.
    Exactly(char),
    /// A character between one of these pairs, or none.
    Within {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

impl Pattern {
    /// The pattern of a text; upper and lower case differ.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let characters: Vec<char> = text.chars().collect();
        let mut parts = Vec::with_capacity(characters.len());
        let mut rest = characters.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            parts.push(match first {
                '%' => Part::Any,
                '_' => Part::One,
                '[' => match class(behind) {
                    Some((part, after)) => {
                        rest = after;
                        part
                    }
                    None => Part::Exactly('['),
                },
                other => Part::Exactly(*other),
            });
        }
        Self { text, parts }
    }

    /// The pattern that every name fits.
    pub fn any() -> Self {
        Self::new("%")
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether several names fit it. A `_` does not count: many names have one, and it fits itself.
    pub fn has_wildcard(&self) -> bool {
        let is_wildcard = |part: &Part| matches!(part, Part::Any | Part::Within { .. });
        self.parts.iter().any(is_wildcard)
    }

    /// Whether it is exactly this name, wildcards taken literally.
    pub fn is_exactly(&self, name: &str) -> bool {
        let same = |(part, character): (&Part, char)| match part {
            Part::Any => character == '%',
            Part::One => character == '_',
            Part::Exactly(exact) => *exact == character,
            Part::Within { .. } => false,
        };
        let is_as_long = name.chars().count() == self.parts.len();
        self.text == name || (is_as_long && self.parts.iter().zip(name.chars()).all(same))
    }

    /// Whether a name fits; a name with brackets fits itself.
    pub fn matches(&self, name: &str) -> bool {
        if self.text == name {
            return true;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut pattern_at, mut name_at) = (0, 0);
        // Where to go on if what stands after the last `%` does not fit: after it, with one more character for it.
        let mut retry: Option<(usize, usize)> = None;
        while let Some(character) = name.get(name_at) {
            match self.parts.get(pattern_at) {
                Some(Part::Any) => {
                    retry = Some((pattern_at + 1, name_at + 1));
                    pattern_at += 1;
                }
                Some(part) if part.fits(*character) => {
                    pattern_at += 1;
                    name_at += 1;
                }
                Some(_) | None => {
                    let Some((pattern_retry, name_retry)) = retry else {
                        return false;
                    };
                    (pattern_at, name_at) = (pattern_retry, name_retry);
                    retry = Some((pattern_retry, name_retry + 1));
                }
            }
        }
        self.parts.iter().skip(pattern_at).all(|rest| *rest == Part::Any)
    }
}

impl Part {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Exactly(exact) => *exact == character,
            Self::Within { ranges, is_negated } => {
                let is_within = ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&character));
                is_within != *is_negated
            }
        }
    }
}

/// What stands in brackets, given what follows the first of them, with what follows the second; `None` if it is not one
/// character or more. One character alone is that character, whatever it means elsewhere.
fn class(behind: &[char]) -> Option<(Part, &[char])> {
    let end = behind.iter().position(|character| *character == ']')?;
    let (within, after) = (behind.get(..end)?, behind.get(end + 1..)?);
    if let [single] = within {
        return Some((Part::Exactly(*single), after));
    }
    let negated = within.strip_prefix(&['^']);
    let mut rest = negated.unwrap_or(within);
    let mut ranges = Vec::new();
    loop {
        rest = match rest {
            [first, '-', last, behind @ ..] => {
                ranges.push((*first, *last));
                behind
            }
            [first, behind @ ..] => {
                ranges.push((*first, *first));
                behind
            }
            [] => break,
        };
    }
    let part = Part::Within {
        ranges,
        is_negated: negated.is_some(),
    };
    (end > 0).then_some((part, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of the wildcards, word for word.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('%', rest)) => (0..=name.len()).any(|taken| naive(rest, &name[taken..])),
            Some((first, rest)) => name
                .split_first()
                .is_some_and(|(head, tail)| (*first == '_' || first == head) && naive(rest, tail)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn wildcards_mean_what_their_definition_says(pattern in "[ab%_é]{0,8}", name in "[abé%_]{0,8}") {
            let characters: (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(Pattern::new(pattern).matches(&name), naive(&characters.0, &characters.1));
        }
    }

    #[test]
    fn brackets_stand_for_one_of_the_characters_in_them() {
        for (pattern, name, fits) in [
            ("a[_]b", "a_b", true),
            ("a[_]b", "axb", false),
            ("a[%]", "a%", true),
            ("a[%]", "abc", false),
            ("[ab]c", "bc", true),
            ("[ab]c", "cc", false),
            ("[a-d]%", "delta", true),
            ("[a-d]%", "echo", false),
            ("[^a-d]%", "echo", true),
            ("[a-cx-z]", "y", true),
            ("[a-]", "-", true),
            ("t[", "t[", true),
            ("t[]", "t[]", true),
            ("t[12]", "t2", true),
            ("t[12]", "t[12]", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), fits, "{pattern} {name}");
        }
        let exact = Pattern::new("order[_]items");
        assert!(exact.is_exactly("order_items") && !exact.has_wildcard());
        assert!(!Pattern::new("order[_-]items").is_exactly("order_items"));
        assert!(Pattern::new("order[_-]items").has_wildcard());
    }

    #[test]
    fn upper_and_lower_case_differ_and_an_underscore_fits_itself() {
        assert!(!Pattern::new("HR").matches("hr"));
        assert!(Pattern::new("order_items").matches("order_items"));
        assert!(!Pattern::new("order_items").has_wildcard());
        assert!(Pattern::any().matches(""));
    }
}
