//! What a generation begins with: the checkpoint, and what earlier processes may have left in doubt.

use std::sync::Arc;

use super::beginning::{blocking, decide};
use super::pipeline::Backends;
use super::put_back::{doubted, register_unknown};
use super::relocate::Positions;
use crate::chain::ends::LaneEnds;
use crate::checkpoint::store::{Checkpoint, CheckpointDelta, ObjectEntry, ObjectState, TaskState};
use crate::checkpoint::suspended::refuse_suspended;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::{ObjectId, QueueName};
use crate::publish::look_plan::Start;
use crate::route::lane::LANES_COUNT;
use crate::settings::{DeliveryConfig, Guarantee, RecreatedStream, SourcePosition};
use crate::sink::{SinkError, StreamDescription, WriteRight};

/// A time at which no stream held anything yet, and from which a margin can be taken.
const EARLIEST_MS: i64 = 24 * 60 * 60 * 1_000;

/// What earlier processes may have left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// What the delivery of each shard starts from.
    pub start: Start,
    /// Whether a process before this one left something in doubt, looked for or not.
    pub was_in_doubt: bool,
    /// Nothing in doubt is older than this, in milliseconds since the epoch.
    pub since_ms: i64,
}

impl Recovery {
    /// What a checkpoint says about the process that wrote it last.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let task = &checkpoint.task;
        let last_commit_ms = checkpoint
            .tables
            .iter()
            .filter_map(|table| table.last_update_ms)
            .max();
        let cuts = checkpoint.cuts.iter();
        let shards = cuts.map(|cut| (cut.shard_id.clone(), cut.lanes.clone()));
        // Nothing after the row that suspended a table was ever sent; what may have been sent after a file that did so is
        // said with the suspension.
        let open = checkpoint.unfinished.iter().map(|entry| &entry.id);
        let open = open.filter(|id| !checkpoint.is_held_back(id)).cloned();
        let was_in_doubt = checkpoint.is_put_back || (task.fresh_start_ms.is_some() && !task.clean_stop);
        Self {
            was_in_doubt,
            start: Start {
                is_in_doubt: was_in_doubt,
                // What was sent since then may have been sent again, and nothing here says so.
                may_hold_copies: checkpoint.is_put_back || task.may_hold_copies,
                candidates: open.collect(),
                shards: shards.collect(),
            },
            since_ms: task
                .in_doubt_since_ms
                .or(last_commit_ms)
                .or(task.fresh_start_ms)
                .unwrap_or(EARLIEST_MS),
        }
    }
}

impl Recovery {
    /// If nothing is in doubt now, whatever comes to be is sent from this moment on.
    fn begin_at(&mut self, now_ms: i64) {
        if !self.start.is_in_doubt {
            self.since_ms = now_ms;
        }
    }
}

/// Makes sure that records may be written, where that can be asked, before a file is read or a control record sent.
///
/// # Errors
/// If it is known that they may not. Trouble with the question itself is left to the first request.
pub(super) async fn ensure_writable(backends: &Backends) -> Result<(), Fault> {
    match backends.sink.check_writable().await {
        Err(error @ SinkError::Denied { .. }) => Err(Fault::from(error)),
        Err(error) => {
            tracing::debug!(%error, "whether records may be written is not known");
            Ok(())
        }
        Ok(WriteRight::Granted | WriteRight::NotAsked) => Ok(()),
    }
}

/// The delivery as it is possible: without a setting it depends on what the role may do.
///
/// # Errors
/// If looking was asked for and is not permitted.
pub(super) async fn possible_delivery(
    config: &Config,
    backends: &Backends,
    stream: &StreamDescription,
) -> Result<DeliveryConfig, Fault> {
    let mut delivery = config.delivery;
    // The right to read is one to the stream, whatever the shard.
    let shard = stream.shards.shards().first();
    let Some(shard) = shard.filter(|_| delivery.guarantee == Guarantee::Dedupe) else {
        return Ok(delivery);
    };
    match backends.sink.check_readable(shard).await {
        Ok(()) => Ok(delivery),
        Err(error @ SinkError::Denied { .. }) if delivery.is_guarantee_chosen => Err(Fault::new(
            FaultKind::PermissionDenied,
            format!(
                "{error}; delivery: dedupe reads the stream back: grant kinesis:GetShardIterator and \
                 kinesis:GetRecords, or set delivery to at_least_once"
            ),
        )),
        // Servers that only stand in for the service may not know how to be read.
        Err(error @ (SinkError::Denied { .. } | SinkError::Refused { .. }))
            if !delivery.is_guarantee_chosen =>
        {
            tracing::warn!(
                %error,
                "no permission to read the stream back: delivery is at_least_once, so after a crash or a request \
                without an answer some records may come twice; grant kinesis:GetShardIterator and kinesis:GetRecords \
                for dedupe"
            );
            delivery.guarantee = Guarantee::AtLeastOnce;
            Ok(delivery)
        }
        Err(error) => Err(Fault::from(error)),
    }
}

/// Loads the checkpoint and marks the task as running, durably, before anything is sent.
pub(super) async fn begin(
    config: &Arc<Config>,
    backends: &Backends,
    stream: &StreamDescription,
    delivery: DeliveryConfig,
) -> Result<(Checkpoint, Recovery), Fault> {
    let (store, now_ms) = (Arc::clone(&backends.store), backends.clock.now_ms());
    let is_chained = config.message.source_position == SourcePosition::Chain;
    warn_about_lanes(is_chained, stream.shards.shards().len());
    let fingerprint = config.fingerprint(stream.record_bytes_max);
    let identity = stream.identity.clone();
    let recreated = config.delivery.recreated_stream;
    let looks = delivery.guarantee == Guarantee::Dedupe;
    let loading = Arc::clone(&store);
    let mut checkpoint = blocking(move || loading.load()).await?;
    if checkpoint.task.clean_stop {
        // Before the first commit: a task that is refused is as clean as before. One in doubt settles that
        // first, and is stopped after it.
        refuse_suspended(&checkpoint.tables, config.errors.suspended_tables_max)?;
    }
    let mut positions = Positions::of(config, backends, &checkpoint).await?;
    let life = decide(config, backends, &checkpoint).await?;
    let is_decided_now = checkpoint.life != life;
    let is_put_back = checkpoint.is_put_back;
    if is_put_back {
        register_unknown(config, backends, &checkpoint, &life).await?;
    }
    let work = tokio::task::spawn_blocking(move || {
        if is_decided_now || is_put_back {
            // Files may have been registered.
            checkpoint = store.load()?;
        }
        let is_relocated = positions.put_in(&mut checkpoint);
        let circumstances = Circumstances {
            now_ms,
            fingerprint: &fingerprint,
            identity: &identity,
            is_chained,
            looks,
            recreated,
        };
        let (mut delta, recovery) = take_up(&mut checkpoint, &circumstances)?;
        delta.is_relocated = is_relocated;
        let unplaced = positions.unplaced();
        let aside = if is_put_back {
            doubted(&*store, unplaced)?
        } else {
            unplaced
        };
        delta.objects.extend(aside);
        if is_decided_now {
            delta.life = Some(life.clone());
            checkpoint.life = life;
        }
        store.commit(&delta)?;
        Ok((checkpoint, recovery))
    });
    work.await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("checkpoint: {error}")))?
}

/// What a generation begins under.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Time of day, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Fingerprint of the configuration.
    pub fingerprint: &'a str,
    /// Identity of the stream.
    pub identity: &'a str,
    /// Whether records say where they stand in a chain.
    pub is_chained: bool,
    /// Whether what is in doubt is looked for, and not sent again.
    pub looks: bool,
    /// What to do if the stream is another one than before.
    pub recreated: RecreatedStream,
}

/// Takes a checkpoint up where the last process left it; gives what has to be durable before anything is sent, and
/// what may be in doubt.
///
/// # Errors
/// If the stream is another one and the task is to stop then.
pub fn take_up(
    checkpoint: &mut Checkpoint,
    circumstances: &Circumstances<'_>,
) -> Result<(CheckpointDelta, Recovery), Fault> {
    let Circumstances {
        now_ms,
        fingerprint,
        identity,
        is_chained,
        looks,
        recreated,
    } = *circumstances;
    let mut recovery = Recovery::of(checkpoint);
    let was_in_doubt = recovery.was_in_doubt;
    let mut delta = CheckpointDelta::default();
    let Checkpoint {
        task,
        unfinished,
        lanes,
        is_put_back,
        ..
    } = checkpoint;
    let is_fresh = task.fresh_start_ms.is_none();
    let is_changed = task.configuration_fingerprint != fingerprint;
    let was_put_back = std::mem::take(is_put_back);
    delta.is_taken_up = was_put_back;
    if is_changed || was_put_back || !is_chained {
        delta.lanes = begin_chain(&mut task.chain, lanes, is_chained.then_some(now_ms));
    }
    if is_chained && was_put_back {
        // Files that are numbered now may have had other numbers, so positions of the old chain prove nothing.
        delta.objects = forget_cuts(unfinished);
    }
    if !is_fresh && is_changed {
        tracing::warn!(
            "the configuration changed since the last run; rows after the watermark are sent in the new form, and may come twice"
        );
        delta.objects = forget_cuts(unfinished);
        recovery.start.is_in_doubt = false;
    }
    if !is_fresh && task.stream_identity != identity {
        let was = &task.stream_identity;
        if recreated == RecreatedStream::Stop {
            return Err(recreated_stream(was, identity));
        }
        tracing::warn!(
            was,
            is = identity,
            "the stream is not the one of the last run; continuing where that one ended"
        );
        recovery.start.shards.clear();
    }
    recovery.begin_at(now_ms);
    mark_running(task, now_ms, fingerprint, identity, &recovery);
    // What is in doubt and not looked for is sent again.
    let is_sent_again = !looks || (was_in_doubt && !recovery.start.is_in_doubt);
    task.may_hold_copies |= is_sent_again;
    delta.task = Some(task.clone());
    Ok((delta, recovery))
}

/// What is stored of a task before its first record is sent: from here on only a clean stop leaves nothing in doubt.
fn mark_running(task: &mut TaskState, now_ms: i64, fingerprint: &str, identity: &str, recovery: &Recovery) {
    task.fresh_start_ms.get_or_insert(now_ms);
    fingerprint.clone_into(&mut task.configuration_fingerprint);
    identity.clone_into(&mut task.stream_identity);
    task.clean_stop = false;
    task.may_hold_copies = recovery.start.is_in_doubt && recovery.start.may_hold_copies;
    task.in_doubt_since_ms = recovery.start.is_in_doubt.then_some(recovery.since_ms);
}

fn warn_about_lanes(is_chained: bool, shards_count: usize) {
    if is_chained && shards_count > usize::from(LANES_COUNT) {
        tracing::warn!(
            shards_count,
            "a queue has {LANES_COUNT} lanes with source_position: chain, so not all shards of the stream are used"
        );
    }
}

/// Begins a chain of another number, or none: what is known of lanes belongs to the old one. The number is the time,
/// so that it is greater than that of a state that was lost.
fn begin_chain(
    chain: &mut Option<u64>,
    lanes: &mut [(QueueName, LaneEnds)],
    now_ms: Option<i64>,
) -> Vec<(QueueName, LaneEnds)> {
    let least = chain.map_or(1, |chain| chain + 1);
    *chain = now_ms.map(|now_ms| u64::try_from(now_ms).unwrap_or(0).max(least));
    let known = lanes.iter_mut().filter(|(_, ends)| *ends != LaneEnds::default());
    known
        .map(|(queue, ends)| {
            *ends = LaneEnds::default();
            (queue.clone(), LaneEnds::default())
        })
        .collect()
}

fn recreated_stream(was: &str, is: &str) -> Fault {
    let message = format!(
        "the stream is not the one of the last run (it was {was}, it is {is}): what was delivered there is gone; set \
        recreated_stream to continue to carry on where it ended, or start over with `brigade checkpoint reset`"
    );
    Fault::new(FaultKind::StateDamaged, message)
}

/// A cut speaks of keys and rejections as the old configuration made them: under another one it proves nothing (D3),
/// so what is ahead of the watermarks is sent again.
fn forget_cuts(unfinished: &mut [ObjectEntry]) -> Vec<(ObjectId, ObjectState)> {
    let mut changed = Vec::new();
    for entry in unfinished {
        if let ObjectState::Open(progress) = &mut entry.state {
            progress.through.clear();
            progress.lanes = None;
            progress.dead_letters_through = progress.watermark.ordinal;
            changed.push((entry.id.clone(), entry.state.clone()));
        }
    }
    changed
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
