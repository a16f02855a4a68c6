//! When a load is complete, and what becomes of files that come after it.

use super::catalog::{Catalog, ListedPage, Watch};
use super::catalog_tests::{POLL, READ, entry, name, page, plain};
use super::messages::{NotRead, SomeObjects};
use crate::model::TableIndex;

const LOAD: Watch = Watch::Load {
    afterwards_ms: Some(1_000),
};

/// Lists one page with these keys, whose numbers are their places.
fn list(catalog: &mut Catalog, now_ms: i64, keys: &[(u64, &str)], next: Option<&str>) -> bool {
    let Some(request) = catalog.next_listing(now_ms) else {
        return false;
    };
    let new = keys
        .iter()
        .map(|(number, key)| entry(&request.name, *number, key));
    catalog.listed(request.queue, page(new.collect(), next), now_ms);
    true
}

/// Reads and settles the object that is next.
fn settle_next(catalog: &mut Catalog) -> u64 {
    let id = catalog.assign(0).unwrap().entry.id;
    catalog.released(0, READ);
    catalog.done(std::slice::from_ref(&id));
    id.number
}

#[test]
fn a_load_is_complete_when_a_listing_that_began_after_its_last_file_finds_nothing_new() {
    let mut catalog = Catalog::new(vec![plain(Some(0), LOAD)]);
    assert!(list(&mut catalog, 0, &[(0, "b")], Some("b")));
    assert_eq!(settle_next(&mut catalog), 0);
    assert!(list(&mut catalog, 0, &[(1, "c")], None));
    assert!(
        !list(&mut catalog, i64::MAX, &[], None),
        "a file is not settled yet"
    );
    assert_eq!(settle_next(&mut catalog), 1);
    assert!(catalog.newly_loaded().is_empty(), "the listing began before that");
    assert!(list(&mut catalog, 0, &[(2, "a")], Some("b")));
    assert_eq!(settle_next(&mut catalog), 2);
    assert!(list(&mut catalog, 0, &[], None), "its second page");
    assert!(catalog.newly_loaded().is_empty(), "its first page had a new file");
    assert!(list(&mut catalog, 0, &[], Some("b")));
    assert!(catalog.newly_loaded().is_empty(), "a page is to come");
    assert!(list(&mut catalog, 0, &[], None));
    assert_eq!(catalog.newly_loaded(), [TableIndex(0)]);
    assert!(!catalog.is_loading());
}

#[test]
fn what_comes_after_the_load_is_counted_and_not_handed_out() {
    let mut catalog = Catalog::new(vec![plain(Some(0), LOAD), plain(None, POLL)]);
    assert!(list(&mut catalog, 0, &[], None), "the folder is empty");
    assert_eq!(catalog.newly_loaded(), [TableIndex(0)]);
    assert_eq!(
        catalog.next_listing(999).unwrap().name,
        name(None),
        "the load rests"
    );
    catalog.listed(1, page(Vec::new(), None), 999);
    let request = catalog.next_listing(1_000).unwrap();
    assert!(request.name == name(Some(0)) && request.is_loaded && request.after.is_none());
    let not_read = NotRead {
        left_out: SomeObjects {
            count: 3,
            first_keys: vec!["x".to_owned()],
        },
        ..NotRead::default()
    };
    let late = ListedPage {
        not_read: not_read.clone(),
        ..page(Vec::new(), None)
    };
    catalog.listed(0, late, 1_000);
    assert_eq!((catalog.not_read(0), catalog.assign(0)), (not_read, None));
    assert!(catalog.newly_loaded().is_empty(), "it was announced");
}
