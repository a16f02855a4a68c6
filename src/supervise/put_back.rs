//! A checkpoint of an earlier time: an export that was imported, a copy of the folder that was put back.
//!
//! Whatever happened since then is not in it, also not that files came. Rows are looked for in the stream only if their
//! file has a number, so every file that is there gets one before the task begins.

use super::pipeline::Backends;
use crate::checkpoint::store::{Checkpoint, CheckpointStore, Decision, ObjectState, StoreError, TaskLife};
use crate::config::Config;
use crate::discover::queues::register_present;
use crate::fault::Fault;
use crate::model::ObjectId;
use crate::settings::Guarantee;

/// Gives every file that a checkpoint of an earlier time does not know its number, under the decisions of this start.
///
/// # Errors
/// As source and store say; as `late_files` wants it.
pub(super) async fn register_unknown(
    config: &Config,
    backends: &Backends,
    checkpoint: &Checkpoint,
    life: &TaskLife,
) -> Result<(), Fault> {
    match config.delivery.guarantee {
        Guarantee::Dedupe => tracing::warn!(
            "the state is of an earlier time (imported, or a copy): the stream is read back for what was sent since then"
        ),
        Guarantee::AtLeastOnce => tracing::warn!(
            "the state is of an earlier time (imported, or a copy): delivery is at_least_once, so what was sent since \
            then is sent again"
        ),
    }
    #[cfg(feature = "planted-defects")]
    if crate::observe::planted::is_planted(crate::observe::planted::Defect::LookWithoutNewFiles) {
        return Ok(());
    }
    let checkpoint = Checkpoint {
        life: life.clone(),
        ..checkpoint.clone()
    };
    register_present(config, &checkpoint, &backends.source, &backends.store).await
}

/// The objects that are set aside, as `changed` leaves them: a person may have had them read since, so rows of them may be
/// in the stream. Those that are to be read have a number by now and are looked for, if they are there; if not, a person
/// has to decide again when they are.
///
/// # Errors
/// As the store says.
pub(super) fn doubted(
    store: &dyn CheckpointStore,
    mut changed: Vec<(ObjectId, ObjectState)>,
) -> Result<Vec<(ObjectId, ObjectState)>, StoreError> {
    for entry in store.set_aside()? {
        let decision = entry.state.set_aside().and_then(|aside| aside.decision);
        let doubted = |state: &ObjectState| match decision {
            Some(Decision::RetryAtMark | Decision::RetryFromBeginning) => state.undecided().doubted(),
            Some(Decision::Skip) | None => state.doubted(),
        };
        match changed.iter_mut().find(|(id, _)| *id == entry.id) {
            Some((_, state)) => *state = doubted(state),
            None => changed.push((entry.id, doubted(&entry.state))),
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ends::LaneEnds;
    use crate::chain::position::ChainPosition;
    use crate::checkpoint::store::{ObjectEntry, ObjectProgress, RangeThrough, TaskState};
    use crate::model::{ObjectVersion, QueueName};
    use crate::route::shard_map::HashRange;
    use crate::settings::RecreatedStream;
    use crate::supervise::recovery::{Circumstances, take_up};

    /// A task that was stopped cleanly in the middle of a file.
    fn stopped(is_put_back: bool) -> Checkpoint {
        let mut ends = LaneEnds::default();
        ends.break_at(ChainPosition { object: 3, record: 0 });
        let progress = ObjectProgress {
            through: vec![RangeThrough {
                range: HashRange::ALL,
                through: 50,
            }],
            ..ObjectProgress::default()
        };
        let version = ObjectVersion {
            key: "k".to_owned(),
            etag: "e".to_owned(),
            size_bytes: 1,
            modified_ms: 0,
        };
        Checkpoint {
            unfinished: vec![ObjectEntry {
                id: ObjectId {
                    queue: QueueName::changes(),
                    number: 3,
                },
                version,
                state: ObjectState::Open(progress),
            }],
            lanes: vec![(QueueName::changes(), ends)],
            task: TaskState {
                configuration_fingerprint: "f".to_owned(),
                stream_identity: "s".to_owned(),
                fresh_start_ms: Some(1),
                clean_stop: true,
                chain: Some(70),
                ..TaskState::default()
            },
            is_put_back,
            ..Checkpoint::default()
        }
    }

    fn circumstances(is_chained: bool) -> Circumstances<'static> {
        Circumstances {
            now_ms: 1_000,
            fingerprint: "f",
            identity: "s",
            is_chained,
            looks: true,
            recreated: RecreatedStream::Stop,
        }
    }

    /// Files may be numbered in another order than before, and a consumer that knows the old positions would then drop
    /// rows that it never got.
    #[test]
    fn a_checkpoint_of_an_earlier_time_begins_another_chain_and_any_other_goes_on_with_its_own() {
        for (is_put_back, chain, lanes_count, objects_count) in [(false, 70, 0, 0), (true, 1_000, 1, 1)] {
            let mut checkpoint = stopped(is_put_back);
            let (delta, recovery) = take_up(&mut checkpoint, &circumstances(true)).unwrap();
            assert_eq!(checkpoint.task.chain, Some(chain), "{is_put_back}");
            assert_eq!(
                (delta.lanes.len(), delta.objects.len()),
                (lanes_count, objects_count),
                "{is_put_back}"
            );
            assert_eq!(
                (recovery.start.is_in_doubt, delta.is_taken_up),
                (is_put_back, is_put_back)
            );
            assert!(!checkpoint.is_put_back, "it is taken up");
        }
    }

    /// D3: without a chain what the cuts prove stays proven.
    #[test]
    fn a_checkpoint_of_an_earlier_time_keeps_its_cuts_and_is_in_doubt_even_before_the_first_start() {
        let mut checkpoint = stopped(true);
        let (delta, recovery) = take_up(&mut checkpoint, &circumstances(false)).unwrap();
        assert!(recovery.start.is_in_doubt && delta.objects.is_empty());
        let mut never_started = Checkpoint {
            is_put_back: true,
            ..Checkpoint::default()
        };
        let (_, recovery) = take_up(&mut never_started, &circumstances(false)).unwrap();
        assert!(recovery.start.is_in_doubt);
    }
}
