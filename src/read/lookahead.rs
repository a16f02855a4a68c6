//! Where the row scanner may look: the window of a row, and searches that run ahead of it over a growing buffer, so that no
//! byte is searched twice. Pure: no I/O, no clock.

use crate::value::needle::Needle;

/// The bytes a row may be decided on.
pub(super) struct Window<'a> {
    pub(super) buffer: &'a [u8],
    /// End of the window in the buffer.
    pub(super) end: usize,
    /// Whether the row fills the window, so that more input would not change the outcome.
    pub(super) full: bool,
    /// Whether there is no more input.
    pub(super) finished: bool,
}

impl Window<'_> {
    pub(super) fn is_settled(&self) -> bool {
        self.full || self.finished
    }
    /// Whether one of these, or the end of the input, comes at a place; `None` if that is not known yet. Of a row that fills
    /// the window it does not matter.
    pub(super) fn comes<'b>(&self, at: usize, ends: impl Iterator<Item = &'b [u8]>) -> Option<bool> {
        let rest = self.buffer.get(at..self.end).unwrap_or_default();
        let mut may_come = rest.is_empty();
        for end in ends.filter(|end| !end.is_empty()) {
            if rest.starts_with(end) {
                return Some(true);
            }
            may_come |= end.starts_with(rest);
        }
        if !may_come {
            return Some(false);
        }
        if self.full {
            return Some(true);
        }
        self.finished.then_some(rest.is_empty())
    }
}

/// A search that remembers how far it got.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookahead {
    hit: Option<usize>,
    searched_to: usize,
}

impl Lookahead {
    /// The first occurrence at or after `from`. `from` never goes back before an earlier one.
    pub(super) fn next(&mut self, needle: &Needle, buffer: &[u8], from: usize) -> Option<usize> {
        if let Some(hit) = self.hit
            && hit >= from
        {
            return Some(hit);
        }
        let start = from.max(self.searched_to);
        self.hit = buffer
            .get(start..)
            .and_then(|rest| needle.find(rest))
            .map(|offset| start + offset);
        self.searched_to = match self.hit {
            Some(hit) => hit + 1,
            // The last bytes may be the beginning of an occurrence.
            None => (buffer.len() + 1).saturating_sub(needle.bytes_count()).max(start),
        };
        self.hit
    }

    fn shift(&mut self, bytes_count: usize) {
        self.hit = self.hit.and_then(|hit| hit.checked_sub(bytes_count));
        self.searched_to = self.searched_to.saturating_sub(bytes_count);
    }
}

/// What the scanner searches for.
#[derive(Debug, Clone, Default)]
pub(super) struct Searches {
    pub(super) row_delimiters: Lookahead,
    pub(super) quotes: Lookahead,
    pub(super) escapes: Lookahead,
}

impl Searches {
    /// Follows the buffer, which lost this many bytes at its front.
    pub(super) fn shift(&mut self, bytes_count: usize) {
        self.row_delimiters.shift(bytes_count);
        self.quotes.shift(bytes_count);
        self.escapes.shift(bytes_count);
    }
}
