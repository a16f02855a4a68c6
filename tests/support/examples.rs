//! Examples of configurations in the documents, loaded by the loader of the crate.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bucket_brigade::config::{Environment, load_str};

use super::markdown::Document;
use super::sources::root;

/// Every document that a configuration names is the one of the sample with that name.
#[derive(Debug)]
struct SampleFiles;

impl Environment for SampleFiles {
    fn variable(&self, _name: &str) -> Result<Option<String>, OsString> {
        Ok(None)
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(root().join("config/sample").join(path.file_name().unwrap()))
    }
}

/// How many examples there are, and what is wrong with them. A block with a version is a whole configuration; any other has to be a part of one.
pub fn configuration_findings(document: &Document) -> (usize, Vec<String>) {
    let blocks = document.fences.iter().filter(|fence| fence.language == "yaml");
    let (mut count, mut findings) = (0, Vec::new());
    for block in blocks {
        count += 1;
        let start = if block.code.text.starts_with("version:") {
            ""
        } else {
            SMALLEST
        };
        let whole = format!("{start}{}", block.code.text);
        let path = PathBuf::from(format!("{}.yaml", document.path));
        match load_str(&whole, &path, &SampleFiles) {
            Err(problems) => findings.push(format!("{}:{}: {problems}", document.path, block.code.line)),
            Ok(loaded) if loaded.warnings.is_empty() => {}
            Ok(loaded) => findings.push(format!(
                "{}:{}: {:?}",
                document.path, block.code.line, loaded.warnings
            )),
        }
    }
    (count, findings)
}

const SMALLEST: &str = "version: 1\ntask: a\nmigration_type: full-load\nsource:\n  local: { directory: . }\n  \
                        tables: ./table-definition.json\ntarget:\n  ndjson: { path: ./out }\n";
