//! What becomes of a request: drawn when it is sent, told when it is answered.

use bucket_brigade::fault::Certainty;
use bucket_brigade::sink::{PutEntry, SinkError};
use rand::Rng;

use super::outside::Outside;
use super::plan::{Lateness, SETTLE_MS};
use super::world::ContentIndex;

/// What becomes of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stored,
    Throttled,
    Failed,
    StoredButFailed,
}

/// What the sender is told.
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
}

/// Sends records; gives what will be told about them.
pub(crate) fn send(outside: &mut Outside<'_>, contents: &[ContentIndex]) -> InFlight {
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
        let fates = contents.iter().map(|_| fate(outside)).collect();
        (
            Answer::Entries(fates),
            now + latency,
            Some(now + outside.up_to(latency)),
        )
    };
    let mut is_stored = |index: usize| match &answer {
        Answer::Entries(fates) => matches!(fates[index], Fate::Stored | Fate::StoredButFailed),
        // Also what nobody is told of may be stored in part.
        Answer::Short | Answer::None | Answer::Throttled | Answer::NotSent => {
            !outside.roll(rates.record_throttled)
        }
    };
    let records = contents
        .iter()
        .enumerate()
        .map(|(index, content)| (*content, is_stored(index)))
        .collect();
    let id = outside.stream.send(apply_at, records);
    InFlight {
        id,
        answer_at,
        answer,
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

/// What the sink says of a request.
pub(crate) fn answer(outside: &mut Outside<'_>, request: InFlight) -> Result<Vec<PutEntry>, SinkError> {
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
            Ok(entries.map(|(fate, place)| entry(outside, fate, place)).collect())
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
