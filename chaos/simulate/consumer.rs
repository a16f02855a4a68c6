//! A consumer of a chain, and whether it was given every row once and in order. It reads the whole stream, parents
//! before their children; a second one begins somewhere in the middle.

use std::collections::BTreeMap;

use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use bucket_brigade::chain::position::ChainPosition;
use bucket_brigade::route::lane::LaneIndex;
use serde::Deserialize;

use super::outside::Outside;
use super::plan::Defect;
use super::rows::TASK;
use super::stream::Stored;
use super::world::ContentIndex;

/// What a consumer looks at in a message.
#[derive(Debug, Deserialize)]
struct Message {
    metadata: Metadata,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    key: String,
    variant: usize,
}

/// The rows of a lane in the order of the source.
#[derive(Debug, Default)]
struct LaneRows {
    queue: usize,
    rows: Vec<(ChainPosition, ContentIndex)>,
}

/// How a consumer decides.
#[derive(Debug)]
enum Rule {
    Filter(ChainFilter),
    /// It takes everything.
    All,
    /// It takes what is above the highest position seen of the lane.
    Highest(BTreeMap<String, ChainPosition>),
}

impl Rule {
    fn new(defect: Option<Defect>) -> Self {
        match defect {
            Some(Defect::FilterOff) => Self::All,
            Some(Defect::HighestSeen) => Self::Highest(BTreeMap::new()),
            Some(Defect::LanesWithoutOrder | Defect::AggregatesAnywhere) | None => {
                Self::Filter(ChainFilter::default())
            }
        }
    }

    fn decide(&mut self, metadata: &Metadata) -> Decision {
        match self {
            Self::Filter(filter) => filter.accept(metadata),
            Self::All | Self::Highest(_) if metadata.previous.is_none() => Decision::Drop,
            Self::All => Decision::Accept,
            Self::Highest(highest) => {
                let lane = metadata.lane.clone().unwrap_or_default();
                let (highest, position) = (highest.entry(lane).or_default(), metadata.position);
                if position.is_none_or(|position| position <= *highest) {
                    return Decision::Drop;
                }
                *highest = position.unwrap_or_default();
                Decision::Accept
            }
        }
    }
}

/// Judges the links of all records, and what two consumers make of them.
pub(crate) fn judge_chain(outside: &Outside<'_>) -> Result<(), String> {
    let messages = messages(outside)?;
    let wanted = wanted(outside);
    for (_, message) in &messages {
        judge_link(&wanted, &message.metadata)?;
    }
    let mut first = Consumer::new(outside, &wanted, Rule::new(outside.plan.defect));
    for (_, message) in &messages {
        if let Some(gap) = first.read(message)? {
            return Err(format!("a gap is reported that is not one: {gap}"));
        }
    }
    for (name, lane) in &wanted {
        let had = first.had.get(name.as_str()).copied().unwrap_or(0);
        if let Some((position, content)) = lane.rows.get(had) {
            let (row, count) = (outside.contents.name(Some(*content)), lane.rows.len() - had);
            return Err(format!(
                "lost by the filter: {count} rows of {name}, from {row} at {position} on"
            ));
        }
    }
    // Gaps are reported to it, but what it is given is in order, and nothing between is kept from it in silence.
    let mut second = Consumer::new(outside, &wanted, Rule::new(None));
    let middle = outside.stream.log.len() / 2;
    let begin = outside.stream.log.get(middle).map(|stored| &stored.number);
    for (_, message) in messages
        .iter()
        .filter(|(stored, _)| Some(&stored.number) >= begin)
    {
        second.read(message)?;
    }
    Ok(())
}

/// A consumer, and how many rows of each lane it has had or knows to be gone.
struct Consumer<'o> {
    outside: &'o Outside<'o>,
    wanted: &'o BTreeMap<String, LaneRows>,
    rule: Rule,
    had: BTreeMap<&'o str, usize>,
}

impl<'o> Consumer<'o> {
    fn new(outside: &'o Outside<'o>, wanted: &'o BTreeMap<String, LaneRows>, rule: Rule) -> Self {
        Self {
            outside,
            wanted,
            rule,
            had: BTreeMap::new(),
        }
    }

    /// Reads the next record; gives the gap that is reported.
    fn read(&mut self, message: &Message) -> Result<Option<String>, String> {
        let metadata = &message.metadata;
        let (name, lane) = lane_of(self.wanted, metadata)?;
        let position = metadata.position.ok_or("a record without a position")?;
        let had = self.had.entry(name).or_default();
        match self.rule.decide(metadata) {
            Decision::Drop => Ok(None),
            Decision::Resync(gap) => {
                let place = lane.rows.iter().position(|(position, _)| *position == gap.to);
                let place =
                    place.ok_or_else(|| format!("a gap of {name} ends at {}, which is not a row", gap.to))?;
                *had = place + 1;
                Ok(Some(format!("{name} from {} to {}", gap.from, gap.to)))
            }
            Decision::Accept => {
                let next = lane.rows.get(*had);
                if next.is_some_and(|(next, _)| *next == position) {
                    *had += 1;
                    return self.judge_row(lane, position, message).map(|()| None);
                }
                let is_again = next.is_none_or(|(next, _)| position < *next);
                let kind = if is_again {
                    "repeated through the filter"
                } else {
                    "out of order"
                };
                Err(format!("{kind}: {name} gives {position} after {had} rows"))
            }
        }
    }

    fn judge_row(&self, lane: &LaneRows, position: ChainPosition, message: &Message) -> Result<(), String> {
        let wanted = lane.rows.iter().find(|(other, _)| *other == position);
        let wanted = wanted.map(|(_, content)| *content);
        let data = message.data.as_ref();
        let contents = self.outside.contents;
        let found = data.and_then(|data| ContentIndex::find(lane.queue, &data.key, data.variant));
        if found == wanted {
            return Ok(());
        }
        let (found, wanted) = (contents.name(found), contents.name(wanted));
        Err(format!("another row: {found} says {position}, which is {wanted}"))
    }
}

/// All messages, shard by shard, parents before their children.
fn messages<'o>(outside: &'o Outside<'_>) -> Result<Vec<(&'o Stored, Message)>, String> {
    let lineage = outside.stream.lineage();
    let shards = lineage.generations().concat();
    let shards = shards
        .iter()
        .map(|known| outside.stream.index_of(&known.shard.id));
    let stored = shards.flat_map(|shard| outside.stream.of_shard(shard));
    let messages = stored.map(|stored| {
        let message = serde_json::from_slice(&stored.message);
        Ok((stored, message.map_err(|error| format!("unreadable: {error}"))?))
    });
    messages.collect()
}

/// The rows of the source that become messages, lane by lane.
fn wanted(outside: &Outside<'_>) -> BTreeMap<String, LaneRows> {
    let mut lanes: BTreeMap<String, LaneRows> = BTreeMap::new();
    for (queue, objects) in outside.source.queues.iter().enumerate() {
        for (object, rows) in (1..).zip(objects) {
            let good = (1..).zip(rows).filter(|(_, row)| outside.plan.is_good(**row));
            for (record, row) in good {
                let lane = LaneIndex::of(outside.contents.of(*row).hash_key).number();
                let name = format!("{TASK}/{}/{lane}", outside.contents.queue(queue));
                let lane = lanes.entry(name).or_default();
                lane.queue = queue;
                lane.rows.push((ChainPosition { object, record }, *row));
            }
        }
    }
    lanes
}

fn lane_of<'w>(
    wanted: &'w BTreeMap<String, LaneRows>,
    metadata: &Metadata,
) -> Result<(&'w str, &'w LaneRows), String> {
    let name = metadata.lane.as_ref().ok_or("a record without a lane")?;
    let known = wanted.get_key_value(name);
    let (name, lane) = known.ok_or_else(|| format!("a record of {name}, which has no rows"))?;
    Ok((name, lane))
}

/// However often a row was sent and by whomever: it names the row before it in its lane.
fn judge_link(wanted: &BTreeMap<String, LaneRows>, metadata: &Metadata) -> Result<(), String> {
    let (name, lane) = lane_of(wanted, metadata)?;
    let Metadata {
        position: Some(position),
        previous: Some(previous),
        ..
    } = metadata
    else {
        return Ok(());
    };
    let place = lane.rows.iter().position(|(other, _)| other == position);
    let place = place.ok_or_else(|| format!("a link of {name} is at {position}, which is not a row"))?;
    let before = place
        .checked_sub(1)
        .map_or(ChainPosition::START, |before| lane.rows[before].0);
    if before == *previous {
        return Ok(());
    }
    Err(format!(
        "a wrong link: {name} {position} names {previous} and not {before}"
    ))
}
