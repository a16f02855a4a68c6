//! The document of the metrics says what the code says.

use bucket_brigade::observe::metrics::catalog::as_markdown;

use crate::fenced::assert_table;

#[test]
fn the_table_of_metrics_is_what_the_code_says() {
    assert_table("docs/metrics.md", "<!-- metrics -->\n", &as_markdown());
}
