//! The whole state of a task, with figures that the status has no room for, in one answer.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::api;
use super::comparing::ComparingStatus;
use super::figures::{age, checkpoint_age, retention_margin};
use super::server::Shared;
use super::view::View;
use super::waits::Shares;
use crate::checkpoint::status::TaskStatus;
use crate::observe::counters::CountersSnapshot;
use crate::observe::facts::QueueKind;
use crate::observe::shards::ShardUse;
use crate::saturate::to_f64 as number;

/// A key with less of its shard, in thousandths, is not hot.
const HOT_KEY_MIN: u64 = 200;
/// Hot keys that are named.
const HOT_KEYS_MAX: usize = 8;

/// With `since` the state is given only if it changed after that.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotQuery {
    since: Option<String>,
}

#[derive(Serialize)]
struct Snapshot<'s> {
    schema_version: u32,
    /// To be handed back as `since`.
    seq: i64,
    version: &'static str,
    status: &'s TaskStatus,
    /// Comparisons of the stream with the files.
    verify: ComparingStatus,
    counters: CountersSnapshot,
    figures: Figures,
}

/// What is measured now. Ages grow also while the status stays as it is.
#[derive(Debug, PartialEq, Serialize)]
struct Figures {
    /// Age of the oldest object that is not settled; `None` if none waits.
    oldest_unsettled_seconds: ByKind,
    /// How old the last change file was when it was durably settled.
    freshness_seconds: Option<f64>,
    /// How long the load still takes, if that can be said.
    eta_seconds: Option<f64>,
    /// Time since the last commit, while something is in flight.
    checkpoint_age_seconds: Option<f64>,
    /// How long records that are in flight can still be read back; `None` of a target that keeps them for ever.
    retention_margin_seconds: Option<f64>,
    /// Shards of which a key has more than its share, worst first.
    hot_keys: Vec<HotKey>,
    /// Who held the rows up in the last minute; `None` if nobody did.
    waits: Option<Shares>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ByKind {
    load: Option<f64>,
    changes: Option<f64>,
}

#[derive(Debug, PartialEq, Serialize)]
struct HotKey {
    shard: String,
    /// At least this share of its records has the same partition key.
    share: f64,
}

impl Figures {
    fn of(view: &View, status: &TaskStatus) -> Self {
        let facts = view.counters.facts();
        let oldest = |kind| {
            let written_ms = facts.of(kind).oldest_unsettled_ms();
            written_ms.map(|written_ms| age(view, Some(written_ms)))
        };
        let settled_age = facts.of(QueueKind::Changes).settled_age;
        let is_in_flight = status.in_flight_bytes > 0;
        Self {
            oldest_unsettled_seconds: ByKind {
                load: oldest(QueueKind::Load),
                changes: oldest(QueueKind::Changes),
            },
            freshness_seconds: settled_age.map(|age| age.as_secs_f64()),
            eta_seconds: view.pace.seconds_left(status),
            checkpoint_age_seconds: is_in_flight.then(|| checkpoint_age(view, status)),
            retention_margin_seconds: retention_margin(view, status),
            hot_keys: hot_keys(view.counters.shards().uses()),
            waits: view.waits.shares(),
        }
    }
}

fn hot_keys(mut uses: Vec<(String, ShardUse)>) -> Vec<HotKey> {
    uses.retain(|(_, taken)| taken.hot_key_thousandths >= HOT_KEY_MIN);
    uses.sort_by_key(|(_, taken)| std::cmp::Reverse(taken.hot_key_thousandths));
    let uses = uses.into_iter().take(HOT_KEYS_MAX);
    uses.map(|(shard, taken)| HotKey {
        shard,
        share: number(taken.hot_key_thousandths) / 1_000.0,
    })
    .collect()
}

/// Answers with the state, or that it did not change.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<SnapshotQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return api::wrong(rejection.status(), rejection.body_text()),
    };
    let status = shared.view.now();
    // A number that no status has, however large, is one that is not the newest.
    if query.since == Some(status.updated_ms.to_string()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let snapshot = Snapshot {
        schema_version: 1,
        seq: status.updated_ms,
        version: env!("CARGO_PKG_VERSION"),
        status: &status,
        verify: shared.view.comparing.status(),
        counters: shared.view.counters.snapshot(),
        figures: Figures::of(&shared.view, &status),
    };
    axum::Json(snapshot).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_with_a_hot_key_are_named_worst_first_and_no_more_than_a_few() {
        let used = |hot_key_thousandths| ShardUse {
            hot_key_thousandths,
            ..ShardUse::default()
        };
        let mut shards_used: Vec<_> = (0..12)
            .map(|number| (format!("s{number}"), used(300 + number)))
            .collect();
        shards_used.push(("even".to_owned(), used(199)));
        shards_used.insert(0, ("least".to_owned(), used(200)));
        let named = hot_keys(shards_used);
        let shards: Vec<_> = named.iter().map(|hot| hot.shard.as_str()).collect();
        assert_eq!(shards, ["s11", "s10", "s9", "s8", "s7", "s6", "s5", "s4"]);
        assert!((named[0].share - 0.311).abs() < 1e-9, "{named:?}");
        let named = hot_keys(vec![
            ("least".to_owned(), used(200)),
            ("even".to_owned(), used(199)),
        ]);
        assert_eq!(named.len(), 1, "{named:?}");
    }
}
