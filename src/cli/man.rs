//! `brigade man`: manual pages, made from the same definition as the help.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::text::counted;
use crate::durable::create;
use crate::fault::{Fault, FaultKind};
use crate::saturate;

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write the pages of all commands into this folder, as `brigade-run.1`
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The command of the page to print, as `dlq replay`; without one that of `brigade`
    #[arg(conflicts_with = "dir", value_name = "COMMAND")]
    command: Vec<String>,
}

/// A manual page.
struct Page {
    /// The words of the command, `brigade` first.
    words: Vec<String>,
    text: Vec<u8>,
}

/// Prints a page, or writes all of them.
///
/// # Errors
/// If there is no such command, or what is made cannot be written.
pub(super) fn run(args: &ManArgs) -> Result<u8, Fault> {
    let pages = pages()?;
    if let Some(folder) = &args.dir {
        write_all(folder, &pages)?;
        let count = counted(saturate::to_u64(pages.len()), "page");
        super::report(&format!("{count} written to {}", folder.display()));
        return Ok(0);
    }
    let wanted = |page: &&Page| page.words.iter().skip(1).eq(&args.command);
    let page = pages.iter().find(wanted).ok_or_else(|| {
        let message = format!(
            "there is no command `{}`; `brigade help` lists all",
            args.command.join(" ")
        );
        Fault::new(FaultKind::Usage, message)
    })?;
    super::print(&String::from_utf8_lossy(&page.text))?;
    Ok(0)
}

/// The pages of all commands.
fn pages() -> Result<Vec<Page>, Fault> {
    let mut root = super::Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, &[], &mut pages).map_err(|error| {
        let message = format!("cannot make a manual page: {error}");
        Fault::new(FaultKind::Internal, message)
    })?;
    Ok(pages)
}

fn collect(command: &clap::Command, above: &[String], pages: &mut Vec<Page>) -> io::Result<()> {
    let words = [above, &[command.get_name().to_owned()]].concat();
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    pages.push(Page {
        words: words.clone(),
        text,
    });
    let is_ours = |below: &&clap::Command| !below.is_hide_set() && below.get_name() != "help";
    for below in command.get_subcommands().filter(is_ours) {
        collect(below, &words, pages)?;
    }
    Ok(())
}

fn write_all(folder: &Path, pages: &[Page]) -> Result<(), Fault> {
    let failed = |path: &Path, error: &io::Error| {
        let message = format!("cannot write {}: {error}", path.display());
        Fault::new(FaultKind::StateCreate, message)
    };
    create::shared_folder(folder).map_err(|error| failed(folder, &error))?;
    for page in pages {
        let path = folder.join(page.words.join("-") + ".1");
        let mut open = create::shared_file();
        let file = open.write(true).truncate(true).open(&path);
        let written = file.and_then(|mut file| io::Write::write_all(&mut file, &page.text));
        written.map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}
