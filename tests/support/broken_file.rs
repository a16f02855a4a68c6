//! A file of changes of which a part may be missing.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a test program has no public, and a test that cannot be set up has to fail"
)]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::task_folder::TaskFolder;

/// The file: its name sorts after those that are there.
pub const KEY: &str = "cdc/d.csv.gz";
/// Its rows.
pub const ROWS: usize = 20_000;

/// The text of its rows.
pub fn rows() -> String {
    let rows = (0..ROWS).map(|id| format!("INSERT,orders,shop,{},1.00,row {id}\n", id + 100));
    rows.collect()
}

/// Puts a text there, compressed, of which something is cut.
pub fn put(task: &TaskFolder, text: &str, cut: impl FnOnce(&mut Vec<u8>)) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut bytes = encoder.finish().unwrap();
    cut(&mut bytes);
    std::fs::write(task.path().join("data").join(KEY), bytes).unwrap();
}
