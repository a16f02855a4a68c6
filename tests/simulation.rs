//! Some thousand histories of the delivery protocol in virtual time; `chaos/run simulate` runs as many as one likes.

#[path = "../chaos/simulate/mod.rs"]
mod simulate;

use simulate::{Arguments, Mode, run};

/// Histories of each mode.
const HISTORIES: u64 = 20_000;

#[track_caller]
fn holds(mode: Mode, without_open_findings: bool) {
    let verdict = run(&Arguments {
        mode,
        histories: HISTORIES,
        seed: 1,
        history: None,
        without_open_findings,
    });
    assert!(verdict.is_ok(), "{verdict:?}");
}

#[test]
fn at_least_once_loses_nothing() {
    holds(Mode::AtLeastOnce, false);
}

/// D3.
#[test]
fn dedupe_loses_nothing_and_repeats_nothing() {
    holds(Mode::Dedupe, false);
}

/// O2.
#[test]
fn strict_order_is_the_order_of_the_source() {
    holds(Mode::Strict, false);
}

/// O2.
#[test]
fn final_order_ends_with_the_last_state() {
    holds(Mode::Final, true);
}

#[test]
fn what_is_not_built_yet_says_so() {
    for mode in [Mode::Chain, Mode::Kpl] {
        let verdict = run(&Arguments {
            mode,
            histories: 1,
            seed: 1,
            history: None,
            without_open_findings: false,
        });
        assert!(verdict.is_err_and(|said| said.contains("not built yet")));
    }
}
