//! The page on a terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Table, TableState};

use super::page::{Page, SHARD_HEADS, TABLE_HEADS};
use crate::saturate;

/// Lines of troubles that are shown at most; the newest are the last.
const TROUBLES_MAX: usize = 6;

/// How far tables and shards are scrolled.
#[derive(Debug, Default)]
pub(super) struct Scrolled {
    pub(super) tables: usize,
    pub(super) shards: usize,
}

impl Scrolled {
    /// Goes no further than there are rows.
    pub(super) fn within(&mut self, page: &Page) {
        self.tables = self.tables.min(page.tables.len().saturating_sub(1));
        self.shards = self.shards.min(page.shards.len().saturating_sub(1));
    }
}

/// Draws the page.
pub(super) fn draw(frame: &mut Frame<'_>, page: &Page, scrolled: &Scrolled) {
    let troubles = page.troubles.len().min(TROUBLES_MAX);
    let of = |rows: usize| u16::try_from(rows).unwrap_or(u16::MAX);
    let areas = Layout::vertical([
        Constraint::Length(of(page.facts.len() + 1)),
        Constraint::Fill(1),
        // The shards get what they need, up to half of the page.
        Constraint::Max(of(page.shards.len().min(12) + 3)),
        Constraint::Length(of(troubles)),
        Constraint::Length(1),
    ]);
    let [head, tables, shards, trouble, keys] = areas.areas(frame.area());
    let alarm = Style::new().fg(Color::Red);
    let state = Style::new().add_modifier(Modifier::BOLD);
    let state = if page.is_alarming {
        state.patch(alarm)
    } else {
        state
    };
    let facts = page.facts.iter().map(|fact| Line::from(fact.as_str()));
    let lines: Vec<_> = [Line::styled(page.state.as_str(), state)]
        .into_iter()
        .chain(facts)
        .collect();
    frame.render_widget(Paragraph::new(lines), head);
    let widths = [32, 10, 14, 12, 13, 11];
    grid(
        frame,
        tables,
        "tables",
        &TABLE_HEADS,
        &page.tables,
        (&widths, scrolled.tables),
    );
    let widths = [24, 28, 16, 9, 22];
    grid(
        frame,
        shards,
        "shards",
        &SHARD_HEADS,
        &page.shards,
        (&widths, scrolled.shards),
    );
    let newest = page.troubles.iter().skip(page.troubles.len() - troubles);
    let newest: Vec<_> = newest.map(|text| Line::styled(text.as_str(), alarm)).collect();
    frame.render_widget(Paragraph::new(newest), trouble);
    let text = "q quits; up and down move through tables, left and right through shards";
    frame.render_widget(Line::styled(text, Style::new().add_modifier(Modifier::DIM)), keys);
}

/// A titled table, from a row on.
fn grid<const N: usize>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    heads: &[&'static str; N],
    rows: &[[String; N]],
    (widths, first): (&[u16; N], usize),
) {
    let last = rows.len().min(first + saturate::to_usize(u64::from(area.height)));
    let place = format!(
        " {title}: {} to {last} of {} ",
        (first + 1).min(rows.len()),
        rows.len()
    );
    let rows = rows.iter().map(|row| Row::new(row.iter().map(String::as_str)));
    let head = Row::new(*heads).style(Style::new().add_modifier(Modifier::UNDERLINED));
    let table = Table::new(rows, widths.map(Constraint::Max))
        .header(head)
        .block(Block::bordered().title(place));
    let mut state = TableState::new().with_offset(first);
    frame.render_stateful_widget(table, area, &mut state);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn drawn(page: &Page, scrolled: &Scrolled) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 24)).unwrap();
        terminal.draw(|frame| draw(frame, page, scrolled)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_has_its_place_and_rows_scroll() {
        let row = |number: usize| [(); 6].map(|()| format!("cell{number}"));
        let page = Page {
            state: "orders: running".to_owned(),
            facts: vec!["1 read = 1 delivered".to_owned()],
            tables: (0..40).map(row).collect(),
            shards: vec![["shard-000", "|##|", "5", "0 %", "sending"].map(ToOwned::to_owned)],
            troubles: vec!["source away".to_owned()],
            ..Page::default()
        };
        let text = drawn(&page, &Scrolled::default());
        for part in [
            "orders: running",
            "1 read = 1",
            "cell0",
            "shard-000",
            "|##|",
            "source away",
            "q quits",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let mut scrolled = Scrolled {
            tables: 30,
            shards: 9,
        };
        scrolled.within(&page);
        assert_eq!((scrolled.tables, scrolled.shards), (30, 0));
        let text = drawn(&page, &scrolled);
        assert!(text.contains("cell30") && !text.contains("cell0 "), "{text}");
    }
}
