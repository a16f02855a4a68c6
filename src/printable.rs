//! Text from outside, fit for a terminal and a log. Pure: no I/O, no clock.
//!
//! Object keys, reasons and values are not ours. A control character among them (C0, DEL, C1) can move the cursor or end a
//! log line, and one that steers the direction of text or shows nothing can make a line read as another
//! (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>). They are shown as `\u202e`, which is what JSON
//! calls them too: a whole JSON document stays the same document.

use std::borrow::Cow;
use std::fmt::Write;

/// A name or a reason for a message: what does not belong there is escaped, line ends as well.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, needs_escape)
}

/// Whole output, whose lines stay lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| {
        needs_escape(character) && !matches!(character, '\n' | '\t')
    })
}

/// A log line, whose colours stay too; values in it are escaped before colours come in.
pub fn printable_log(text: &str) -> Cow<'_, str> {
    escaped(text, |character| {
        needs_escape(character) && !matches!(character, '\n' | '\r' | '\t' | '\u{1b}')
    })
}

fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Marks, embeddings, overrides and isolates of direction.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // What shows nothing and is part of no word.
            | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            _ if !is_escaped(character) => safe.push(character),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            other => {
                // Writing to a string does not fail.
                let _written = write!(safe, "\\u{:04x}", u32::from(other));
            }
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_line_or_turn_one_round() {
        assert_eq!(printable("a b/ü😀.csv"), "a b/ü😀.csv");
        assert_eq!(
            printable("a\nERROR \u{1b}[31m\r\t"),
            "a\\nERROR \\u001b[31m\\r\\t"
        );
        assert_eq!(
            printable("\u{9b}31m\u{7f} gpj\u{202e}vsc.\u{2066}\u{2028}\u{feff}\u{200f}"),
            "\\u009b31m\\u007f gpj\\u202evsc.\\u2066\\u2028\\ufeff\\u200f"
        );
        // Part of words and of pictures.
        assert_eq!(printable("\u{200d}\u{200c}\u{ad}"), "\u{200d}\u{200c}\u{ad}");
    }

    #[test]
    fn lines_stay_lines_and_a_document_stays_the_same() {
        assert_eq!(
            printable_lines("a\n\tb\r\u{1b}[0m\u{85}\n"),
            "a\n\tb\\r\\u001b[0m\\u0085\n"
        );
        let value = serde_json::json!({ "k\u{202e}": "v\u{9b}\u{1b}\n\u{2028}" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_lines(&text);
        assert!(shown.contains("\\u202e") && shown.contains("\\u009b"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_log_line_keeps_its_colours() {
        assert_eq!(
            printable_log("\u{1b}[31mERROR\u{1b}[0m \u{9b}2J\n"),
            "\u{1b}[31mERROR\u{1b}[0m \\u009b2J\n"
        );
    }
}
