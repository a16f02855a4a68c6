//! The filters of all languages make the same decisions: those of `consumers/vectors.json`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that is skipped has to say so"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    steps: Vec<VectorStep>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VectorStep {
    Record { metadata: Metadata, decision: String },
    Save { save: bool },
}

/// Asks the filter about each record and prints its decisions, one a line.
const PYTHON: &str = r"
import json, sys
from brigade_chain import BrigadeChain
for case in json.load(sys.stdin):
    chain = BrigadeChain()
    for step in case['steps']:
        if 'save' in step:
            chain = BrigadeChain(json.loads(json.dumps(chain.save())))
            continue
        decision = chain.accept(step['metadata'])
        print(decision if isinstance(decision, str) else ' '.join(decision))
";

const NODE: &str = r#"
const { BrigadeChain } = require("./brigade-chain.js");
for (const { steps } of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  let chain = new BrigadeChain();
  for (const step of steps) {
    if (step.save) {
      chain = new BrigadeChain(JSON.parse(JSON.stringify(chain.save())));
      continue;
    }
    const { decision, from, to } = chain.accept(step.metadata);
    console.log([decision, from, to].filter((part) => part !== undefined).join(" "));
  }
}
"#;

/// Reads lines instead of JSON: the standard library has no parser for it.
const JAVA: &str = r#"
import java.io.*;
import java.util.*;

public class Driver {
    public static void main(String[] arguments) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        BrigadeChain chain = null;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.equals("case")) { chain = new BrigadeChain(new HashMap<>()); continue; }
            if (line.equals("save")) { chain = new BrigadeChain(chain.save()); continue; }
            String[] parts = line.split("\t", -1);
            Long number = parts[0].isEmpty() ? null : Long.valueOf(parts[0]);
            BrigadeChain.Decision decision = chain.accept(number, parts[1], parts[2], parts[3].isEmpty() ? null : parts[3]);
            String text = decision.kind.toString().toLowerCase();
            System.out.println(decision.from == null ? text : text + " " + decision.from + " " + decision.to);
        }
    }
}
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("consumers")
}

fn vectors() -> String {
    std::fs::read_to_string(folder().join("vectors.json")).unwrap()
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&vectors()).unwrap()
}

/// Name of the case and decision, for each record.
fn expected() -> Vec<(String, String)> {
    let cases = cases().into_iter();
    let records = cases.flat_map(|case| {
        let decisions = case.steps.into_iter().filter_map(|step| match step {
            VectorStep::Record { decision, .. } => Some(decision),
            VectorStep::Save { .. } => None,
        });
        decisions
            .map(|decision| (case.name.clone(), decision))
            .collect::<Vec<_>>()
    });
    records.collect()
}

#[track_caller]
fn assert_decisions(found: &[String]) {
    let expected = expected();
    assert!(!expected.is_empty(), "there are vectors");
    let found: Vec<_> = expected
        .iter()
        .map(|(name, _)| name.clone())
        .zip(found.iter().cloned())
        .collect();
    assert_eq!(found, expected, "the decisions of the vectors");
}

fn exists(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let exists = found.is_ok_and(|status| status.success());
    if !exists {
        eprintln!("SKIPPED: there is no {program} on this machine");
    }
    exists
}

/// What a program prints, line by line, when it is given the text.
fn lines_of(command: &mut Command, input: &str) -> Vec<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_filter_in_rust_decides_by_the_vectors() {
    let mut found = Vec::new();
    for case in cases() {
        let mut filter = ChainFilter::default();
        for step in case.steps {
            match step {
                VectorStep::Record { metadata, .. } => found.push(match filter.accept(&metadata) {
                    Decision::Accept => "accept".to_owned(),
                    Decision::Drop => "drop".to_owned(),
                    Decision::Resync(gap) => format!("resync {} {}", gap.from, gap.to),
                }),
                VectorStep::Save { save } => {
                    assert!(save, "{}: a save is one", case.name);
                    let stored = serde_json::to_string(&filter).unwrap();
                    filter = serde_json::from_str(&stored).unwrap();
                }
            }
        }
    }
    assert_decisions(&found);
}

#[test]
fn the_filter_in_python_decides_by_the_vectors() {
    if exists("python3") {
        let mut python = Command::new("python3");
        python
            .args(["-B", "-c", PYTHON])
            .current_dir(folder().join("python"));
        assert_decisions(&lines_of(&mut python, &vectors()));
    }
}

#[test]
fn the_filter_in_node_decides_by_the_vectors() {
    if exists("node") {
        let mut node = Command::new("node");
        node.args(["-e", NODE]).current_dir(folder().join("node"));
        assert_decisions(&lines_of(&mut node, &vectors()));
    }
}

#[test]
fn the_filter_in_java_decides_by_the_vectors() {
    if !exists("javac") || !exists("java") {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let driver = out.path().join("Driver.java");
    std::fs::write(&driver, JAVA).unwrap();
    let filter = folder().join("java/BrigadeChain.java");
    let compiled = Command::new("javac")
        .arg("-d")
        .arg(out.path())
        .args([&filter, &driver])
        .status();
    assert!(compiled.unwrap().success(), "the filter compiles");
    let mut input = String::new();
    for case in cases() {
        input.push_str("case\n");
        for step in case.steps {
            match step {
                VectorStep::Save { .. } => input.push_str("save\n"),
                VectorStep::Record { metadata, .. } => {
                    let text = |value: Option<String>| value.unwrap_or_default();
                    let members = [
                        text(metadata.chain.map(|chain| chain.to_string())),
                        text(metadata.lane),
                        text(metadata.position.map(String::from)),
                        text(metadata.previous.map(String::from)),
                    ];
                    input.push_str(&members.join("\t"));
                    input.push('\n');
                }
            }
        }
    }
    let mut java = Command::new("java");
    java.arg("-cp").arg(out.path()).arg("Driver");
    assert_decisions(&lines_of(&mut java, &input));
}
