//! What the catalogue hands out, and when.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::catalog::{Catalog, ListedPage, QueueStart, Watch, control_version, is_late};
use super::folders::FileRule;
use super::messages::{Assignment, NotRead, ObjectRead, SomeObjects, Work};
use super::read_otherwise::Others;
use crate::checkpoint::store::{ObjectEntry, ObjectProgress, ObjectState, ObjectTotals};
use crate::model::control::{CONTROL_KEY, ControlPlan};
use crate::model::start::StartPoint;
use crate::model::{Mark, ObjectId, ObjectVersion, QueueName, TableIndex};
use crate::settings::LateFiles;
use crate::source::ListCursor;

pub(super) fn name(table: Option<usize>) -> QueueName {
    table.map_or_else(QueueName::changes, |table| {
        QueueName::load(&format!("s.t{table}"))
    })
}

pub(super) fn entry(queue: &QueueName, number: u64, key: &str) -> ObjectEntry {
    let version = ObjectVersion {
        key: key.to_owned(),
        ..control_version()
    };
    ObjectEntry {
        id: ObjectId {
            queue: queue.clone(),
            number,
        },
        version,
        state: ObjectState::Registered,
    }
}

/// A queue that starts with its control records.
fn queue(table: Option<usize>, watch: Watch) -> QueueStart {
    let name = name(table);
    QueueStart {
        control: Some(ControlPlan(Vec::new())),
        unfinished: vec![entry(&name, 0, CONTROL_KEY)],
        table: table.map(TableIndex),
        rule: FileRule::all(format!("{name}/")),
        late_files: LateFiles::Process,
        greatest_key: None,
        is_loaded: false,
        is_suspended: false,
        unread: Vec::new(),
        from: StartPoint::Beginning,
        others: Others::default(),
        list_after: None,
        watch,
        name,
    }
}

/// A queue without control records.
pub(super) fn plain(table: Option<usize>, watch: Watch) -> QueueStart {
    QueueStart {
        control: None,
        unfinished: Vec::new(),
        ..queue(table, watch)
    }
}

pub(super) fn page(entries: Vec<ObjectEntry>, next: Option<&str>) -> ListedPage {
    let next = next.map(|key| ListCursor {
        start_after: key.to_owned(),
    });
    ListedPage {
        new: entries,
        not_read: NotRead::default(),
        next,
    }
}

/// An object was read to its end.
pub(super) const READ: ObjectRead = ObjectRead { is_suspended: false };

pub(super) const POLL: Watch = Watch::Poll {
    interval_ms: 10,
    full_interval_ms: 100,
};

proptest! {
    /// Lanes, listings and commits in any order; the rules hold at every step, and it always comes to an end.
    #[test]
    fn objects_are_handed_out_one_after_another_in_every_queue(
        sizes in prop::collection::vec(prop::collection::vec(0_usize..4, 1..4), 1..4),
        steps in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 0..200),
    ) {
        let tables = sizes.len() - 1;
        let starts = (0..tables).map(Some).chain([None]);
        let starts: Vec<_> = starts.map(|table| queue(table, watch_of(table))).collect();
        let names: Vec<_> = starts.iter().map(|start| start.name.clone()).collect();
        let total = sizes.iter().flatten().sum::<usize>() + sizes.len();
        let mut run = Run { catalog: Catalog::new(starts), names, sizes, ..Run::default() };
        for (step, index) in steps {
            run.step(step, index.index(8))?;
        }
        for turn in 0..total * 40 {
            run.step(u8::try_from(turn % 4).unwrap(), turn / 4)?;
        }
        prop_assert!(run.catalog.is_finished() && !run.catalog.is_loading());
        prop_assert_eq!(run.handed_out.values().map(|next| usize::try_from(*next).unwrap()).sum::<usize>(), total);
    }
}

fn watch_of(table: Option<usize>) -> Watch {
    match table {
        Some(_) => Watch::Load { afterwards_ms: None },
        None => Watch::Once,
    }
}

/// A catalogue with everything around it.
#[derive(Debug)]
struct Run {
    catalog: Catalog,
    names: Vec<QueueName>,
    /// Objects per page, per queue.
    sizes: Vec<Vec<usize>>,
    pages: BTreeMap<usize, usize>,
    listed: BTreeMap<usize, u64>,
    handed_out: BTreeMap<QueueName, u64>,
    reading: BTreeMap<usize, Assignment>,
    read: Vec<ObjectId>,
    done: Vec<ObjectId>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            catalog: Catalog::new(Vec::new()),
            names: Vec::new(),
            sizes: Vec::new(),
            pages: BTreeMap::new(),
            listed: BTreeMap::new(),
            handed_out: BTreeMap::new(),
            reading: BTreeMap::new(),
            read: Vec::new(),
            done: Vec::new(),
        }
    }
}

impl Run {
    fn step(&mut self, step: u8, index: usize) -> Result<(), TestCaseError> {
        match step {
            0 => self.list()?,
            1 => self.ask(index % 3)?,
            2 => {
                if let Some(assignment) = self.reading.remove(&(index % 3)) {
                    self.catalog.released(index % 3, READ);
                    self.read.push(assignment.entry.id);
                }
            }
            _ => {
                if !self.read.is_empty() {
                    let id = self.read.remove(index % self.read.len());
                    self.catalog.done(std::slice::from_ref(&id));
                    self.done.push(id);
                }
                self.catalog.newly_loaded();
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(), TestCaseError> {
        let Some(request) = self.catalog.next_listing(0) else {
            return Ok(());
        };
        let is_change = request.name == QueueName::changes();
        prop_assert!(
            !is_change || !self.catalog.is_loading(),
            "changes are listed after the load"
        );
        let at = self.pages.entry(request.queue).or_default();
        // A load is listed once more, with nothing new.
        let size = self.sizes[request.queue].get(*at).copied().unwrap_or(0);
        *at += 1;
        let has_more = *at < self.sizes[request.queue].len();
        let number = self.listed.entry(request.queue).or_default();
        let new = (0..size).map(|_| {
            *number += 1;
            entry(&request.name, *number, &format!("{number:04}"))
        });
        let new = new.collect();
        self.catalog
            .listed(request.queue, page(new, has_more.then_some("x")), 0);
        Ok(())
    }

    fn ask(&mut self, lane: usize) -> Result<(), TestCaseError> {
        if self.reading.contains_key(&lane) {
            return Ok(());
        }
        let Some(assignment) = self.catalog.assign(lane) else {
            return Ok(());
        };
        let id = assignment.entry.id.clone();
        let next = self.handed_out.entry(id.queue.clone()).or_default();
        prop_assert_eq!(id.number, *next, "numbers in order");
        *next += 1;
        let is_alone = self
            .reading
            .values()
            .all(|other| other.entry.id.queue != id.queue);
        prop_assert!(is_alone, "{} is read by another lane", id.queue);
        let control = ObjectId {
            number: 0,
            ..id.clone()
        };
        prop_assert!(
            id.number == 0 || self.done.contains(&control),
            "control records are durably first"
        );
        if id.queue == QueueName::changes() {
            let loads = self.names.iter().filter(|name| **name != id.queue);
            let is_open = |name: &QueueName| {
                let objects = self.handed_out.get(name).copied().unwrap_or(0);
                (0..objects).any(|number| {
                    !self.done.contains(&ObjectId {
                        queue: name.clone(),
                        number,
                    })
                })
            };
            prop_assert!(!loads.into_iter().any(is_open), "a load is not settled yet");
        }
        self.reading.insert(lane, assignment);
        Ok(())
    }
}

#[test]
fn unfinished_objects_come_first_in_the_order_of_their_numbers() {
    let queue_name = name(Some(0));
    let mut later = entry(&queue_name, 4, "d");
    later.state = ObjectState::Open(ObjectProgress::default());
    let start = QueueStart {
        unfinished: vec![later, entry(&queue_name, 2, "b")],
        ..plain(Some(0), Watch::Once)
    };
    let mut catalog = Catalog::new(vec![start]);
    let request = catalog.next_listing(0).unwrap();
    catalog.listed(request.queue, page(vec![entry(&queue_name, 5, "e")], None), 0);
    let mut numbers = Vec::new();
    while let Some(assignment) = catalog.assign(0) {
        numbers.push(assignment.entry.id.number);
        assert_eq!(assignment.work, Work::Read);
        catalog.released(0, READ);
    }
    assert_eq!(numbers, [2, 4, 5]);
}

#[test]
fn a_lane_stays_with_its_table() {
    let mut catalog = Catalog::new(vec![plain(Some(0), Watch::Once), plain(Some(1), Watch::Once)]);
    for _ in 0..2 {
        let request = catalog.next_listing(0).unwrap();
        let new = (0..4).map(|number| entry(&request.name, number, &format!("{number}")));
        let new = page(new.collect(), None);
        catalog.listed(request.queue, new, 0);
    }
    let mut table_of = |lane| {
        catalog.released(lane, READ);
        catalog.assign(lane).unwrap().table.unwrap().0
    };
    let tables: Vec<_> = [0, 1, 1, 0, 1, 0].map(&mut table_of).into();
    assert_eq!(tables, [0, 1, 1, 0, 1, 0]);
}

#[test]
fn a_watched_queue_is_listed_after_its_last_key_and_now_and_then_in_full() {
    let mut catalog = Catalog::new(vec![plain(None, POLL)]);
    let mut starts = Vec::new();
    for now_ms in [0, 5, 10, 20, 99, 100, 110] {
        let Some(request) = catalog.next_listing(now_ms) else {
            continue;
        };
        starts.push((now_ms, request.after.map(|cursor| cursor.start_after)));
        let new = vec![entry(&request.name, 0, &format!("{now_ms:04}"))];
        catalog.listed(request.queue, page(new, None), now_ms);
    }
    let behind = |now_ms: i64, key: &str| (now_ms, Some(key.to_owned()));
    let expected = [
        (0, None),
        behind(10, "0000"),
        behind(20, "0010"),
        behind(99, "0020"),
        (110, None),
    ];
    assert_eq!(starts, expected);
    assert!(!catalog.is_finished(), "a watched queue never ends");
}

#[test]
fn what_lies_before_the_start_is_counted_again_by_each_full_listing_and_skipped_by_short_ones() {
    let start = QueueStart {
        list_after: Some("m".to_owned()),
        ..plain(None, POLL)
    };
    let mut catalog = Catalog::new(vec![start]);
    let mut seen = Vec::new();
    for (now_ms, in_front) in [(0, 3), (10, 9), (100, 4)] {
        let request = catalog.next_listing(now_ms).unwrap();
        let page = ListedPage {
            not_read: NotRead {
                left_out: SomeObjects {
                    count: in_front,
                    first_keys: Vec::new(),
                },
                ..NotRead::default()
            },
            ..page(Vec::new(), None)
        };
        catalog.listed(request.queue, page, now_ms);
        seen.push((
            request.after.map(|cursor| cursor.start_after),
            catalog.not_read(0).left_out.count,
        ));
    }
    assert_eq!(seen, [(None, 3), (Some("m".to_owned()), 3), (None, 4)]);
}

#[test]
fn a_listing_is_not_asked_for_twice() {
    let mut catalog = Catalog::new(vec![plain(None, Watch::Once)]);
    let request = catalog.next_listing(0).unwrap();
    assert_eq!(catalog.next_listing(1_000_000), None);
    catalog.listed(request.queue, page(Vec::new(), Some("m")), 0);
    let next = catalog.next_listing(0).unwrap();
    assert_eq!(next.after.unwrap().start_after, "m");
    catalog.listed(request.queue, page(Vec::new(), None), 0);
    assert_eq!(catalog.next_listing(i64::MAX), None);
    assert!(catalog.is_finished());
}

#[test]
fn listing_waits_while_many_objects_wait() {
    let mut catalog = Catalog::new(vec![plain(None, Watch::Once)]);
    let request = catalog.next_listing(0).unwrap();
    let new = (0..1_000).map(|number| entry(&request.name, number, &format!("{number:04}")));
    catalog.listed(request.queue, page(new.collect(), Some("0999")), 0);
    assert_eq!(catalog.next_listing(0), None);
    catalog.assign(0).unwrap();
    assert!(catalog.next_listing(0).is_some(), "one was taken");
}

#[test]
fn what_was_registered_as_set_aside_is_handed_out_to_be_set_aside() {
    let mut catalog = Catalog::new(vec![plain(None, Watch::Once)]);
    let request = catalog.next_listing(0).unwrap();
    let mut late = entry(&request.name, 0, "a");
    late.state = ObjectState::Quarantined {
        reason: "late".to_owned(),
        watermark: Mark::START,
        totals: ObjectTotals::default(),
        is_in_doubt: false,
    };
    catalog.listed(request.queue, page(vec![late], None), 0);
    let work = catalog.assign(0).unwrap().work;
    assert_eq!(work, Work::Quarantine("late".to_owned()));
}

#[test]
fn a_late_key_does_not_move_the_cursor_back() {
    let start = QueueStart {
        greatest_key: Some("m".to_owned()),
        ..plain(None, POLL)
    };
    let mut catalog = Catalog::new(vec![start]);
    let request = catalog.next_listing(0).unwrap();
    assert!(is_late("c", catalog.greatest_key(0)) && !is_late("m", catalog.greatest_key(0)));
    let new = vec![entry(&request.name, 7, "c"), entry(&request.name, 8, "p")];
    catalog.listed(request.queue, page(new, None), 0);
    assert_eq!(catalog.greatest_key(0), Some("p"));
    assert!(is_late("o", catalog.greatest_key(0)) && !is_late(CONTROL_KEY, Some("zzz")));
}
