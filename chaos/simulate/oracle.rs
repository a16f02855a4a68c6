//! Judges a history: what is in the stream against what was in the source, and the checkpoint against the stream.

use bucket_brigade::checkpoint::cut::SkipPlan;
use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::settings::{Guarantee, Ordering};

use super::consumer::judge_chain;
use super::outside::Outside;
use super::plan::{Lateness, Mode};
use super::store::Store;
use super::world::ContentIndex;

/// C1: whatever the checkpoint says is stored is really in the stream. Of equal rows there are as many.
pub(crate) fn judge_checkpoint(outside: &Outside<'_>, store: &Store) -> Result<(), String> {
    for cut in &store.cuts {
        let known = cut.lanes.iter().flat_map(|lane| {
            let runs = lane.known.runs.iter().flat_map(|(first, last)| [first, last]);
            runs.chain(&lane.known.members)
        });
        for number in known {
            let place = outside.stream.place_of(&cut.shard_id, number);
            if !place.is_some_and(|place| outside.stream.log[place].is_seen) {
                return Err(format!(
                    "unproven: the cut of {} names {number}, which is not there",
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
            ObjectState::Quarantined { reason, .. } | ObjectState::Decided { reason, .. } => {
                return Err(format!("set aside: {reason}"));
            }
        };
        for (ordinal, content) in (0..).zip(rows) {
            let hash_key = outside.plan.point_of(outside.contents.of(*content).hash_key);
            let is_settled = ordinal < watermark || skip.is_delivered(ordinal, hash_key);
            owed[content.0] += i64::from(is_settled && outside.plan.is_good(*content));
        }
    }
    for content in outside.stream.rows() {
        owed[content.0] -= 1;
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
    for content in outside.rows() {
        missing[content.0] += 1;
    }
    for content in outside.stream.rows() {
        missing[content.0] -= 1;
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
    if let Some(index) = repeated.filter(|_| forbids_repeats(outside)) {
        return Err(format!(
            "repeated: {} came {} times too often",
            name(index),
            -missing[index]
        ));
    }
    judge_places(outside)?;
    match promised_order(outside) {
        Order::Exact => exact_order(outside)?,
        Order::LastStates => last_states(outside)?,
        Order::OfLanes => judge_chain(outside)?,
        Order::None => {}
    }
    Ok(missing.iter().map(|missing| missing.unsigned_abs()).sum())
}

/// Whether no row may come twice, whether rows are alike or not. In `final` order, if a row is sent again while another
/// queue has something of its key in doubt, the next crash takes that for copies.
fn forbids_repeats(outside: &Outside<'_>) -> bool {
    let makes_no_holes = outside.plan.makes_no_holes(outside.tally.reshards > 0);
    outside.plan.forbids_repeats() || (makes_no_holes && outside.source.queues.len() == 1)
}

/// What order is promised of a history.
#[derive(Debug, Clone, Copy)]
enum Order {
    Exact,
    LastStates,
    /// To a consumer that filters.
    OfLanes,
    None,
}

fn promised_order(outside: &Outside<'_>) -> Order {
    let plan = &outside.plan;
    let (ordering, guarantee) = (plan.delivery.ordering, plan.delivery.guarantee);
    match plan.mode {
        Mode::Strict => Order::Exact,
        Mode::Final => Order::LastStates,
        Mode::Chain => Order::OfLanes,
        Mode::Dedupe | Mode::Kpl if ordering == Ordering::Strict && plan.forbids_repeats() => Order::Exact,
        // Without looking nobody can keep what is late from coming last.
        Mode::Kpl if guarantee == Guarantee::AtLeastOnce && plan.lateness != Lateness::Never => Order::None,
        Mode::Kpl if ordering != Ordering::None && plan.lateness != Lateness::Outliving => Order::LastStates,
        Mode::AtLeastOnce | Mode::Dedupe | Mode::Kpl => Order::None,
    }
}

/// Whatever consumers see is in the shard that has its key, and they drop nothing that was put where it was meant to
/// be.
fn judge_places(outside: &Outside<'_>) -> Result<(), String> {
    for stored in &outside.stream.log {
        let Some(content) = stored.content.map(|content| outside.contents.of(content)) else {
            continue;
        };
        let (name, shard_id) = (&content.name, outside.stream.shard_id(stored.shard));
        let is_meant = stored.meant == Some(stored.shard);
        let is_inside = outside
            .stream
            .range(stored.shard)
            .contains(outside.plan.point_of(content.hash_key));
        if (stored.is_seen && !is_inside) || (!stored.is_seen && is_meant) {
            return Err(format!(
                "misplaced: {name} is in {shard_id}, which does not have its key"
            ));
        }
    }
    Ok(())
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
    let wanted: Vec<_> = outside.rows().map(|content| (lane(content), content)).collect();
    let found = outside.stream.rows();
    let found: Vec<_> = found.map(|content| (lane(content), content)).collect();
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

/// Each content once, by its last copy. Equal rows are one content: no consumer can distinguish them.
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
