//! Whether the rows of a text end in `\r` alone, as old Macs and some exports write them, where `\n` was to end them.
//! Pure: no I/O, no clock.
//!
//! Such a text is one long row to whoever looks for `\n`: of a table with one column even a value. So the beginning is
//! looked at, up to the first `\n` with something after it, or to the longest row allowed.

use super::framer::FramerConfig;
use crate::model::Mark;

/// Why such a text is not read.
pub const RETURNS_ALONE: &str = "its rows end in \\r alone, and source.csv.row_delimiter is another; set it to \"\\r\" \
                                 in a task of its own, or convert the file";

/// Looks at the beginning of a text.
#[derive(Debug)]
pub struct LineEnds {
    state: State,
    quote: Option<u8>,
    escape: Option<u8>,
    /// Whether the last byte was an escape.
    is_escaped: bool,
    is_quoted: bool,
    /// Bytes that are still looked at.
    rest: usize,
    /// `\r` outside of quotes that no `\n` follows.
    alone: u64,
    /// Whether the last byte was a `\r` outside of quotes.
    after_return: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No row has ended yet.
    InFirstRow,
    /// It ended with the last byte.
    AfterFirstRow,
    /// It is known.
    Settled,
}

impl LineEnds {
    /// For a text from a mark on: what goes on in the middle was looked at before.
    pub fn new(framing: &FramerConfig, start: Mark) -> Self {
        let dialect = &framing.dialect;
        let is_line = matches!(dialect.row_delimiter.as_slice(), b"\n" | b"\r\n");
        let is_asked = start == Mark::START && is_line && !dialect.delimiter.contains(&b'\r');
        Self {
            state: if is_asked {
                State::InFirstRow
            } else {
                State::Settled
            },
            quote: dialect.quote(),
            escape: dialect.escape,
            is_escaped: false,
            is_quoted: false,
            rest: framing.row_bytes_max,
            alone: 0,
            after_return: false,
        }
    }

    /// Looks at the next bytes; true as soon as it is certain that rows end in `\r` alone.
    pub fn push(&mut self, text: &[u8]) -> bool {
        for byte in text {
            if self.state == State::Settled {
                return false;
            }
            if self.state == State::AfterFirstRow {
                self.state = State::Settled;
                return false;
            }
            if self.rest == 0 {
                self.state = State::Settled;
                // One of them may stand in a value of a row that is too long.
                return self.alone > 1;
            }
            self.rest -= 1;
            self.look(*byte);
        }
        false
    }

    /// Whether rows end in `\r` alone in a text that ends here.
    pub fn finish(&mut self) -> bool {
        let is_open = self.state != State::Settled;
        self.state = State::Settled;
        is_open && self.alone + u64::from(self.after_return) > 0
    }

    fn look(&mut self, byte: u8) {
        if self.after_return && byte != b'\n' {
            self.alone += 1;
        }
        self.after_return = byte == b'\r' && !self.is_quoted && !self.is_escaped;
        let was_escaped = std::mem::replace(&mut self.is_escaped, false);
        match byte {
            _ if was_escaped => {}
            _ if Some(byte) == self.escape => self.is_escaped = true,
            _ if Some(byte) == self.quote => self.is_quoted = !self.is_quoted,
            b'\n' if !self.is_quoted => self.state = State::AfterFirstRow,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CsvDialect;

    fn framing(row_delimiter: &[u8]) -> FramerConfig {
        FramerConfig {
            dialect: CsvDialect {
                row_delimiter: row_delimiter.to_vec(),
                ..CsvDialect::default()
            },
            row_bytes_max: 100,
            chunk_bytes_max: 10,
        }
    }

    fn are_alone(framing: &FramerConfig, text: &str) -> bool {
        let whole = {
            let mut ends = LineEnds::new(framing, Mark::START);
            ends.push(text.as_bytes()) || ends.finish()
        };
        let mut ends = LineEnds::new(framing, Mark::START);
        let in_pieces = text.bytes().any(|byte| ends.push(&[byte])) || ends.finish();
        assert_eq!(whole, in_pieces, "{text:?}");
        whole
    }

    #[test]
    fn rows_that_end_in_returns_alone_are_told_from_all_others() {
        let lines = framing(b"\n");
        let long = format!("1,a\r2,b\r{}", "x".repeat(200));
        for text in [
            "1,a\r2,b\r3,c\r",
            "1,a\r2,b",
            "1,a\r",
            "\r",
            "1,\"a\nb\"\r2,b\r",
            "1,a\r2,b\r\n",
            &long,
        ] {
            assert!(are_alone(&lines, text), "{text:?}");
        }
        let long = format!("1,\r{}", "x".repeat(200));
        for text in [
            "",
            "1,a\n2,b\n",
            "1,a\r\n2,b\r\n",
            "1,a\r\n2,b\r",
            "1,a",
            "1,\"a\rb\"",
            "1,\"a\r\rb\"\r\n",
            "1,a\rb\n2,c\n",
            &long,
        ] {
            assert!(!are_alone(&lines, text), "{text:?}");
        }
        assert!(are_alone(&framing(b"\r\n"), "1,a\r2,b\r"));
        assert!(!are_alone(&framing(b"\r"), "1,a\r2,b\r"), "that is what was said");
        let later = Mark {
            position: 4,
            ordinal: 1,
            line: 1,
        };
        assert!(!LineEnds::new(&lines, later).push(b"\r\r"));
    }
}
