//! Some thousand histories of the delivery protocol in virtual time; `chaos/run simulate` runs as many as one likes.

#[path = "../../chaos/simulate/mod.rs"]
mod simulate;

use simulate::{Arguments, Defect, Mode, run};

/// Histories of each mode whose messages are made beforehand.
const HISTORIES: u64 = 20_000;
/// Histories of each mode that writes and reads messages as it goes.
const HISTORIES_WRITTEN: u64 = 5_000;

#[track_caller]
fn holds(mode: Mode, histories: u64) {
    let verdict = run(&Arguments {
        mode,
        histories,
        seed: 1,
        history: None,
        defect: None,
    });
    assert!(verdict.is_ok(), "{verdict:?}");
}

#[test]
fn at_least_once_loses_nothing() {
    holds(Mode::AtLeastOnce, HISTORIES);
}

/// D3.
#[test]
fn dedupe_loses_nothing_and_repeats_nothing() {
    holds(Mode::Dedupe, HISTORIES);
}

/// O2.
#[test]
fn strict_order_is_the_order_of_the_source() {
    holds(Mode::Strict, HISTORIES);
}

/// O2.
#[test]
fn final_order_ends_with_the_last_state() {
    holds(Mode::Final, HISTORIES);
}

/// O2.
#[test]
fn a_consumer_that_filters_a_chain_is_given_every_row_once_and_in_order() {
    holds(Mode::Chain, HISTORIES_WRITTEN);
}

/// D3, O2.
#[test]
fn aggregates_keep_the_promises_of_their_delivery_and_order() {
    holds(Mode::Kpl, HISTORIES_WRITTEN);
}

/// O2.
#[test]
fn histories_that_once_failed_pass() {
    for (seed, history) in [(101, 78_275), (5_512, 53_282), (9_004, 3_984), (9_008, 58_951)] {
        let verdict = run(&Arguments {
            mode: Mode::Final,
            histories: 1,
            seed,
            history: Some(history),
            defect: None,
        });
        assert!(verdict.is_ok(), "{verdict:?}");
    }
}

/// The judge of the histories can fail.
#[test]
fn what_is_taken_away_is_missed() {
    for (mode, defect, kind) in [
        (Mode::Chain, Defect::FilterOff, "repeated through the filter"),
        (Mode::Chain, Defect::HighestSeen, "out of order"),
        (Mode::Chain, Defect::LanesWithoutOrder, "lost by the filter"),
        (Mode::Kpl, Defect::AggregatesAnywhere, "unproven"),
    ] {
        let verdict = run(&Arguments {
            mode,
            histories: 500,
            seed: 1,
            history: None,
            defect: Some(defect),
        });
        let said = verdict.expect_err("the histories pass without what they need");
        assert!(said.contains(&format!("{kind:?}")), "{defect:?}: {said}");
    }
}
