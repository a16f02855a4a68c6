//! Aggregated records as AWS's own libraries for consumers read them: every record comes out as it was put in.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::missing_assert_message,
    reason = "a test fails by panicking, and says with which seed"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64_simd::STANDARD;
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashKey, HashRange};
use bucket_brigade::sink::kpl::{aggregate, take_apart};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;

use crate::servers;

/// Members of the aggregates: alone, around the places where a number takes a byte more, and many.
const MEMBER_COUNTS: [u64; 8] = [1, 2, 3, 127, 128, 129, 1_000, 3_000];
/// Characters that keys are made of, one to four bytes long.
const CHARACTERS: [char; 8] = ['a', 'Z', '0', ' ', '"', 'ü', '表', '😀'];

/// What a library gives out, one line each.
#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Taken {
    file: String,
    is_member: bool,
    partition_key: String,
    data: String,
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/deaggregate");
    folder.join(name)
}

/// Some keys come again and again, others once; some messages are empty, one fills most of the record.
fn records(random: &mut StdRng, count: u64) -> Vec<BatchRecord> {
    let record = |ordinal| {
        let letters_max = if random.random_bool(0.1) { 256 } else { 12 };
        let letters = random.random_range(1..=letters_max);
        let key: String = if random.random_bool(0.5) {
            format!("common {}", random.random_range(0..5))
        } else {
            (0..letters)
                .map(|_| CHARACTERS[random.random_range(0..CHARACTERS.len())])
                .collect()
        };
        let size = match ordinal {
            0 => 0,
            1 => 600_000,
            _ => random.random_range(0..200),
        };
        let mut payload = vec![0; size];
        random.fill(payload.as_mut_slice());
        BatchRecord::new(ordinal, &payload, key.as_bytes())
    };
    (0..count).map(record).collect()
}

/// Aggregates in files, and what has to come out of them.
fn written_to(folder: &Path) -> Vec<Taken> {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut expected = Vec::new();
    for (number, count) in MEMBER_COUNTS.into_iter().enumerate() {
        let file = format!("{number}.bin");
        let records = records(&mut random, count);
        let aggregate = aggregate(HashRange::ALL, &records).unwrap();
        fs::write(folder.join(&file), &aggregate.bytes).unwrap();
        expected.extend(records.iter().map(|record| Taken {
            file: file.clone(),
            is_member: true,
            partition_key: record.partition_key_text().unwrap().to_owned(),
            data: STANDARD.encode_to_string(record.payload()),
        }));
    }
    expected
}

fn taken(command: &mut Command, folder: &Path) -> Vec<Taken> {
    let output = command.arg(folder).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn assert_same(found: &[Taken], expected: &[Taken]) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            found == expected,
            "record {number}: {} {:?} and not {} {:?}",
            found.file,
            found.partition_key,
            expected.file,
            expected.partition_key
        );
    }
    assert_eq!(found.len(), expected.len());
}

fn take_apart_in_python(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(script("take_apart.py"));
    command
}

#[test]
fn the_python_library_takes_aggregates_apart() {
    let Some(python) = servers::or_skip("aws_kinesis_agg", servers::install::kinesis_agg_python()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let expected = written_to(folder.path());
    let found = taken(&mut take_apart_in_python(&python), folder.path());
    assert_same(&found, &expected);
}

#[test]
fn the_node_library_takes_aggregates_apart() {
    let Some(modules) = servers::or_skip("aws-kinesis-agg", servers::install::kinesis_agg_node()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let expected = written_to(folder.path());
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules).arg(script("take_apart.js"));
    assert_same(&taken(&mut command, folder.path()), &expected);
}

#[test]
fn what_is_damaged_is_an_ordinary_record_for_the_library_and_for_us() {
    let Some(python) = servers::or_skip("aws_kinesis_agg", servers::install::kinesis_agg_python()) else {
        return;
    };
    let records: Vec<_> = (0..3)
        .map(|ordinal| BatchRecord::new(ordinal, b"{}", b"k"))
        .collect();
    let whole = aggregate(HashRange::ALL, &records).unwrap().bytes;
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for place in 0..whole.len() {
        let mut damaged = whole.to_vec();
        damaged[place] ^= 0x10;
        for (kind, bytes) in [("flipped", damaged), ("short", whole[..place].to_vec())] {
            let file = format!("{place:03}-{kind}.bin");
            fs::write(folder.path().join(&file), &bytes).unwrap();
            expected.push(Taken {
                file,
                is_member: false,
                partition_key: "container".to_owned(),
                data: STANDARD.encode_to_string(&bytes),
            });
            assert_eq!(take_apart(&bytes.into()), None, "{kind} at {place}");
        }
    }
    assert_same(
        &taken(&mut take_apart_in_python(&python), folder.path()),
        &expected,
    );
}

#[test]
fn what_the_python_library_put_together_comes_apart_here() {
    let Some(python) = servers::or_skip("aws_kinesis_agg", servers::install::kinesis_agg_python()) else {
        return;
    };
    let mut random = StdRng::seed_from_u64(1);
    let records = records(&mut random, 1_000);
    let hash_key_of = |record: &BatchRecord| match record.ordinal % 3 {
        0 => None,
        ordinal => Some(HashKey(u128::MAX - u128::from(ordinal))),
    };
    let lines = records.iter().map(|record| {
        let line = json!({
            "partition_key": record.partition_key_text().unwrap(),
            "explicit_hash_key": hash_key_of(record).map(|key| key.0.to_string()),
            "data": STANDARD.encode_to_string(record.payload()),
        });
        format!("{line}\n")
    });
    let mut program = Command::new(python)
        .arg(script("aggregate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = program.stdin.take().unwrap();
    input.write_all(lines.collect::<String>().as_bytes()).unwrap();
    drop(input);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let data = Bytes::from(STANDARD.decode_to_vec(text.trim()).unwrap());

    let members = take_apart(&data).unwrap();
    assert_eq!(members.len(), records.len());
    for (member, record) in members.iter().zip(&records) {
        assert_eq!(member.partition_key.as_bytes(), record.partition_key());
        assert_eq!(member.explicit_hash_key, hash_key_of(record));
        assert!(member.payload == record.payload(), "{record:?}");
    }
}
