//! One call fails, the first of its kind in one run, the second in the next, until a run has no more: each of them has to
//! be survived, at the latest by a clean start after it.

mod calls;
mod files;

use std::collections::BTreeMap;

use bucket_brigade::fault::FaultKind;
use clap::{Args, ValueEnum};

use crate::call_gate::CallKind;
use crate::{SKIPPED, ScenarioResult};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// A sync of a file of the state, the target or the dead letters.
    Fsync,
    /// A write to such a file; half of it is carried out.
    Write,
    /// A listing of the bucket.
    List,
    /// A request for an object.
    Get,
    /// PutRecords.
    Put,
    /// GetRecords, of an engine that was killed before.
    GetRecords,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of how each request fails
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What fails; everything, one after the other, if it is not given
    #[arg(long, value_enum)]
    pub(crate) kind: Vec<Kind>,
    /// Let only one call in so many fail
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
}

/// What came of a run in which one call was to fail.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Whether there was such a call.
    has_failed: bool,
    /// How the run ended.
    code: i32,
    /// Whether it left a state that had to be reset by a person.
    was_reset: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let kinds = if arguments.kind.is_empty() {
        Kind::value_variants()
    } else {
        &arguments.kind
    };
    let mut findings = Vec::new();
    let mut is_tested = false;
    for kind in kinds {
        let finding = sweep(*kind, arguments)
            .map_err(|finding| format!("seed {}: {}: {finding}", arguments.seed, kind.word()))?;
        is_tested |= !finding.starts_with(SKIPPED);
        println!("  {}: {finding}", kind.word());
        findings.push(format!("{}: {finding}", kind.word()));
    }
    let skipped = if is_tested { "" } else { SKIPPED };
    Ok(format!(
        "{skipped}seed {}: {}",
        arguments.seed,
        findings.join("; ")
    ))
}

/// Lets every call of a kind fail, each in a run of its own.
fn sweep(kind: Kind, arguments: &Arguments) -> ScenarioResult {
    let files = match kind.call() {
        None => match files::Files::new(kind) {
            Ok(files) => Some(files),
            Err(refusal) => return Ok(format!("{SKIPPED}it takes a C compiler: {refusal}")),
        },
        Some(_) => None,
    };
    let mut codes: BTreeMap<i32, u64> = BTreeMap::new();
    let (mut number, mut resets) = (1, 0);
    loop {
        let outcome = match (kind.call(), &files) {
            (Some(call), _) => calls::fail(kind, call, number, arguments.seed),
            (None, Some(files)) => files.fail(number),
            (None, None) => break,
        };
        let outcome = outcome.map_err(|finding| format!("call {number}: {finding}"))?;
        if !outcome.has_failed {
            break;
        }
        *codes.entry(outcome.code).or_default() += 1;
        resets += u64::from(outcome.was_reset);
        number += arguments.every;
    }
    if codes.is_empty() {
        return Err("no run had such a call".to_owned());
    }
    let runs: u64 = codes.values().sum();
    let codes: Vec<_> = codes
        .iter()
        .map(|(code, count)| format!("{count} with exit code {code}"))
        .collect();
    let reset = match resets {
        0 => String::new(),
        resets => {
            format!("; {resets} left a state that was never used and had to be reset, as the message says")
        }
    };
    Ok(format!("{runs} calls failed ({}){reset}", codes.join(", ")))
}

impl Kind {
    /// The call of a server that it is; none if it is one of the system.
    fn call(self) -> Option<CallKind> {
        match self {
            Self::Fsync | Self::Write => None,
            Self::List => Some(CallKind::List),
            Self::Get => Some(CallKind::Get),
            Self::Put => Some(CallKind::PutRecords),
            Self::GetRecords => Some(CallKind::GetRecords),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Write => "write",
            Self::List => "list",
            Self::Get => "get",
            Self::Put => "put",
            Self::GetRecords => "get-records",
        }
    }
}

/// What the documentation says of a single failure of this kind: it is survived, or it is a fault of the disk or of what
/// the engine talks to. An internal error or a panic is none of that.
fn check_code(kind: Kind, code: i32) -> Result<(), String> {
    let documented: &[FaultKind] = match kind {
        Kind::Fsync | Kind::Write => &[FaultKind::StateCreate, FaultKind::StateIo],
        Kind::List | Kind::Get | Kind::Put | Kind::GetRecords => {
            &[FaultKind::Unreachable, FaultKind::PermissionDenied]
        }
    };
    let is_documented = documented.iter().any(|kind| i32::from(kind.exit_code()) == code);
    if code == 0 || is_documented {
        return Ok(());
    }
    Err(format!("the engine ended with exit code {code}"))
}
