//! Where the changes of a task begin and when it stops: how the values of DMS are written here. Pure: no I/O, no clock.

use super::super::super::keys::text::RESOURCE_ID;
use super::rules::quoted;
use crate::settings::life::{moment_text, parse_moment};

/// What is written for a value; `None` if it is what is done anyway.
pub(super) type Reading = Result<Option<String>, &'static str>;

/// `CdcStartPosition`: a date, a checkpoint of DMS, or a position of a log.
pub(super) fn start_position(text: &str) -> Reading {
    if text.is_empty() {
        return Ok(None);
    }
    match parse_moment(text) {
        Some(ms) => Ok(Some(since(ms))),
        None => Err(
            "is not a date: checkpoints and log positions of DMS mean nothing for files; write \
                     source.changes_from with a key or a time",
        ),
    }
}

/// `CdcStartTime`: a date, or seconds since the epoch as the command line prints them.
pub(super) fn start_time(text: &str) -> Reading {
    let seconds = text.split_once('.').map_or(text, |(seconds, _)| seconds);
    match seconds
        .parse::<i64>()
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000))
    {
        Some(ms) => Ok(Some(since(ms))),
        None => start_position(text).map_err(|_| "is not a date; write it as 2026-11-23T20:00:00Z"),
    }
}

/// `CdcStopPosition`: `server_time:` or `commit_time:` with a date.
pub(super) fn stop_position(text: &str) -> Reading {
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with("commit_time:") {
        return Err(
            "files have no commit times; use server_time:, or stop the task when what is needed was sent",
        );
    }
    let time = text
        .strip_prefix("server_time:")
        .map(str::trim)
        .and_then(parse_moment);
    match time {
        Some(ms) => Ok(Some(quoted(&moment_text(ms)))),
        None => Err("is not a position; write server_time:2026-11-23T20:00:00"),
    }
}

/// `ReplicationTaskArn`: DMS puts its last part into control records.
pub(super) fn task_resource_id(text: &str) -> Reading {
    if text.is_empty() {
        return Ok(None);
    }
    let id = text.rsplit_once(":task:").map(|(_, id)| id);
    let is_id = |id: &&str| !id.is_empty() && (RESOURCE_ID.accepts)(id);
    match id.filter(is_id) {
        Some(id) => Ok(Some(quoted(id))),
        None => Err("is not the ARN of a task; control records have the name of the task in its place"),
    }
}

/// `StopTaskCachedChangesNotApplied`.
pub(super) fn stop_before_changes(text: &str) -> Reading {
    switch(text, "full_load")
}

/// `StopTaskCachedChangesApplied`.
pub(super) fn stop_after_changes(text: &str) -> Reading {
    switch(text, "cached_changes")
}

fn since(ms: i64) -> String {
    format!("{{ modified_since: {} }}", quoted(&moment_text(ms)))
}

fn switch(text: &str, written: &str) -> Reading {
    match text {
        "true" => Ok(Some(written.to_owned())),
        "false" => Ok(None),
        _ => Err("is neither true nor false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_dms_are_times_or_refused_with_a_reason() {
        let since = "{ modified_since: \"2018-03-08T12:12:12Z\" }";
        for text in ["2018-03-08T12:12:12", "2018-03-08T12:12:12Z"] {
            assert_eq!(start_position(text), Ok(Some(since.to_owned())), "{text}");
            assert_eq!(start_time(text), Ok(Some(since.to_owned())), "{text}");
        }
        for text in ["1520511132", "1520511132.0"] {
            assert_eq!(start_time(text), Ok(Some(since.to_owned())), "{text}");
        }
        for text in [
            "checkpoint:V1#27#mysql-bin-changelog.157832:1975:-1",
            "mysql-bin:4",
        ] {
            assert!(start_position(text).is_err(), "{text}");
        }
        assert_eq!(
            stop_position("server_time:2018-02-09T12:12:12"),
            Ok(Some("\"2018-02-09T12:12:12Z\"".to_owned()))
        );
        let refused = stop_position("commit_time: 2018-02-09T12:12:12").unwrap_err();
        assert!(refused.contains("no commit times"), "{refused}");
        assert!(stop_position("tomorrow").is_err(), "it says nothing");
        for read in [start_position, stop_position] {
            assert_eq!(read(""), Ok(None), "nothing is set");
        }
    }

    #[test]
    fn the_last_part_of_an_arn_stands_for_the_task() {
        let arn = "arn:aws:dms:eu-west-1:111122223333:task:AB-12CD";
        assert_eq!(task_resource_id(arn), Ok(Some("\"AB-12CD\"".to_owned())));
        assert_eq!(task_resource_id(""), Ok(None), "nothing is set");
        for other in [
            "AB-12CD",
            "arn:aws:dms:eu-west-1:111122223333:task:",
            "x:task:${id}",
        ] {
            assert!(task_resource_id(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_switch_that_is_off_changes_nothing() {
        assert_eq!(stop_before_changes("true"), Ok(Some("full_load".to_owned())));
        assert_eq!(stop_after_changes("true"), Ok(Some("cached_changes".to_owned())));
        assert_eq!(stop_after_changes("false"), Ok(None));
        assert!(stop_after_changes("maybe").is_err(), "it is not a switch");
    }
}
