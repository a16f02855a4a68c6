//! The document of the metrics says what the code says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use bucket_brigade::observe::metrics::catalog::as_markdown;

/// What stands before and after the table.
const FENCE: &str = "<!-- metrics -->\n";

#[test]
fn the_table_of_metrics_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut parts = text.split(FENCE);
    let (before, table, after) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    if std::env::var_os("BRIGADE_WRITE_REFERENCE").is_some() {
        let written = [before, FENCE, &as_markdown(), FENCE, after].concat();
        fs::write(&path, written).unwrap();
        return;
    }
    assert!(
        table == as_markdown(),
        "docs/metrics.md is old; run the tests once with BRIGADE_WRITE_REFERENCE=1"
    );
}
