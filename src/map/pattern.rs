//! Names with wildcards: `%` stands for any number of characters, `_` for one. Pure: no I/O, no clock.

/// A name as a rule writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern of a text; upper and lower case differ.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern that every name fits.
    pub fn any() -> Self {
        Self::new("%")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a `%`. A `_` does not count: many names have one, and it fits itself.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains('%')
    }

    /// Whether a name fits.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut pattern_at, mut name_at) = (0, 0);
        // Where to go on if what stands after the last `%` does not fit: after it, with one more character for it.
        let mut retry: Option<(usize, usize)> = None;
        while name_at < name.len() {
            match pattern.get(pattern_at) {
                Some('%') => {
                    retry = Some((pattern_at + 1, name_at + 1));
                    pattern_at += 1;
                }
                Some(expected) if *expected == '_' || name.get(name_at) == Some(expected) => {
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
        pattern.iter().skip(pattern_at).all(|rest| *rest == '%')
    }
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
    fn upper_and_lower_case_differ_and_an_underscore_fits_itself() {
        assert!(!Pattern::new("HR").matches("hr"));
        assert!(Pattern::new("order_items").matches("order_items"));
        assert!(!Pattern::new("order_items").has_wildcard());
        assert!(Pattern::any().matches(""));
    }
}
