//! What a task does not read, and how it would. Pure: no I/O, no clock.

use crate::checkpoint::status::{ObjectCounts, TaskStatus};
use crate::cli::text::{counted, grouped, is_or_are};
use crate::discover::folders::CHANGE_FILES;
use crate::model::trouble::Suspension;
use crate::printable::printable;

/// Load files of a table that are not read and are named.
const UNREAD_NAMED_MAX: usize = 5;

/// Where a table is suspended, what of it is not read, and how it goes on.
pub(in crate::cli) fn suspension_lines(
    table: &str,
    suspension: Option<&Suspension>,
    unread: &[String],
) -> Vec<String> {
    let Some(suspension) = suspension else {
        return Vec::new();
    };
    let place = printable(&suspension.to_string()).into_owned();
    let mut texts = vec![format!(
        "{table} is suspended since {place}; nothing after that is sent; stop the task, then run `brigade tables \
        resume {table}`"
    )];
    if !unread.is_empty() {
        texts.push(format!("{table}: load files not read yet: {}", named(unread)));
    }
    texts
}

/// Load files that came after the load, files that were replaced, loads without a file.
pub(in crate::cli) fn unread_lines(status: &TaskStatus) -> Vec<String> {
    let mut texts = Vec::new();
    for table in &status.tables {
        let (name, load) = (table.statistics.stored_name(), &table.load);
        let cure = format!("`brigade reload --table {name}` loads the table again");
        if load.has_no_file {
            texts.push(format!(
                "{name}: the load was complete without a file; if there should be one, correct TablePath or \
                 bucket_folder; then {cure}"
            ));
        }
        if load.after_load > 0 {
            texts.push(format!(
                "{name}: {} came after the load was complete: {}; {cure}",
                counted(load.after_load, "load file"),
                named(&load.unread)
            ));
        }
        texts.extend(replaced_line(&name, load).map(|line| format!("{line}; {cure}")));
        texts.extend(left_out_lines(&name, load));
    }
    texts.extend(left_out_lines(CHANGE_FILES, &status.changes));
    texts.extend(replaced_line(CHANGE_FILES, &status.changes));
    texts
}

/// Files that lie in a folder and are not data of it.
fn left_out_lines(name: &str, counts: &ObjectCounts) -> Vec<String> {
    let ObjectCounts {
        not_data,
        unread_changes,
        read_otherwise,
        ..
    } = counts;
    let mut texts = Vec::new();
    if not_data.count > 0 {
        let first = named(&not_data.first_keys);
        texts.push(format!("{name}: {}: {first}", not_data_files(not_data.count)));
    }
    if unread_changes.count > 0 {
        let first = named(&unread_changes.first_keys);
        texts.push(format!(
            "{name}: {}: {first}",
            unread_change_files(unread_changes.count)
        ));
    }
    if read_otherwise.count > 0 {
        let first = named(&read_otherwise.first_keys);
        let (was, is) = if name == CHANGE_FILES {
            ("load files", "change files")
        } else {
            ("change files", "load files")
        };
        let files = counted(read_otherwise.count, "file");
        texts.push(format!(
            "{name}: {files} found as {was} before the configuration changed, and not read again as {is}: {first}"
        ));
    }
    texts
}

/// Side files, and files that the configuration leaves out.
pub(in crate::cli) fn not_data_files(count: u64) -> String {
    let is = is_or_are(count);
    format!(
        "{} {is} not data, by name (`_*`, `.*`) or by `source.files`",
        counted(count, "file")
    )
}

/// Files named as change files in a folder where none are read.
pub(in crate::cli) fn unread_change_files(count: u64) -> String {
    let is = is_or_are(count);
    format!(
        "{} {is} named as DMS names change files and not read as load files",
        counted(count, "file")
    )
}

fn replaced_line(name: &str, counts: &ObjectCounts) -> Option<String> {
    let replaced = (counts.replaced > 0).then(|| replaced_files(counts.replaced))?;
    Some(format!("{name}: {replaced}: {}", named(&counts.replaced_first)))
}

/// Files that were replaced after they were read, or that lie in another bucket than those that were.
pub(in crate::cli) fn replaced_files(count: u64) -> String {
    match count {
        1 => "1 file that was read is another version now, or of another bucket, and is not read again"
            .to_owned(),
        count => format!(
            "{} files that were read are other versions now, or of another bucket, and are not read again",
            grouped(count)
        ),
    }
}

/// The first of some keys.
fn named(keys: &[String]) -> String {
    let first = keys.iter().take(UNREAD_NAMED_MAX).map(|key| printable(key));
    let first: Vec<_> = first.collect();
    let more = if keys.len() > UNREAD_NAMED_MAX {
        " and more"
    } else {
        ""
    };
    format!("{}{more}", first.join(", "))
}
