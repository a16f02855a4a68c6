//! Reads CSV byte by byte as `docs/configuration.md` and `source.csv` in `config/reference.yaml` have it: slow, and plain to
//! see. Shares nothing with the engine but the name of the dialect.
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use bucket_brigade::settings::CsvDialect;

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Without quotes and escapes.
    pub(crate) text: Vec<u8>,
    /// Whether it is in quotes, or an escape took the meaning of something in it: whoever wrote it meant a text.
    pub(crate) is_certainly_text: bool,
}

/// A quote does not close: the line it is in says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unclosed;

/// The rows of a file, without its header. A blank line is a row only of a table with one column.
pub(crate) fn rows(
    dialect: &CsvDialect,
    has_blank_rows: bool,
    text: &[u8],
) -> Vec<Result<Vec<Field>, Unclosed>> {
    let mark = b"\xEF\xBB\xBF";
    let mut reader = Reader {
        dialect,
        text,
        at: if text.starts_with(mark) { mark.len() } else { 0 },
    };
    let mut rows = Vec::new();
    let mut is_header = dialect.ignore_header_rows > 0;
    while reader.at < text.len() {
        let start = reader.at;
        let row = reader.row();
        let is_blank = row
            .as_ref()
            .is_ok_and(|(_, end)| reader.is_blank(&text[start..*end]));
        if row.is_err() {
            reader.at = reader.next_line(start);
        }
        if !is_header && (has_blank_rows || !is_blank) {
            rows.push(row.map(|(fields, _)| fields));
        }
        is_header = false;
    }
    rows
}

/// Where in a file the reading stands.
struct Reader<'a> {
    dialect: &'a CsvDialect,
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn comes(&self, expected: &[u8]) -> bool {
        self.rest().starts_with(expected)
    }

    fn quote_comes(&self) -> bool {
        self.dialect.rfc4180 && self.rest().first() == Some(&self.dialect.quote)
    }

    fn delimiter_comes(&self) -> bool {
        self.comes(&self.dialect.delimiter)
    }

    /// Bytes of the end of a line here, if there is one. The file may be cut within it.
    fn line_end(&self) -> Option<usize> {
        let delimiter = &self.dialect.row_delimiter[..];
        if self.rest().is_empty() {
            return Some(0);
        }
        if self.comes(delimiter) {
            return Some(delimiter.len());
        }
        if delimiter == b"\n" && self.comes(b"\r\n") {
            return Some(2);
        }
        let ends_in_feed = delimiter == b"\n" || delimiter == b"\r\n";
        (ends_in_feed && self.rest() == b"\r").then_some(1)
    }

    /// The fields of the row that begins here, and the end of what it holds; goes on to the next row.
    fn row(&mut self) -> Result<(Vec<Field>, usize), Unclosed> {
        let mut fields = Vec::new();
        loop {
            fields.push(if self.quote_comes() {
                self.quoted()?
            } else {
                self.bare()
            });
            if let Some(bytes) = self.line_end() {
                let content_end = self.at;
                self.at += bytes;
                return Ok((fields, content_end));
            }
            assert!(self.delimiter_comes(), "a field ends in one of both");
            self.at += self.dialect.delimiter.len();
        }
    }

    fn bare(&mut self) -> Field {
        let start = self.at;
        let mut text = Vec::new();
        while self.line_end().is_none() && !self.delimiter_comes() {
            self.byte(&mut text);
        }
        let is_certainly_text = text.len() < self.at - start;
        Field {
            text,
            is_certainly_text,
        }
    }

    fn quoted(&mut self) -> Result<Field, Unclosed> {
        let quote = self.dialect.quote;
        let mut text = Vec::new();
        self.at += 1;
        loop {
            if self.rest().is_empty() {
                return Err(Unclosed);
            }
            if !self.quote_comes() {
                self.byte(&mut text);
                continue;
            }
            self.at += 1;
            if self.quote_comes() {
                text.push(quote);
                self.at += 1;
            } else if self.line_end().is_some() || self.delimiter_comes() {
                return Ok(Field {
                    text,
                    is_certainly_text: true,
                });
            } else {
                return Err(Unclosed);
            }
        }
    }

    /// A byte of a value, or an escape and what it stands before.
    fn byte(&mut self, text: &mut Vec<u8>) {
        let byte = self.text[self.at];
        let next = self.text.get(self.at + 1).copied();
        match next.filter(|_| self.dialect.escape == Some(byte)) {
            Some(next) if self.means_something(next) => text.push(next),
            Some(next) => text.extend([byte, next]),
            None => {
                text.push(byte);
                self.at += 1;
                return;
            }
        }
        self.at += 2;
    }

    fn means_something(&self, byte: u8) -> bool {
        let dialect = self.dialect;
        let is_quote = dialect.rfc4180 && byte == dialect.quote;
        let begins_delimiter = dialect.delimiter[0] == byte || dialect.row_delimiter[0] == byte;
        is_quote || begins_delimiter || dialect.escape == Some(byte) || byte == b'\n' || byte == b'\r'
    }

    fn is_blank(&self, row: &[u8]) -> bool {
        let delimiter = &self.dialect.delimiter[..];
        let delimits = (0..row.len()).any(|at| row[at..].starts_with(delimiter));
        row.iter().all(u8::is_ascii_whitespace) && !delimits
    }

    /// Where the line after the one that begins here does.
    fn next_line(&self, start: usize) -> usize {
        let delimiter = &self.dialect.row_delimiter[..];
        let end = (start..self.text.len()).find(|at| self.text[*at..].starts_with(delimiter));
        end.map_or(self.text.len(), |end| end + delimiter.len())
    }
}
