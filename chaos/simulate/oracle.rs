//! Judges a history: what is in the stream against what was in the source, and the checkpoint against the stream.

use bucket_brigade::checkpoint::cut::SkipPlan;
use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::config::Ordering;

use super::outside::Outside;
use super::plan::Mode;
use super::store::Store;
use super::world::ContentIndex;

/// C1: whatever the checkpoint says is stored is really in the stream. Of equal rows there are as many.
pub(crate) fn judge_checkpoint(outside: &Outside<'_>, store: &Store) -> Result<(), String> {
    for cut in &store.cuts {
        for number in &cut.last_request {
            if outside.stream.place_of(&cut.shard_id, number).is_none() {
                return Err(format!(
                    "the cut of {} names {number}, which is not there",
                    cut.shard_id
                ));
            }
        }
    }
    let mut owed = vec![0_i64; outside.contents.count()];
    for entry in &store.objects {
        let queue = outside
            .contents
            .queue_index(&entry.id.queue)
            .expect("a known queue");
        let rows = &outside.source.queues[queue][usize::try_from(entry.id.number).expect("few objects")];
        let (watermark, skip) = match &entry.state {
            ObjectState::Registered => continue,
            ObjectState::Open(progress) => (progress.watermark.ordinal, SkipPlan::new(progress)),
            ObjectState::Done(_) => (u64::MAX, SkipPlan::default()),
            ObjectState::Quarantined { reason, .. } => return Err(format!("set aside: {reason}")),
        };
        for (ordinal, content) in (0..).zip(rows) {
            let hash_key = outside.contents.of(*content).hash_key;
            owed[content.0] += i64::from(ordinal < watermark || skip.is_delivered(ordinal, hash_key));
        }
    }
    for stored in &outside.stream.log {
        owed[stored.content.0] -= 1;
    }
    match owed.iter().position(|owed| *owed > 0) {
        None => Ok(()),
        Some(index) => Err(format!(
            "the checkpoint is ahead: it counts {} more copies of {} than the stream holds",
            owed[index],
            outside.contents.of(ContentIndex(index)).name
        )),
    }
}

/// The stream at the end; gives how many rows came more often than they should.
pub(crate) fn judge_stream(outside: &Outside<'_>) -> Result<u64, String> {
    let mut missing = vec![0_i64; outside.contents.count()];
    for content in outside.source.rows() {
        missing[content.0] += 1;
    }
    for stored in &outside.stream.log {
        missing[stored.content.0] -= 1;
    }
    let name = |index: usize| &outside.contents.of(ContentIndex(index)).name;
    if let Some(index) = missing.iter().position(|missing| *missing > 0) {
        return Err(format!(
            "lost: {} is missing {} times",
            name(index),
            missing[index]
        ));
    }
    let repeated = missing.iter().position(|missing| *missing < 0);
    if let Some(index) = repeated.filter(|_| outside.plan.forbids_repeats()) {
        return Err(format!(
            "repeated: {} came {} times too often",
            name(index),
            -missing[index]
        ));
    }
    match outside.plan.mode {
        Mode::Strict => exact_order(outside)?,
        Mode::Final => last_states(outside)?,
        Mode::Dedupe
            if outside.plan.delivery.ordering == Ordering::Strict && outside.plan.forbids_repeats() =>
        {
            exact_order(outside)?;
        }
        Mode::AtLeastOnce | Mode::Dedupe | Mode::Chain | Mode::Kpl => {}
    }
    Ok(missing.iter().map(|missing| missing.unsigned_abs()).sum())
}

/// Rows of each queue and key in the order of the source and in that of the stream.
fn lanes(outside: &Outside<'_>) -> Vec<(Vec<ContentIndex>, Vec<ContentIndex>)> {
    let mut lanes: Vec<(Vec<_>, Vec<_>)> = Vec::new();
    let mut lane = |content: ContentIndex| {
        if lanes.len() <= content.lane() {
            lanes.resize_with(content.lane() + 1, Default::default);
        }
        content.lane()
    };
    let wanted: Vec<_> = outside
        .source
        .rows()
        .map(|content| (lane(content), content))
        .collect();
    let found = outside.stream.log.iter();
    let found: Vec<_> = found
        .map(|stored| (lane(stored.content), stored.content))
        .collect();
    for (lane, content) in wanted {
        lanes[lane].0.push(content);
    }
    for (lane, content) in found {
        lanes[lane].1.push(content);
    }
    lanes
}

fn exact_order(outside: &Outside<'_>) -> Result<(), String> {
    for (wanted, found) in lanes(outside) {
        if wanted != found {
            return Err(format!(
                "out of order: [{}] came as [{}]",
                named(outside, &wanted),
                named(outside, &found)
            ));
        }
    }
    Ok(())
}

fn last_states(outside: &Outside<'_>) -> Result<(), String> {
    for (wanted, found) in lanes(outside) {
        if last_copies(&wanted) != last_copies(&found) {
            return Err(format!(
                "the last state is wrong: [{}] came as [{}]",
                named(outside, &wanted),
                named(outside, &found)
            ));
        }
    }
    Ok(())
}

/// Each content once, by its last copy. Equal rows are one content: no consumer can tell them apart.
fn last_copies(contents: &[ContentIndex]) -> Vec<ContentIndex> {
    let mut last: Vec<ContentIndex> = Vec::new();
    for content in contents.iter().rev() {
        if !last.contains(content) {
            last.push(*content);
        }
    }
    last
}

fn named(outside: &Outside<'_>, contents: &[ContentIndex]) -> String {
    let names = contents
        .iter()
        .map(|content| outside.contents.of(*content).name.as_str());
    names.collect::<Vec<_>>().join(" ")
}
