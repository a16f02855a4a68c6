//! What every [`ObjectSource`] promises: one function per behaviour, run against each backend by tests.
//!
//! Each function works under a key prefix of its own, so all of them can run against one place.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a broken promise has to fail the test that asked"
)]

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future};

use super::{ListCursor, ObjectSource, SourceError};
use crate::limits::LIST_PAGE_KEYS_MAX;
use crate::model::ObjectVersion;

/// A source, and the means to change what it holds.
#[async_trait]
pub trait SourceStage: Debug + Send + Sync {
    /// The source.
    fn source(&self) -> &dyn ObjectSource;

    /// Puts or replaces an object.
    async fn put(&self, key: &str, bytes: &[u8]);

    /// Whether keys may hold control characters; not every server can route them.
    fn takes_control_characters(&self) -> bool {
        true
    }

    /// Removes an object.
    async fn remove(&self, key: &str);
}

/// Runs all functions of this module.
pub async fn run_all(stage: &dyn SourceStage) {
    a_place_that_exists_passes_the_check(stage).await;
    keys_are_listed_in_byte_order_whatever_is_in_them(stage).await;
    pages_tile_the_listing(stage).await;
    a_listing_starts_after_any_key(stage).await;
    a_prefix_is_text_and_no_folder(stage).await;
    an_unknown_prefix_is_an_empty_listing(stage).await;
    a_version_is_the_same_until_the_object_changes(stage).await;
    an_object_is_read_from_every_position(stage).await;
    a_large_object_is_read_by_several_readers_at_once(stage).await;
    only_what_is_asked_for_is_read(stage).await;
    a_part_of_an_object_is_read(stage).await;
    another_version_is_never_read(stage).await;
    a_removed_object_vanished(stage).await;
}

/// `check` finds nothing to complain about.
pub async fn a_place_that_exists_passes_the_check(stage: &dyn SourceStage) {
    let checked = stage.source().check().await;
    assert!(checked.is_ok(), "{stage:?}: {checked:?}");
}

/// Keys come back exactly as they were put, in the order of their UTF-8 bytes.
pub async fn keys_are_listed_in_byte_order_whatever_is_in_them(stage: &dyn SourceStage) {
    let names = [
        "A",
        "a b",
        "a+b",
        "a%20b",
        "a%2Fb",
        "a&<>'\"b",
        "a-b",
        "a.b",
        "a/b",
        "a/c/d",
        "a0b",
        "line\nbreak",
        "~tmp",
        ".dot",
        "x.tmp",
        "ü",
        "ｆ",
        "😀",
    ];
    let is_possible = |name: &&str| stage.takes_control_characters() || !name.chars().any(char::is_control);
    let names = names.into_iter().filter(is_possible);
    let mut keys: Vec<_> = names.map(|name| format!("odd/{name}")).collect();
    for key in &keys {
        stage.put(key, key.as_bytes()).await;
    }
    keys.sort_unstable();
    let objects = list_all(stage, "odd/").await;
    let found: Vec<_> = objects.iter().map(|object| object.key.clone()).collect();
    assert_eq!(found, keys, "{stage:?}");
    for object in &objects {
        let bytes = read_all(stage, object, 0)
            .await
            .expect("a listed object can be read");
        assert_eq!(
            bytes,
            object.key.as_bytes(),
            "{stage:?}: content of {}",
            object.key
        );
    }
}

/// Pages hold each object exactly once.
pub async fn pages_tile_the_listing(stage: &dyn SourceStage) {
    let keys: Vec<_> = (0..LIST_PAGE_KEYS_MAX + 5)
        .map(|number| format!("many/{number:06}"))
        .collect();
    let puts = futures_util::stream::iter(&keys).map(|key| stage.put(key, b"x"));
    puts.buffer_unordered(8).collect::<Vec<()>>().await;
    let mut found = Vec::new();
    let mut pages_count = 0;
    let mut after = None;
    loop {
        let page = stage
            .source()
            .list("many/", after.as_ref())
            .await
            .expect("a page");
        assert!(
            page.objects.len() <= LIST_PAGE_KEYS_MAX,
            "{stage:?}: a page is too long"
        );
        found.extend(page.objects.into_iter().map(|object| object.key));
        pages_count += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, keys, "{stage:?}");
    assert!(pages_count >= 2, "{stage:?}: {pages_count} pages");
}

/// A cursor need not name an object that exists.
pub async fn a_listing_starts_after_any_key(stage: &dyn SourceStage) {
    for key in ["cursor/a", "cursor/c", "cursor/d/e", "cursor/f"] {
        stage.put(key, b"x").await;
    }
    let check = async |start_after: &str, expected: &[&str]| {
        let cursor = ListCursor {
            start_after: start_after.to_owned(),
        };
        let page = stage
            .source()
            .list("cursor/", Some(&cursor))
            .await
            .expect("a page");
        let found: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(found, expected, "{stage:?}: after {start_after}");
    };
    check("cursor/a", &["cursor/c", "cursor/d/e", "cursor/f"]).await;
    check("cursor/b", &["cursor/c", "cursor/d/e", "cursor/f"]).await;
    check("cursor/d", &["cursor/d/e", "cursor/f"]).await;
    check("cursor/d/e", &["cursor/f"]).await;
    check("cursor/z", &[]).await;
}

/// A prefix may end in the middle of a name.
pub async fn a_prefix_is_text_and_no_folder(stage: &dyn SourceStage) {
    for key in [
        "prefix/orders/1",
        "prefix/orders.csv",
        "prefix/ordinary",
        "prefix/other",
    ] {
        stage.put(key, b"x").await;
    }
    let check = async |prefix: &str, expected: &[&str]| {
        let objects = list_all(stage, prefix).await;
        let found: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(found, expected, "{stage:?}: under {prefix}");
    };
    check(
        "prefix/ord",
        &["prefix/orders.csv", "prefix/orders/1", "prefix/ordinary"],
    )
    .await;
    check("prefix/orders/", &["prefix/orders/1"]).await;
    check("prefix/orders.csv", &["prefix/orders.csv"]).await;
}

/// Nothing there is no error.
pub async fn an_unknown_prefix_is_an_empty_listing(stage: &dyn SourceStage) {
    for prefix in ["nothing", "nothing/", "nothing/here/"] {
        assert_eq!(list_all(stage, prefix).await, [], "{stage:?}: under {prefix}");
    }
}

/// Two listings of the same object agree; a listing after a change does not.
pub async fn a_version_is_the_same_until_the_object_changes(stage: &dyn SourceStage) {
    let first = put(stage, "version/a", b"12345").await;
    assert_eq!(
        (first.size_bytes, first.key.as_str()),
        (5, "version/a"),
        "{stage:?}"
    );
    assert!(
        !first.etag.is_empty() && !first.etag.contains('"'),
        "{stage:?}: ETag {}",
        first.etag
    );
    let again = list_all(stage, "version/a").await;
    assert_eq!(again, std::slice::from_ref(&first), "{stage:?}");
    let second = put(stage, "version/a", b"54321").await;
    assert_ne!(second.etag, first.etag, "{stage:?}");
}

/// Any position up to the size gives exactly the rest.
pub async fn an_object_is_read_from_every_position(stage: &dyn SourceStage) {
    let content = b"0123456789";
    let version = put(stage, "position/a", content).await;
    for position in 0..=content.len() {
        let from = u64::try_from(position).expect("a small number");
        let rest = read_all(stage, &version, from).await.expect("the rest");
        assert_eq!(
            Some(&*rest),
            content.get(position..),
            "{stage:?}: from {position}"
        );
    }
    let empty = put(stage, "position/empty", b"").await;
    let nothing = read_all(stage, &empty, 0).await.expect("nothing");
    assert!(nothing.is_empty(), "{stage:?}: {} bytes", nothing.len());
}

/// Readers do not disturb each other.
pub async fn a_large_object_is_read_by_several_readers_at_once(stage: &dyn SourceStage) {
    let content: Vec<u8> = (0_u32..750_000).flat_map(u32::to_be_bytes).collect();
    let version = put(stage, "large/a", &content).await;
    let positions = [0, 1, 1_000_001, version.size_bytes - 1];
    let reads = positions.map(|position| read_all(stage, &version, position));
    for (position, read) in positions.into_iter().zip(future::join_all(reads).await) {
        let rest = read.expect("the rest");
        let from = usize::try_from(position).expect("a small number");
        assert!(Some(&*rest) == content.get(from..), "{stage:?}: from {position}");
    }
}

/// A read from the middle does not fetch the beginning.
pub async fn only_what_is_asked_for_is_read(stage: &dyn SourceStage) {
    let version = put(stage, "count/a", &vec![7; 300_000]).await;
    let before = stage.source().bytes_read();
    read_all(stage, &version, 200_000).await.expect("the rest");
    assert_eq!(stage.source().bytes_read() - before, 100_000, "{stage:?}");
    read_part(stage, &version, 100_000..250_000).await;
    assert_eq!(stage.source().bytes_read() - before, 250_000, "{stage:?}");
}

/// A part has the bytes from its first to before its last, as far as the object reaches.
pub async fn a_part_of_an_object_is_read(stage: &dyn SourceStage) {
    let bytes: Vec<_> = (0..=u8::MAX).cycle().take(300_000).collect();
    let version = put(stage, "part/a", &bytes).await;
    for range in [
        0..4,
        0..300_000,
        299_992..300_000,
        299_992..400_000,
        100_000..250_001,
        7..7,
    ] {
        let found = read_part(stage, &version, range.clone()).await;
        let place = |position| usize::try_from(position).map_or(bytes.len(), |place| place.min(bytes.len()));
        let expected = bytes.get(place(range.start)..place(range.end));
        assert_eq!(Some(&found[..]), expected, "{stage:?}: {range:?}");
    }
}

/// A version that was replaced, be it by as many bytes, is not read.
pub async fn another_version_is_never_read(stage: &dyn SourceStage) {
    let old = put(stage, "replaced/a", b"old bytes").await;
    let new = put(stage, "replaced/a", b"new bytes").await;
    for position in [0, 4] {
        let outcome = read_all(stage, &old, position).await;
        let is_told =
            matches!(&outcome, Err(SourceError::Changed { expected_etag, .. }) if *expected_etag == old.etag);
        assert!(is_told, "{stage:?}: from {position}: {outcome:?}");
    }
    let bytes = read_all(stage, &new, 0).await.expect("the new version");
    assert_eq!(bytes, "new bytes", "{stage:?}");
    let shorter = put(stage, "replaced/a", b"new").await;
    let outcome = read_all(stage, &new, 5).await;
    assert!(
        matches!(outcome, Err(SourceError::Changed { .. })),
        "{stage:?}: {outcome:?}, {shorter:?}"
    );
}

/// An object that is gone says so, and its name.
pub async fn a_removed_object_vanished(stage: &dyn SourceStage) {
    let version = put(stage, "removed/a", b"some bytes").await;
    stage.remove("removed/a").await;
    assert_eq!(list_all(stage, "removed/").await, [], "{stage:?}");
    for position in [0, 4] {
        let outcome = read_all(stage, &version, position).await;
        let is_told =
            matches!(&outcome, Err(SourceError::Vanished { location }) if location.contains("removed/a"));
        assert!(is_told, "{stage:?}: from {position}: {outcome:?}");
    }
}

async fn put(stage: &dyn SourceStage, key: &str, bytes: &[u8]) -> ObjectVersion {
    stage.put(key, bytes).await;
    list_all(stage, key).await.pop().expect("what was put is listed")
}

async fn list_all(stage: &dyn SourceStage, prefix: &str) -> Vec<ObjectVersion> {
    let mut objects = Vec::new();
    let mut after = None;
    loop {
        let page = stage.source().list(prefix, after.as_ref()).await.expect("a page");
        objects.extend(page.objects);
        after = page.next;
        if after.is_none() {
            return objects;
        }
    }
}

async fn read_part(stage: &dyn SourceStage, version: &ObjectVersion, range: Range<u64>) -> Vec<u8> {
    let body = stage.source().read_range(version, range).await.expect("a part");
    let pieces: Vec<Bytes> = body.try_collect().await.expect("all of the part");
    pieces.concat()
}

async fn read_all(
    stage: &dyn SourceStage,
    version: &ObjectVersion,
    position: u64,
) -> Result<Bytes, SourceError> {
    let body = stage.source().read(version, position).await?;
    let pieces: Vec<Bytes> = body.try_collect().await?;
    Ok(pieces.concat().into())
}
