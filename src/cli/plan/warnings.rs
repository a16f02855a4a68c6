//! What `brigade plan` warns about. Pure: no I/O, no clock.

use super::estimate::{HotKey, Sample};
use super::report::{FolderPlan, Stray};
use crate::cli::status::unread::{not_data_files, replaced_files, unread_change_files};
use crate::cli::stream_view::StreamView;
use crate::cli::text::{counted, grouped};
use crate::discover::folders::CHANGE_FILES;
use crate::limits::SHARD_RECORDS_PER_SECOND;
use crate::model::name_order::{NameOrder, OutOfOrder};
use crate::saturate;

/// Records from this share of the limit on are called near it, in per cent.
const NEAR_PERCENT: u64 = 80;
/// How the names of files end whose bytes say little about their rows.
const PACKED: &[&str] = &[".gz", ".zst", ".parquet"];
/// Hot keys that are named for each folder.
const HOT_KEYS_SHOWN_MAX: usize = 3;

/// That the stream cannot be asked, or cannot be used: its own message names `RecordDistributionStrategy`, a missing
/// permission, or whatever it is.
pub(super) fn of_stream(stream: &StreamView) -> Vec<String> {
    let problem = stream.problem.iter();
    problem
        .map(|problem| format!("the shards are unknown, so times are those of one shard: {problem}"))
        .collect()
}

/// What is odd about a folder.
pub(super) fn of_folder(folder: &FolderPlan, sample: &Sample, stream: &StreamView) -> Vec<String> {
    let name = &folder.name;
    let mut warnings = Vec::new();
    if folder.files.all == 0 {
        warnings.push(format!(
            "{name}: there is no file under {:?}; check bucket_folder, TablePath and cdc_path",
            folder.prefix
        ));
    }
    warnings.extend(of_unread(folder));
    warnings.extend(of_left_out(folder));
    let unreadable = folder.unreadable.iter();
    warnings
        .extend(unreadable.map(|file| format!("{name}: {} cannot be read: {}", file.object, file.reason)));
    if sample.rejected > 0 {
        warnings.push(format!(
            "{name}: {} of {} sampled would be dead letters; `brigade preview` names the reasons",
            grouped(sample.rejected),
            counted(sample.rows, "row")
        ));
    }
    warnings.extend(of_size(name, sample, stream));
    let is_packed = |key: &String| PACKED.iter().any(|end| key.ends_with(end));
    if folder.last_key.as_ref().is_some_and(is_packed) && folder.left.files > 0 {
        warnings.push(format!(
            "{name}: compressed files hold more rows than their bytes suggest; records and time are estimated too low \
             unless whole files were sampled (--sample-rows)"
        ));
    }
    for HotKey { share, first_row, .. } in sample.hot_keys().into_iter().take(HOT_KEYS_SHOWN_MAX) {
        warnings.push(format!(
            "{name}: {:.0} % of the sampled rows have the partition key of {first_row}; a key lives in one shard, which \
             takes {} records a second",
            share * 100.0,
            grouped(SHARD_RECORDS_PER_SECOND.into())
        ));
    }
    warnings
}

/// That files are not read in the order of the numbers in their names.
pub(super) fn of_order(name: &str, order: &NameOrder) -> Option<String> {
    let OutOfOrder { first, then } = order.found.as_ref()?;
    Some(format!(
        "{name}: names sort as text and not by their numbers, and files are read in that order: {first} before {then}; write \
         numbers with leading zeros"
    ))
}

/// Files of a folder that are not read, or not read on.
fn of_unread(folder: &FolderPlan) -> Vec<String> {
    let (name, mut warnings) = (&folder.name, Vec::new());
    let files = |count| counted(count, "file");
    if folder.files.not_read > 0 {
        let why = if name.starts_with(CHANGE_FILES) {
            "will not be read: before `changes_from`"
        } else {
            "came after the full load was complete and will not be read; `brigade reload` loads the table again"
        };
        warnings.push(format!("{name}: {} {why}", files(folder.files.not_read)));
    }
    if folder.files.replaced > 0 {
        let replaced = replaced_files(folder.files.replaced);
        warnings.push(format!(
            "{name}: {replaced}; `brigade reload` loads a table again"
        ));
    }
    if folder.files.late > 0 {
        warnings.push(format!(
            "{name}: {} came late, with a name that sorts before one already read; `late_files` decides what happens",
            files(folder.files.late)
        ));
    }
    if folder.files.read_otherwise > 0 {
        warnings.push(format!(
            "{name}: {} read as files of another kind, load or changes, before the configuration changed, and not read again",
            files(folder.files.read_otherwise)
        ));
    }
    if folder.files.set_aside > 0 {
        warnings.push(format!(
            "{name}: {} set aside, the rest of which is not sent; `brigade files list` names them",
            files(folder.files.set_aside)
        ));
    }
    warnings
}

/// Files of a folder that are not data of it.
fn of_left_out(folder: &FolderPlan) -> Vec<String> {
    let (name, files) = (&folder.name, &folder.files);
    let told = |count: u64, text: String, first: &Option<String>| {
        let first = first.as_ref().filter(|_| count > 0)?;
        Some(format!("{name}: {text}, the first is {first}"))
    };
    let lines = [
        told(
            files.not_data,
            not_data_files(files.not_data),
            &folder.not_data_first,
        ),
        told(
            files.unread_changes,
            unread_change_files(files.unread_changes),
            &folder.unread_changes_first,
        ),
    ];
    lines.into_iter().flatten().collect()
}

fn of_size(name: &str, sample: &Sample, stream: &StreamView) -> Option<String> {
    let limit = saturate::to_u64(stream.record_bytes_max);
    let largest = sample.record_bytes_max;
    let bytes = grouped(largest);
    if largest > limit {
        Some(format!(
            "{name}: the largest record sampled has {bytes} bytes, the stream takes {}: such rows become dead letters; \
             raise the limit of the stream",
            grouped(limit)
        ))
    } else if largest.saturating_mul(100) >= limit.saturating_mul(NEAR_PERCENT) {
        Some(format!(
            "{name}: the largest record sampled has {bytes} bytes, near the {} that the stream takes",
            grouped(limit)
        ))
    } else {
        None
    }
}

/// Files that nobody reads.
pub(super) fn of_strays(strays: &Stray) -> Option<String> {
    let first = strays.keys.first()?;
    let at_least = if strays.is_complete { "" } else { " or more" };
    Some(format!(
        "{}{at_least} not read: outside the folders of all tables, the first is {first}",
        counted(strays.count, "file")
    ))
}
