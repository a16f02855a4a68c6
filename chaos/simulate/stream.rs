//! A stream in virtual time: shards with lineage, requests that are on their way, records in order of application.

use bucket_brigade::publish::look_plan::LookPlan;
use bucket_brigade::route::lineage::{KnownShard, Lineage};
use bucket_brigade::route::shard_map::{HashKey, HashRange, Shard, ShardMap};
use bucket_brigade::sink::kpl::{is_dropped_by_consumers, take_apart};

use bytes::Bytes;

use super::parcel::Parcel;
use super::world::{ContentIndex, Contents};

/// What sequence numbers begin with.
const NUMBER_PREFIX: &str = "49590338271490256608559692538361571095";
/// Reading from a time on begins earlier by this much, as the real reading does.
const TIME_MARGIN_MS: u64 = 10 * 60 * 1_000;

/// A stored record, or a member of one.
#[derive(Debug)]
pub(crate) struct Stored {
    /// What it says; `None` for a `sync` record.
    pub(crate) content: Option<ContentIndex>,
    pub(crate) message: Bytes,
    /// Shared by the members of an aggregate.
    pub(crate) number: String,
    pub(crate) shard: usize,
    /// Which member of an aggregate it is.
    pub(crate) member: Option<usize>,
    /// The shard that the aggregate was for.
    pub(crate) meant: Option<usize>,
    /// Whether consumers see it: they drop an aggregate of another shard.
    pub(crate) is_seen: bool,
    at_ms: u64,
}

/// A request on its way.
#[derive(Debug)]
struct Pending {
    id: u64,
    apply_at: u64,
    /// Those that will be stored, in the order of their storing, with their places in the request.
    parcels: Vec<(usize, Parcel)>,
    parcels_count: usize,
}

/// The stream.
#[derive(Debug)]
pub(crate) struct SimStream {
    known: Vec<KnownShard>,
    /// Places in `log`, by shard.
    by_shard: Vec<Vec<usize>>,
    pub(crate) log: Vec<Stored>,
    pending: Vec<Pending>,
    /// Where the records of applied requests are, until their sender asks.
    applied: Vec<(u64, Vec<Option<usize>>)>,
    next_id: u64,
}

impl SimStream {
    pub(crate) fn new(map: &ShardMap) -> Self {
        let known = Lineage::of_open(map).shards().to_vec();
        Self {
            by_shard: vec![Vec::new(); known.len()],
            known,
            log: Vec::new(),
            pending: Vec::new(),
            applied: Vec::new(),
            next_id: 0,
        }
    }

    pub(crate) fn lineage(&self) -> Lineage {
        Lineage::new(self.known.clone())
    }

    pub(crate) fn map(&self) -> ShardMap {
        self.lineage()
            .open_map()
            .expect("the open shards cover everything")
    }

    pub(crate) fn is_map(&self, map: &ShardMap) -> bool {
        let open = self.known.iter().filter(|known| known.is_open);
        open.count() == map.shards().len()
            && map.shards().iter().all(|shard| {
                let same = self.known.iter().find(|known| known.shard.id == shard.id);
                same.is_some_and(|known| known.is_open)
            })
    }

    pub(crate) fn shard_id(&self, shard: usize) -> &str {
        &self.known[shard].shard.id
    }

    /// Sends a request that arrives at `apply_at`, if it arrives: which of so many parcels will be stored, and in
    /// which order.
    pub(crate) fn send(
        &mut self,
        apply_at: Option<u64>,
        parcels: Vec<(usize, Parcel)>,
        parcels_count: usize,
    ) -> u64 {
        self.next_id += 1;
        if let Some(apply_at) = apply_at {
            self.pending.push(Pending {
                id: self.next_id,
                apply_at,
                parcels,
                parcels_count,
            });
        }
        self.next_id
    }

    /// When the next request arrives.
    pub(crate) fn next_arrival(&self) -> Option<u64> {
        self.pending.iter().map(|pending| pending.apply_at).min()
    }

    /// When the last request arrives.
    pub(crate) fn last_arrival(&self) -> Option<u64> {
        self.pending.iter().map(|pending| pending.apply_at).max()
    }

    /// Applies the requests that arrive by now, oldest first; gives how many.
    pub(crate) fn arrive(&mut self, now: u64, contents: &Contents) -> usize {
        let mut count = 0;
        loop {
            let due = self.pending.iter().enumerate();
            let due = due.filter(|(_, pending)| pending.apply_at <= now);
            let Some((index, _)) = due.min_by_key(|(_, pending)| (pending.apply_at, pending.id)) else {
                return count;
            };
            let Pending {
                id,
                apply_at,
                parcels,
                parcels_count,
            } = self.pending.remove(index);
            let mut places = vec![None; parcels_count];
            for (index, parcel) in parcels {
                places[index] = Some(self.store(parcel, apply_at, contents));
            }
            self.applied.push((id, places));
            count += 1;
        }
    }

    /// Stores a parcel; gives the place of its first record.
    fn store(&mut self, parcel: Parcel, at_ms: u64, contents: &Contents) -> usize {
        let place = self.log.len();
        let stored = |content, message, shard| Stored {
            content,
            message,
            number: format!("{NUMBER_PREFIX}{place:018}"),
            shard,
            member: None,
            meant: None,
            is_seen: true,
            at_ms,
        };
        match parcel {
            Parcel::Single(row) => {
                let shard = self.owner_of(row.hash_key(contents));
                self.push(stored(row.content, row.record.payload_bytes(), shard));
            }
            Parcel::Aggregate { aggregate, meant } => {
                let shard = self.owner_of(aggregate.explicit_hash_key);
                let members = take_apart(&aggregate.bytes).expect("it was made by this program");
                let is_dropped = is_dropped_by_consumers(self.known[shard].shard.range, &members);
                for (index, member) in members.into_iter().enumerate() {
                    self.push(Stored {
                        member: Some(index),
                        meant: Some(meant),
                        is_seen: !is_dropped,
                        ..stored(contents.of_payload(&member.payload), member.payload, shard)
                    });
                }
            }
        }
        place
    }

    fn push(&mut self, stored: Stored) {
        self.by_shard[stored.shard].push(self.log.len());
        self.log.push(stored);
    }

    /// The rows that consumers see, copies included, in the order of their storing.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ContentIndex> {
        let seen = self.log.iter().filter(|stored| stored.is_seen);
        seen.filter_map(|stored| stored.content)
    }

    /// All records of a shard in its order.
    pub(crate) fn of_shard(&self, shard: usize) -> impl Iterator<Item = &Stored> {
        self.by_shard[shard].iter().map(|place| &self.log[*place])
    }

    pub(crate) fn range(&self, shard: usize) -> HashRange {
        self.known[shard].shard.range
    }

    fn owner_of(&self, key: HashKey) -> usize {
        let owns = |known: &KnownShard| known.is_open && known.shard.range.contains(key);
        self.known
            .iter()
            .position(owns)
            .expect("every point has an owner")
    }

    /// Where the records of a request are, if it was applied.
    pub(crate) fn places(&mut self, id: u64) -> Option<Vec<Option<usize>>> {
        let index = self.applied.iter().position(|(applied, _)| *applied == id)?;
        Some(self.applied.swap_remove(index).1)
    }

    /// The sender of everything that is on its way died: what becomes of it, by when.
    pub(crate) fn sender_died(&mut self, latest: impl FnMut(u64) -> Option<u64>) {
        let mut latest = latest;
        self.pending.retain_mut(|pending| match latest(pending.apply_at) {
            Some(apply_at) => {
                pending.apply_at = apply_at;
                true
            }
            None => false,
        });
        self.applied.clear();
    }

    /// The place of a record by its sequence number, of a member also by its index, if it is stored in that shard.
    pub(crate) fn place_of(&self, shard_id: &str, number: &str) -> Option<usize> {
        let number = number.strip_prefix(NUMBER_PREFIX)?;
        let (number, member) = number.split_once('/').unwrap_or((number, "0"));
        let place = number.parse::<usize>().ok()? + member.parse::<usize>().ok()?;
        let stored = self.log.get(place)?;
        (self.shard_id(stored.shard) == shard_id).then_some(place)
    }

    /// Where reading of a shard begins, as a place in it.
    pub(crate) fn reading_start(&self, shard: usize, plan: &LookPlan, since_ms: u64) -> usize {
        let places = &self.by_shard[shard];
        let since = since_ms.saturating_sub(TIME_MARGIN_MS);
        let by_time = places.partition_point(|place| self.log[*place].at_ms < since);
        let Some(number) = plan.starts.get(self.shard_id(shard)) else {
            return by_time;
        };
        let known = places.partition_point(|place| self.log[*place].number < *number);
        // What this process has in doubt arrived after it was sent.
        if plan.wanted.is_some() {
            known.max(by_time)
        } else {
            known
        }
    }

    /// Some records of a shard from a place on, and whether they reach its end.
    pub(crate) fn page(&self, shard: usize, from: usize, count: usize) -> (&[usize], bool) {
        let rest = self.by_shard[shard].get(from..).unwrap_or_default();
        (&rest[..rest.len().min(count)], rest.len() <= count)
    }

    pub(crate) fn index_of(&self, shard_id: &str) -> usize {
        let is_it = |known: &KnownShard| known.shard.id == shard_id;
        self.known.iter().position(is_it).expect("a shard of this stream")
    }

    pub(crate) fn is_open(&self, shard: usize) -> bool {
        self.known[shard].is_open
    }

    /// Open shards, by hash range.
    pub(crate) fn open(&self) -> Vec<usize> {
        let mut open: Vec<_> = (0..self.known.len())
            .filter(|shard| self.is_open(*shard))
            .collect();
        open.sort_by_key(|shard| self.known[*shard].shard.range);
        open
    }

    /// Splits an open shard in the middle.
    pub(crate) fn split(&mut self, shard: usize) {
        let HashRange { start, end } = self.known[shard].shard.range;
        let middle = start + (end - start) / 2;
        let parents = vec![self.shard_id(shard).to_owned()];
        self.known[shard].is_open = false;
        self.open_shard(HashRange { start, end: middle }, parents.clone());
        self.open_shard(
            HashRange {
                start: middle + 1,
                end,
            },
            parents,
        );
    }

    /// Merges two open neighbours.
    pub(crate) fn merge(&mut self, first: usize, second: usize) {
        let range = HashRange {
            start: self.known[first].shard.range.start,
            end: self.known[second].shard.range.end,
        };
        let parents = [first, second].map(|shard| self.shard_id(shard).to_owned());
        self.known[first].is_open = false;
        self.known[second].is_open = false;
        self.open_shard(range, parents.to_vec());
    }

    fn open_shard(&mut self, range: HashRange, parents: Vec<String>) {
        let id = format!("shardId-{:012}", self.known.len());
        self.by_shard.push(Vec::new());
        self.known.push(KnownShard {
            shard: Shard { id, range },
            parents,
            is_open: true,
        });
    }
}
