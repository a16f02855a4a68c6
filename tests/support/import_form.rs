//! A description of a task in one of its forms, and what `brigade import dms` makes of it.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program has no public, and a test that cannot be set up has to fail"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::imported_task::{CONFIGURATION, brigade, expect};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/import");
/// A password, a token and an access key in the states; none of them is for people.
const CANARY: &str = "CANARY-hunter2";

/// A document, and what is given beside it.
pub struct Form {
    pub file: &'static str,
    pub name: Option<&'static str>,
    pub parameters: &'static [&'static str],
}

/// A document with parameters.
pub fn form(file: &'static str, parameters: &'static [&'static str]) -> Form {
    Form {
        file,
        name: None,
        parameters,
    }
}

impl Form {
    /// Imports it.
    pub fn run(&self, folder: &Path, more: &[&str]) -> Output {
        let path = PathBuf::from(DATA).join(self.file).display().to_string();
        let mut arguments = vec!["import", "dms", "--task", path.as_str(), "--out", "new"];
        arguments.extend(self.name.into_iter().flat_map(|name| ["--name", name]));
        arguments.extend(self.parameters.iter().flat_map(|one| ["--parameter", one]));
        arguments.extend(more);
        let output = brigade(folder, &arguments);
        let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(
            !said.concat().contains(CANARY),
            "{}: a secret was shown: {said:?}",
            self.file
        );
        output
    }

    /// What is written, which `validate` takes.
    #[track_caller]
    pub fn written(&self) -> (String, Option<Value>) {
        let folder = tempfile::tempdir().unwrap();
        let report = expect(&self.run(folder.path(), &["--output", "json"]), 0);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["unresolved"], Value::Array(Vec::new()), "{}", self.file);
        expect(
            &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
            0,
        );
        let read = |name: &str| fs::read_to_string(folder.path().join("new").join(name));
        let written = read("brigade.yaml").unwrap();
        assert!(!written.contains(CANARY), "{}: a secret was written", self.file);
        let definition: Value = serde_json::from_str(&read("table-definition.json").unwrap()).unwrap();
        assert_eq!(definition["Tables"][0]["TableName"], "orders", "{}", self.file);
        let mappings = read("table-mappings.json").ok();
        (written, mappings.map(|text| serde_json::from_str(&text).unwrap()))
    }

    /// Checks the values of keys, and that the mappings are there; gives these.
    #[track_caller]
    pub fn has(&self, lines: &[&str]) -> Value {
        let (written, mappings) = self.written();
        for line in lines {
            let found = written
                .lines()
                .any(|own| own.trim().split("  #").next() == Some(*line));
            assert!(found, "{}: {line} is not in\n{written}", self.file);
        }
        mappings.unwrap()
    }

    /// Checks what is missing: setting and references of each. Nothing is written; with `--allow-unresolved` nothing
    /// that `validate` takes.
    #[track_caller]
    pub fn misses(&self, expected: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        let output = self.run(folder.path(), &["--output", "json"]);
        let report: Value = serde_json::from_str(&expect(&output, 78)).unwrap();
        let settings = report["unresolved"].as_array().unwrap().iter().map(|one| {
            let references = one["references"].as_array().unwrap().iter();
            let names: Vec<_> = references.map(|one| one["name"].as_str().unwrap()).collect();
            (one["setting"].as_str().unwrap().to_owned(), names.join(" "))
        });
        let settings: Vec<_> = settings.collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect();
        assert_eq!(settings, expected, "{}", self.file);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for (setting, names) in &settings {
            assert!(
                said.contains(setting.as_str()),
                "{}: {setting}: {said}",
                self.file
            );
            assert!(
                names.split(' ').all(|name| said.contains(name)),
                "{}: {names}: {said}",
                self.file
            );
        }
        assert!(
            !folder.path().join("new").exists(),
            "{}: something was written",
            self.file
        );

        expect(&self.run(folder.path(), &["--allow-unresolved"]), 78);
        let output = brigade(folder.path(), &["validate", "--config", CONFIGURATION]);
        expect(&output, 78);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("unresolved") || said.contains("left open"),
            "{}: {said}",
            self.file
        );
        let written = fs::read_to_string(folder.path().join(CONFIGURATION)).unwrap();
        for (_, names) in settings.iter().filter(|(_, names)| !names.is_empty()) {
            let first = names.split(' ').next().unwrap();
            assert!(written.contains(first), "{}: {first}: {written}", self.file);
        }
    }
}
