//! Tables in documents that are made from the code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// Asserts that a document has a table between its fences; writes it there instead with `BRIGADE_WRITE_REFERENCE`.
pub(crate) fn assert_table(document: &str, fence: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(&path).unwrap();
    let mut parts = text.split(fence);
    let (before, written, after) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    if std::env::var_os("BRIGADE_WRITE_REFERENCE").is_some() {
        fs::write(&path, [before, fence, table, fence, after].concat()).unwrap();
        return;
    }
    assert!(
        written == table,
        "{document} is old; run the tests once with BRIGADE_WRITE_REFERENCE=1"
    );
}
