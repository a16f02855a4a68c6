//! `brigade top`: a task on a terminal, redrawn every second. It reads files only.

mod draw;
mod page;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use self::draw::Scrolled;
use self::page::Page;
use super::ConfigPath;
use super::task_view::TaskView;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `top`.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    config: ConfigPath,
}

/// Shows the task until `q` or Ctrl-C; once, as text, if standard output is not a terminal.
///
/// # Errors
/// If the status cannot be read, or the terminal not be drawn on.
pub(super) fn run(args: &TopArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let first = page(&config)?;
    if !io::stdout().is_terminal() {
        super::print(&first.text())?;
        return Ok(0);
    }
    let mut terminal = ratatui::try_init().map_err(|error| undrawn(&error))?;
    let ended = show(&mut terminal, first, &config);
    let restored = ratatui::try_restore().map_err(|error| undrawn(&error));
    ended.and(restored)?;
    Ok(0)
}

fn page(config: &Config) -> Result<Page, Fault> {
    Ok(Page::of(&config.task, &TaskView::of(config)?))
}

fn undrawn(error: &io::Error) -> Fault {
    let message = format!("cannot draw on the terminal: {error}; `brigade status --watch` needs less of it");
    Fault::new(FaultKind::StateIo, message)
}

fn show(terminal: &mut DefaultTerminal, mut page: Page, config: &Config) -> Result<(), Fault> {
    let mut scrolled = Scrolled::default();
    loop {
        scrolled.within(&page);
        let drawn = terminal.draw(|frame| draw::draw(frame, &page, &scrolled));
        drawn.map_err(|error| undrawn(&error))?;
        if event::poll(INTERVAL).map_err(|error| undrawn(&error))? {
            let event = event::read().map_err(|error| undrawn(&error))?;
            if let Event::Key(key) = event
                && is_end(key, &mut scrolled)
            {
                return Ok(());
            }
        }
        page = self::page(config)?;
    }
}

/// Does what a key says; whether it ends the page.
fn is_end(key: KeyEvent, scrolled: &mut Scrolled) -> bool {
    if key.kind == KeyEventKind::Release {
        return false;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_interrupt = key.code == KeyCode::Char('c') && is_control;
    if is_interrupt || [KeyCode::Char('q'), KeyCode::Esc].contains(&key.code) {
        return true;
    }
    let Scrolled { tables, shards } = scrolled;
    if key.code == KeyCode::Up {
        *tables = tables.saturating_sub(1);
    } else if key.code == KeyCode::Down {
        *tables += 1;
    } else if key.code == KeyCode::Left {
        *shards = shards.saturating_sub(1);
    } else if key.code == KeyCode::Right {
        *shards += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_the_page_or_move_through_it() {
        let mut scrolled = Scrolled::default();
        let mut press = |code, modifiers| is_end(KeyEvent::new(code, modifiers), &mut scrolled);
        let none = KeyModifiers::NONE;
        assert!(press(KeyCode::Char('q'), none));
        assert!(press(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(!press(KeyCode::Char('c'), none));
        for code in [
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Up,
            KeyCode::Right,
            KeyCode::Left,
            KeyCode::Left,
        ] {
            assert!(!press(code, none), "{code:?}");
        }
        assert_eq!((scrolled.tables, scrolled.shards), (1, 0));
    }
}
