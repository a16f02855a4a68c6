//! Some thousand histories of the delivery protocol in virtual time; `chaos/run simulate` runs as many as one likes.

#[path = "../chaos/simulate/mod.rs"]
mod simulate;

use simulate::{Arguments, Mode, run};

/// Histories of each mode.
const HISTORIES: u64 = 20_000;

#[track_caller]
fn holds(mode: Mode) {
    let verdict = run(&Arguments {
        mode,
        histories: HISTORIES,
        seed: 1,
        history: None,
    });
    assert!(verdict.is_ok(), "{verdict:?}");
}

#[test]
fn at_least_once_loses_nothing() {
    holds(Mode::AtLeastOnce);
}

/// D3.
#[test]
fn dedupe_loses_nothing_and_repeats_nothing() {
    holds(Mode::Dedupe);
}

/// O2.
#[test]
fn strict_order_is_the_order_of_the_source() {
    holds(Mode::Strict);
}

/// O2.
#[test]
fn final_order_ends_with_the_last_state() {
    holds(Mode::Final);
}

#[test]
fn what_is_not_built_yet_says_so() {
    for mode in [Mode::Chain, Mode::Kpl] {
        let verdict = run(&Arguments {
            mode,
            histories: 1,
            seed: 1,
            history: None,
        });
        assert!(verdict.is_err_and(|said| said.contains("not built yet")));
    }
}
