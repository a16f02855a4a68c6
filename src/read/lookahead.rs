//! Where the row scanner may look: the window of a row, and searches that run ahead of it over a growing buffer, so that no
//! byte is searched twice. Pure: no I/O, no clock.

use std::collections::VecDeque;

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

/// How far a row with an unclosed quote was followed. At each row delimiter up to `until` it was inside quotes, but for those
/// in `escaped`. A later row that is inside quotes at one of these delimiters is in the same state there, so it may jump to
/// `until`; without the jump, a file full of stray quotes would take quadratic time.
#[derive(Debug, Default)]
pub(super) struct OpenQuote {
    pub(super) until: usize,
    /// The searches as they stood at `until`.
    pub(super) searches: Searches,
    /// Row delimiters that an escape made text outside of quotes, in ascending order.
    pub(super) escaped: VecDeque<usize>,
}

impl OpenQuote {
    /// Follows the buffer, which lost this many bytes at its front.
    pub(super) fn shift(&mut self, bytes_count: usize) {
        self.until = self.until.saturating_sub(bytes_count);
        self.searches.shift(bytes_count);
        shift_places(&mut self.escaped, bytes_count);
    }

    /// Whether the row was inside quotes at a row delimiter before `until`.
    pub(super) fn is_inside_at(&self, line_end: usize) -> bool {
        self.escaped.binary_search(&line_end).is_err()
    }

    /// A later row, with the delimiters that were escaped in it so far, is the same from a row delimiter on: takes over what
    /// comes after it.
    pub(super) fn join(&mut self, line_end: usize, escaped: &mut VecDeque<usize>) {
        let mut later = std::mem::take(&mut self.escaped);
        while later.front().is_some_and(|place| *place <= line_end) {
            later.pop_front();
        }
        for place in escaped.drain(..).rev() {
            later.push_front(place);
        }
        *escaped = later;
    }
}

/// Moves places with the buffer; those before its front are gone.
pub(super) fn shift_places(places: &mut VecDeque<usize>, bytes_count: usize) {
    while places.front().is_some_and(|place| *place < bytes_count) {
        places.pop_front();
    }
    for place in places {
        *place -= bytes_count;
    }
}
