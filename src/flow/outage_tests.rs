//! Outages on a scale of a minute to sixty milliseconds.

use super::*;
use crate::clock::SystemClock;

/// A minute of a task in these tests.
const MINUTE: Duration = Duration::from_millis(60);

fn outages(patience: Option<Duration>) -> Outages {
    let timing = Timing {
        delays: Delays::new(MINUTE / 60, MINUTE / 4),
        told_after: MINUTE / 30,
        silent_after: MINUTE / 6,
    };
    Outages::new(patience, timing, Arc::new(SystemClock))
}

async fn fail_for(trial: &mut Trial, time: Duration) -> Result<(), Outlasted> {
    let start = Instant::now();
    while start.elapsed() < time {
        trial.wait_after("no answer").await?;
    }
    trial.failed("no answer")
}

#[tokio::test]
async fn a_side_is_away_until_every_call_to_it_is_answered() {
    let outages = outages(None);
    let (mut first, mut second) = (outages.trial(Side::Source), outages.trial(Side::Source));
    first.failed("no answer").unwrap();
    assert_eq!(outages.current(), [], "trouble of a moment is not told");
    fail_for(&mut first, 10 * MINUTE).await.unwrap();
    second.failed("reset").unwrap();
    let told = outages.current();
    assert_eq!(
        (told.len(), told[0].side, told[0].last_error.as_str()),
        (1, Side::Source, "reset")
    );
    assert!(
        !outages.is_away(Side::Target),
        "one side says nothing of the other"
    );
    first.answered();
    assert!(outages.is_away(Side::Source), "the second call still fails");
    second.answered();
    assert_eq!(outages.current(), []);
}

#[tokio::test]
async fn an_attempt_that_says_nothing_is_told_and_is_given_up_when_the_patience_ends() {
    let outages = outages(None);
    let mut trial = outages.trial(Side::Source);
    let watched = outages.clone();
    let attempt = async {
        tokio::time::sleep(MINUTE).await;
        watched.current()
    };
    let told = trial.attend("an attempt", attempt).await.unwrap();
    assert!(
        told[0].last_error.starts_with("an attempt: no answer for"),
        "{told:?}"
    );
    trial.answered();
    assert_eq!(outages.current(), [], "it was answered in the end");

    let outages = self::outages(Some(MINUTE));
    let mut trial = outages.trial(Side::Source);
    let ended = trial.attend("an attempt", std::future::pending::<()>()).await;
    assert_eq!(ended.unwrap_err().side, Side::Source);
}

#[tokio::test]
async fn a_call_that_is_given_up_says_nothing_of_its_side() {
    let outages = outages(None);
    let mut first = outages.trial(Side::Target);
    fail_for(&mut first, MINUTE / 6).await.unwrap();
    drop(first);
    assert!(outages.is_away(Side::Target), "nobody has seen it back");
    outages.trial(Side::Target).answered();
    assert_eq!(outages.current(), []);
}

#[tokio::test]
async fn the_last_attempt_is_made_when_the_patience_ends() {
    let patience = 5 * MINUTE;
    let outages = outages(Some(patience));
    let mut trial = outages.trial(Side::Source);
    let start = Instant::now();
    let outlasted = fail_for(&mut trial, 60 * MINUTE).await.unwrap_err();
    assert!(
        start.elapsed() >= patience && start.elapsed() < 10 * patience,
        "{:?}",
        start.elapsed()
    );
    let fault = Fault::from(outlasted);
    assert_eq!(
        (fault.kind.exit_code(), fault.kind.is_worth_a_restart()),
        (69, false)
    );
    assert!(fault.message.contains("limits.outage_patience"), "{fault}");
}

#[tokio::test]
async fn an_answer_renews_the_patience() {
    let outages = outages(Some(20 * MINUTE));
    let mut trial = outages.trial(Side::Source);
    for _ in 0..3 {
        fail_for(&mut trial, 10 * MINUTE).await.unwrap();
        trial.answered();
    }
}
