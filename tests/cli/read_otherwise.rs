//! A configuration that makes change files of load files, or load files of change files, sends no row twice.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::data_files::{configure, logged, sent, task};

const LOADS: &str = "full-load";
const BOTH: &str = "full-load-and-cdc";
const MOMENTS_ARE_LOADS: &str = "  files: { named_by_time: load }\n";
const CHANGES_BESIDE_LOADS: &str = "  files: { changes_beside_loads: true }\n";

#[test]
fn load_files_that_would_be_change_files_now_are_not_read_again() {
    let task = task(LOADS, MOMENTS_ARE_LOADS);
    task.write(
        "data/shop/orders/20240102-030405678.csv",
        "I,1,1.00,a\nI,2,1.00,b\n",
    );
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["load 1", "load 2"]);

    configure(&task, BOTH, CHANGES_BESIDE_LOADS);
    task.write("data/shop/orders/20240103-030405678.csv", "I,3,1.00,c\n");
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert_eq!(sent(&task), ["load 1", "load 2", "insert 3"]);
    let told = "change files: 1 file found as load files before the configuration changed";
    assert!(log.contains("files were read as files of another kind"), "{log}");
    let status = task.brigade(&["status"]).expect(0).stdout;
    assert!(
        status.contains(told) && status.contains("shop/orders/20240102-030405678.csv"),
        "{status}"
    );
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn change_files_that_would_be_load_files_now_are_not_read_again() {
    let task = task(BOTH, CHANGES_BESIDE_LOADS);
    task.write("data/shop/orders/LOAD00000001.csv", "1,1.00,a\n");
    task.write("data/shop/orders/20240102-030405678.csv", "I,2,1.00,b\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["load 1", "insert 2"]);

    configure(&task, LOADS, MOMENTS_ARE_LOADS);
    let plan = task.brigade(&["plan"]).expect(0).stdout;
    assert!(plan.contains("1 file read as files of another kind"), "{plan}");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["load 1", "insert 2"]);
    // A table that is dropped and created takes all that belongs to its load now.
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task)[2..], ["load 2", "load 1"]);
}

/// Nobody reads its queue any more, so it is no one else's either.
#[test]
fn a_file_that_was_not_read_to_its_end_is_read_as_what_it_is_now() {
    let task = task(BOTH, CHANGES_BESIDE_LOADS);
    task.write("data/shop/orders/LOAD00000001.csv", "1,1.00,a\n");
    task.write("data/shop/orders/20240102-030405678.csv.gz", "2,1.00,b\n");
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65), "it is not gzip");
    configure(&task, LOADS, MOMENTS_ARE_LOADS);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let path = task.path().join("data/shop/orders/20240102-030405678.csv.gz");
    std::fs::write(path, gzip("2,1.00,b\n")).unwrap();
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    // The change file that it was is still set aside, until somebody decides.
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    assert_eq!(sent(&task)[1..], ["load 2", "load 1"]);
}
