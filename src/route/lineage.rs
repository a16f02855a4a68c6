//! Where shards come from: splits and merges close parents and open children. Pure: no I/O, no clock.

use super::shard_map::{Shard, ShardMap, ShardMapError};

/// A shard that the stream still knows: open, or closed and within the retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownShard {
    /// The shard.
    pub shard: Shard,
    /// The shards it was made of that are named by the service: none, one (split) or two (merge).
    pub parents: Vec<String>,
    /// Whether it takes records.
    pub is_open: bool,
}

/// All shards that a stream still knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    shards: Vec<KnownShard>,
}

impl Lineage {
    /// The shards as the service lists them, in any order.
    pub fn new(shards: Vec<KnownShard>) -> Self {
        Self { shards }
    }

    /// Open shards that were never split or merged.
    pub fn of_open(map: &ShardMap) -> Self {
        let known = |shard: &Shard| KnownShard {
            shard: shard.clone(),
            parents: Vec::new(),
            is_open: true,
        };
        Self::new(map.shards().iter().map(known).collect())
    }

    /// The map of the open shards.
    ///
    /// # Errors
    /// [`ShardMapError`] if they do not cover every point exactly once.
    pub fn open_map(&self) -> Result<ShardMap, ShardMapError> {
        let open = self.shards.iter().filter(|known| known.is_open);
        ShardMap::new(open.map(|known| known.shard.clone()).collect())
    }

    /// All known shards.
    pub fn shards(&self) -> &[KnownShard] {
        &self.shards
    }

    /// A shard, everything it descends from and everything that descends from it, as far as it is known, parents
    /// before children.
    pub fn family_of(&self, shard_id: &str) -> Vec<&KnownShard> {
        let mut family = self.reach(shard_id, |known, relative| {
            relative.parents.contains(&known.shard.id)
        });
        for descendant in self.reach(shard_id, is_child) {
            if !family.iter().any(|known| known.shard.id == descendant.shard.id) {
                family.push(descendant);
            }
        }
        generations(family).concat()
    }

    /// A shard and everything that descends from it, parents before children.
    pub fn issue_of(&self, shard_id: &str) -> Vec<&KnownShard> {
        generations(self.reach(shard_id, is_child)).concat()
    }

    /// A shard and all that a relation leads to from it: whether the first shard is next after the second.
    fn reach(&self, shard_id: &str, is_next: impl Fn(&KnownShard, &KnownShard) -> bool) -> Vec<&KnownShard> {
        let mut found: Vec<&KnownShard> = Vec::new();
        let mut next: Vec<_> = self
            .shards
            .iter()
            .filter(|known| known.shard.id == shard_id)
            .collect();
        while let Some(relative) = next.pop() {
            if found.iter().any(|known| known.shard.id == relative.shard.id) {
                continue;
            }
            found.push(relative);
            next.extend(self.shards.iter().filter(|known| is_next(known, relative)));
        }
        found
    }

    /// All known shards in groups: whatever a shard descends from is in an earlier group than the shard itself.
    pub fn generations(&self) -> Vec<Vec<&KnownShard>> {
        generations(self.shards.iter().collect())
    }
}

fn is_child(known: &KnownShard, relative: &KnownShard) -> bool {
    known.parents.contains(&relative.shard.id)
}

/// Shards in groups, parents before children as far as both are there.
fn generations(mut waiting: Vec<&KnownShard>) -> Vec<Vec<&KnownShard>> {
    let mut groups = Vec::new();
    while !waiting.is_empty() {
        let is_parent_waiting = |known: &&KnownShard| {
            let is_waiting = |parent: &String| waiting.iter().any(|other| other.shard.id == *parent);
            known.parents.iter().any(is_waiting)
        };
        let (later, ready): (Vec<_>, Vec<_>) = waiting.iter().partition(|known| is_parent_waiting(known));
        if ready.is_empty() {
            // A list that turns in circles has no order.
            groups.push(later);
            break;
        }
        groups.push(ready);
        waiting = later;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::shard_map::HashRange;

    const MIDDLE: u128 = 1 << 127;

    fn known(id: &str, start: u128, end: u128, parents: &[&str], is_open: bool) -> KnownShard {
        KnownShard {
            shard: Shard {
                id: id.into(),
                range: HashRange { start, end },
            },
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            is_open,
        }
    }

    /// One shard, split, merged again, and split once more.
    fn lineage() -> Lineage {
        Lineage::new(vec![
            known("a", 0, u128::MAX, &[], false),
            known("b", 0, MIDDLE - 1, &["a"], false),
            known("c", MIDDLE, u128::MAX, &["a"], false),
            known("d", 0, u128::MAX, &["b", "c"], false),
            known("e", 0, MIDDLE - 1, &["d"], true),
            known("f", MIDDLE, u128::MAX, &["d"], true),
        ])
    }

    #[test]
    fn parents_come_before_children_and_each_once() {
        let lineage = lineage();
        let ids = |id: &str| -> Vec<&str> {
            let found = lineage.family_of(id);
            found.into_iter().map(|known| known.shard.id.as_str()).collect()
        };
        assert_eq!(ids("a").len(), 6);
        let family = ids("e");
        assert_eq!(family.len(), 5, "{family:?}");
        let place = |id: &str| family.iter().position(|found| *found == id).unwrap();
        assert!(place("a") < place("b") && place("a") < place("c"), "{family:?}");
        assert!(
            place("b") < place("d") && place("c") < place("d") && place("d") < place("e"),
            "{family:?}"
        );
        let of_merged = ids("c");
        assert!(
            !of_merged.contains(&"b") && of_merged.contains(&"f"),
            "{of_merged:?}"
        );
        assert!(ids("unknown").is_empty());
    }

    #[test]
    fn what_came_of_a_shard_is_without_what_it_came_from() {
        let lineage = lineage();
        let issue = |id: &str| -> Vec<&str> {
            let found = lineage.issue_of(id);
            found.into_iter().map(|known| known.shard.id.as_str()).collect()
        };
        assert_eq!(issue("e"), ["e"]);
        let mut of_closed = issue("b");
        assert_eq!(of_closed[..2], ["b", "d"]);
        of_closed.sort_unstable();
        assert_eq!(of_closed, ["b", "d", "e", "f"]);
    }

    #[test]
    fn each_shard_is_in_a_later_group_than_its_parents() {
        let lineage = lineage();
        let groups = lineage.generations();
        let ids: Vec<Vec<_>> = groups
            .iter()
            .map(|group| group.iter().map(|known| known.shard.id.as_str()).collect())
            .collect();
        assert_eq!(ids, [vec!["a"], vec!["b", "c"], vec!["d"], vec!["e", "f"]]);
    }

    #[test]
    fn only_open_shards_are_in_the_map() {
        let map = lineage().open_map().unwrap();
        let ids: Vec<_> = map.shards().iter().map(|shard| shard.id.as_str()).collect();
        assert_eq!(ids, ["e", "f"]);
    }

    #[test]
    fn a_circle_ends() {
        let circle = Lineage::new(vec![
            known("a", 0, 9, &["b"], false),
            known("b", 0, 9, &["a"], true),
        ]);
        assert_eq!(circle.family_of("b").len(), 2);
    }
}
