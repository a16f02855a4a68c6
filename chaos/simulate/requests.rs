//! What becomes of a request: drawn when it is sent, reported when it is answered.

use std::iter::repeat_n;

use bucket_brigade::fault::Certainty;
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::Shard;
use bucket_brigade::sink::kinesis::shared_entries;
use bucket_brigade::sink::kpl::aggregate;
use bucket_brigade::sink::{PutEntry, SinkError};
use rand::Rng;

use super::outside::Outside;
use super::parcel::{Parcel, Row};
use super::plan::{Defect, Lateness, SETTLE_MS};

/// What becomes of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stored,
    Throttled,
    Failed,
    StoredButFailed,
}

/// What the sender learns.
#[derive(Debug)]
enum Answer {
    Entries(Vec<Fate>),
    /// An answer that does not speak of every record.
    Short,
    None,
    Throttled,
    NotSent,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    id: u64,
    pub(crate) answer_at: u64,
    answer: Answer,
    /// How many records are in its aggregate, if it is one.
    aggregated: Option<usize>,
}

/// Puts the records of a request together as the sink does that aggregates.
///
/// # Errors
/// If a record does not belong to the shard.
pub(crate) fn aggregated(outside: &Outside<'_>, shard: &Shard, rows: &[Row]) -> Result<Parcel, String> {
    let records: Vec<BatchRecord> = rows.iter().map(|row| row.record.clone()).collect();
    let aggregate = aggregate(shard.range, &records).map_err(|error| error.to_string())?;
    let meant = outside.stream.index_of(&shard.id);
    Ok(Parcel::Aggregate { aggregate, meant })
}

/// Sends a request of these parcels; gives what will be reported about it.
pub(crate) fn send(outside: &mut Outside<'_>, parcels: Vec<Parcel>, aggregated: Option<usize>) -> InFlight {
    outside.tally.requests += 1;
    let (rates, now) = (outside.rates, outside.now);
    let latency = 5 + outside.up_to(200);
    let patience = [30, 2_000, 20_000][outside.rng.random_range(0..3)];
    let given_up = now + 1 + outside.up_to(patience);
    let (answer, answer_at, apply_at) = if outside.roll(rates.lost) {
        (Answer::None, given_up, None)
    } else if outside.roll(rates.unanswered) {
        let apply_at = now + outside.up_to(given_up - now);
        (Answer::None, given_up, Some(apply_at))
    } else if outside.roll(rates.late) {
        let lateness = match outside.plan.lateness {
            Lateness::Never => None,
            Lateness::WithinSettle => Some(SETTLE_MS),
            Lateness::Outliving => Some(SETTLE_MS * 6),
        };
        (
            Answer::None,
            given_up,
            lateness.map(|most| given_up + outside.up_to(most)),
        )
    } else if outside.roll(rates.throttled) {
        (Answer::Throttled, now + latency, None)
    } else if outside.roll(rates.not_sent) {
        (Answer::NotSent, now + latency, None)
    } else if outside.roll(rates.short_answer) {
        (Answer::Short, now + latency, Some(now + outside.up_to(latency)))
    } else {
        let fates = parcels.iter().map(|_| fate(outside)).collect();
        (
            Answer::Entries(fates),
            now + latency,
            Some(now + outside.up_to(latency)),
        )
    };
    let mut is_stored = |index: usize| match &answer {
        Answer::Entries(fates) => matches!(fates[index], Fate::Stored | Fate::StoredButFailed),
        // Also what nobody hears of may be stored in part.
        Answer::Short | Answer::None | Answer::Throttled | Answer::NotSent => {
            !outside.roll(rates.record_throttled)
        }
    };
    let parcels_count = parcels.len();
    let parcels = parcels.into_iter().enumerate();
    let mut stored: Vec<_> = parcels.filter(|(index, _)| is_stored(*index)).collect();
    for index in 1..stored.len() {
        if outside.roll(rates.disordered) {
            stored.swap(index - 1, index);
        }
    }
    let id = outside.stream.send(apply_at, stored, parcels_count);
    InFlight {
        id,
        answer_at,
        answer,
        aggregated,
    }
}

fn fate(outside: &mut Outside<'_>) -> Fate {
    let rates = outside.rates;
    if outside.roll(rates.record_throttled) {
        Fate::Throttled
    } else if outside.roll(rates.record_failed) {
        Fate::Failed
    } else if outside.roll(rates.record_stored_but_failed) {
        Fate::StoredButFailed
    } else {
        Fate::Stored
    }
}

/// What the sink says of a request to a shard.
pub(crate) fn answer(
    outside: &mut Outside<'_>,
    shard: &Shard,
    request: InFlight,
) -> Result<Vec<PutEntry>, SinkError> {
    let (action, stream, detail) = ("put", "stream".to_owned(), "simulated".to_owned());
    let places = outside.stream.places(request.id);
    match request.answer {
        Answer::None => {
            outside.tally.doubts += 1;
            Err(SinkError::Doubtful {
                action,
                stream,
                detail,
            })
        }
        Answer::Throttled => Err(SinkError::Throttled { stream, detail }),
        Answer::NotSent => Err(SinkError::NotSent {
            action,
            stream,
            detail,
        }),
        Answer::Short => {
            outside.tally.doubts += 1;
            Ok(Vec::new())
        }
        Answer::Entries(fates) => {
            let is_in_doubt = |fate: &Fate| matches!(fate, Fate::Failed | Fate::StoredButFailed);
            outside.tally.doubts += u64::from(fates.iter().any(is_in_doubt));
            let places = places.expect("a request is applied before it is answered");
            let entries = fates.into_iter().zip(places);
            let entries: Vec<_> = entries.map(|(fate, place)| entry(outside, fate, place)).collect();
            Ok(match request.aggregated {
                Some(count) if outside.plan.defect == Some(Defect::AggregatesAnywhere) => {
                    let each = entries.into_iter();
                    each.flat_map(|entry| repeat_n(entry, count)).collect()
                }
                Some(count) => shared_entries(entries, shard, count),
                None => entries,
            })
        }
    }
}

fn entry(outside: &Outside<'_>, fate: Fate, place: Option<usize>) -> PutEntry {
    let failed = |code: &str, certainty| PutEntry::Failed {
        code: code.to_owned(),
        message: "simulated".to_owned(),
        certainty,
    };
    match fate {
        Fate::Throttled => failed("ProvisionedThroughputExceededException", Certainty::NotApplied),
        Fate::Failed | Fate::StoredButFailed => failed("InternalFailure", Certainty::MaybeApplied),
        Fate::Stored => {
            let stored = &outside.stream.log[place.expect("a stored record has a place")];
            PutEntry::Stored {
                sequence_number: stored.number.clone(),
                shard_id: outside.stream.shard_id(stored.shard).into(),
            }
        }
    }
}
