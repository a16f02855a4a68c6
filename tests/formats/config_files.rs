//! The files in `config/` load, use only keys that exist, and the reference names every key with its default.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bucket_brigade::config::keys::{self, Kind, Presence};
use bucket_brigade::config::{Environment, Loaded, json_schema, load, load_str, reference};
use bucket_brigade::map::summary::summarize;
use bucket_brigade::settings::{Pace, SourceLocation, TargetConfig};
use serde_json::Value;

/// The files of the repository and no variables, so that every default in the files is used.
#[derive(Debug)]
struct NoVariables;

impl Environment for NoVariables {
    fn variable(&self, _name: &str) -> Result<Option<String>, OsString> {
        Ok(None)
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn loaded(name: &str) -> Loaded {
    load(&folder().join(name), &NoVariables).unwrap_or_else(|problems| panic!("{problems}"))
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.retain(|name| {
        Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "yaml")
    });
    names.sort();
    names
}

/// Every key of a YAML document of plain block style, with its path; `# ` in front of a key is taken away.
fn key_paths(text: &str) -> Vec<String> {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        let uncommented = line.replacen("# ", "", 1);
        let trimmed = uncommented.trim_start();
        let name: String = trimmed
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(*c, '_' | '.'))
            .collect();
        let rest = trimmed.get(name.len()..).unwrap_or_default();
        let is_key = !name.is_empty() && (rest == ":" || rest.starts_with(": "));
        let is_prose = line.trim_start().starts_with("# ")
            && rest.starts_with(": ")
            && keys::all().iter().all(|(_, key)| key.name != name);
        if !is_key || is_prose {
            continue;
        }
        let indent = uncommented.len() - trimmed.len();
        open.retain(|(other, _)| *other < indent);
        let parent = open.last().map_or("", |(_, path)| path.as_str());
        let path = keys::join(parent, &name);
        open.push((indent, path.clone()));
        paths.push(path);
    }
    paths
}

#[test]
fn every_file_loads_without_a_warning() {
    assert_eq!(names(), ["local.yaml", "reference.yaml", "s3-kinesis.yaml"]);
    for name in names() {
        assert_eq!(loaded(&name).warnings, [], "{name}");
    }
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = folder().join("reference.yaml");
    if std::env::var_os("BRIGADE_WRITE_REFERENCE").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let file = fs::read_to_string(path).unwrap();
    assert!(
        file == reference(),
        "config/reference.yaml is old; run the tests once with BRIGADE_WRITE_REFERENCE=1"
    );
}

#[test]
fn the_reference_names_every_key_and_no_other() {
    let text = fs::read_to_string(folder().join("reference.yaml")).unwrap();
    let mut written: BTreeSet<_> = key_paths(&text).into_iter().collect();
    for (path, key) in keys::all() {
        // The name is an example, and no key.
        if let Kind::Named(_) = key.kind {
            let name = keys::join(&path, key.presence.text());
            assert!(written.remove(&name), "{name}");
        }
        // The keys of a group in braces stand in one line with it.
        if let Kind::ChoiceOrGroup(_, group) = key.kind {
            for below in group.keys() {
                assert!(
                    text.contains(&format!("{}: ", below.name)),
                    "{path}.{}",
                    below.name
                );
                written.insert(keys::join(&path, below.name));
            }
        }
    }
    let known: BTreeSet<_> = keys::all().into_iter().map(|(path, _)| path).collect();
    assert_eq!(written, known);
}

#[test]
fn the_values_of_the_reference_are_the_defaults() {
    let mut reference = loaded("reference.yaml").config;
    // The same without every key that has a default.
    let text = fs::read_to_string(folder().join("reference.yaml")).unwrap();
    let defaults: BTreeSet<_> = keys::all()
        .into_iter()
        .filter(|(_, key)| matches!(key.presence, Presence::Default(_)))
        .map(|(_, key)| key.name)
        .collect();
    let is_default = |line: &&str| {
        line.trim_start()
            .split_once(':')
            .is_some_and(|(name, _)| defaults.contains(name))
    };
    let shorter: Vec<_> = text.lines().filter(|line| !is_default(line)).collect();
    assert!(
        shorter.len() + 30 < text.lines().count(),
        "most keys have a default"
    );
    let short = load_str(
        &shorter.join("\n"),
        &folder().join("reference.yaml"),
        &NoVariables,
    );
    assert_eq!(
        short.unwrap_or_else(|problems| panic!("{problems}")).config,
        reference
    );
    // And the comparison can fail.
    reference.limits.restarts_max += 1;
    assert_ne!(loaded("reference.yaml").config, reference);
}

#[test]
fn every_file_uses_only_keys_of_the_schema() {
    let schema = json_schema();
    for name in names() {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        let live: Vec<_> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        let paths = key_paths(&live.join("\n"));
        assert!(paths.len() > 10, "{name}: {paths:?}");
        for path in paths {
            let mut place = &schema;
            for part in path.split('.') {
                place =
                    property(place, part).unwrap_or_else(|| panic!("{name}: {path} is not in the schema"));
            }
            assert!(
                place.get("description").is_some_and(Value::is_string),
                "{path} is described"
            );
        }
    }
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

#[test]
fn the_schema_is_strict_and_knows_every_key() {
    let schema = json_schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["limits"]["properties"]["restarts"]["default"],
        5
    );
    assert_eq!(
        schema["properties"]["source"]["oneOf"].as_array().map(Vec::len),
        Some(2)
    );
    let text = schema.to_string();
    for (path, key) in keys::all() {
        assert!(text.contains(&format!("\"{}\":", key.name)), "{path}");
    }
}

#[test]
fn the_local_file_reads_the_sample_and_needs_no_aws() {
    let Loaded { config, .. } = loaded("local.yaml");
    let SourceLocation::Local { directory } = &config.source.location else {
        panic!("{:?}", config.source.location);
    };
    assert!(
        matches!(config.target, TargetConfig::Ndjson { shards: 2, .. }),
        "{:?}",
        config.target
    );
    assert_eq!(config.delivery.pace, Pace::Off);
    let mut folders: Vec<_> = config.tables.iter().map(|table| table.path.clone()).collect();
    folders.extend(config.source.cdc_path);
    for folder in folders {
        let files = fs::read_dir(directory.join(&folder)).unwrap().count();
        assert!(files > 0, "{folder} has a file");
    }
}

#[test]
fn the_production_file_takes_its_values_from_the_environment() {
    #[derive(Debug)]
    struct Named;
    impl Environment for Named {
        fn variable(&self, name: &str) -> Result<Option<String>, OsString> {
            Ok((name == "BRIGADE_STREAM").then(|| "other".to_owned()))
        }
        fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
            fs::read(path)
        }
    }
    let config = load(&folder().join("s3-kinesis.yaml"), &Named).unwrap().config;
    assert!(
        matches!(&config.target, TargetConfig::Kinesis { stream, .. } if stream == "other"),
        "{:?}",
        config.target
    );
    assert_eq!(config.otlp_endpoint, None);
}

#[test]
fn the_sample_mappings_fit_the_local_file() {
    let text = fs::read_to_string(folder().join("local.yaml")).unwrap();
    let text = text.replace(
        "\ntarget:",
        "\ntable_mappings: ./sample/table-mappings.json\n\ntarget:",
    );
    let loaded = load_str(&text, &folder().join("local.yaml"), &NoVariables);
    let Loaded { config, warnings, .. } = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(warnings, []);
    let summaries = summarize(&config.mappings, &config.tables);
    let sent: Vec<_> = summaries
        .iter()
        .filter_map(|table| table.sent_as.as_deref())
        .collect();
    assert_eq!(sent, ["sales.orders", "sales.customers"], "in load order");
}
