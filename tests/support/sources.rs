//! The repository as text, for `tests/tidy/main.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A file of Rust code.
#[derive(Debug)]
pub struct Source {
    /// Path relative to the repository.
    pub path: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Source {
    /// The lines in front of the unit tests, if the file is not made of tests altogether.
    pub fn production(&self) -> &[String] {
        if !self.path.starts_with("src/") || self.is_test_file() {
            return &[];
        }
        let tests = self.lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        &self.lines[..tests.unwrap_or(self.lines.len())]
    }

    /// The unit tests, or all of a file of tests.
    pub fn tests(&self) -> &[String] {
        &self.lines[self.production().len()..]
    }

    /// Whether the file is made of tests altogether.
    pub fn is_test_file(&self) -> bool {
        let is_tests = self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs");
        is_tests || self.is_suite()
    }

    /// Whether it is a suite that backends are tested with: not held to what the product is held to, but to its floor.
    fn is_suite(&self) -> bool {
        self.path.starts_with("src/") && self.path.contains("/conformance")
    }

    /// The code whose imports are those of its room.
    pub fn imports_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = if self.is_suite() {
            &self.lines[..]
        } else {
            self.production()
        };
        let lines = lines
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }

    /// The code of the production part, without comments, with line numbers.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.production().iter().enumerate();
        lines
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.starts_with("//"))
    }

    /// The lines that say what the file is for.
    pub fn module_doc(&self) -> String {
        let lines = self.lines.iter().map_while(|line| line.strip_prefix("//!"));
        lines.map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Paths of all files below a folder, relative to the repository, sorted.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    paths.sort();
    paths
}

/// Every file of Rust code.
pub fn sources() -> Vec<Source> {
    let paths = ["src", "tests", "chaos", "examples"]
        .into_iter()
        .flat_map(files_below);
    let paths = paths.filter(|path| {
        Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    });
    paths
        .map(|path| Source {
            lines: read(&path).lines().map(ToOwned::to_owned).collect(),
            path,
        })
        .collect()
}
