//! Extra connection attributes, `name=value` pairs joined by `;`. Pure: no I/O, no clock.

/// The pairs; a part without `=` is a name without a value.
///
/// A `;` that is itself a value, as in `csvDelimiter=;;cdcPath=c`, is recognized by the empty value before it.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut parts = text.split(';').peekable();
    while let Some(part) = parts.next() {
        let Some((name, value)) = part.split_once('=') else {
            if !part.trim().is_empty() {
                pairs.push((part.trim().to_owned(), String::new()));
            }
            continue;
        };
        let is_semicolon = value.is_empty()
            && name.trim().to_ascii_lowercase().ends_with("delimiter")
            && parts.next_if(|next| next.is_empty()).is_some();
        let value = if is_semicolon { ";" } else { value };
        pairs.push((name.trim().to_owned(), value.to_owned()));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_blanks_and_a_semicolon_can_be_a_delimiter() {
        let expected = [
            ("csvDelimiter", ";"),
            ("csvNullValue", " "),
            ("rfc4180", "n"),
            ("odd", ""),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(pairs("csvDelimiter=;;csvNullValue= ; rfc4180=n;odd;"), expected);
    }
}
