//! Tests of the courier, with a sink that does as it is told.

use std::fs;
use std::io::Write;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::notify::event::line_of;
use crate::supervise::events::EVENTS_FILE;

/// Takes events, or refuses so many first.
#[derive(Debug, Default)]
struct Scripted {
    taken: Mutex<Vec<String>>,
    refusals: AtomicUsize,
    /// An event that it never takes.
    hated: Option<&'static str>,
}

#[async_trait]
impl EventSink for Scripted {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, event: &Event) -> Result<(), NotTaken> {
        if self.hated == Some(event.id.as_str()) {
            return Err(NotTaken::Ever("HTTP 413".to_owned()));
        }
        let left = self.refusals.load(Ordering::SeqCst);
        if left > 0 {
            self.refusals.store(left - 1, Ordering::SeqCst);
            return Err(NotTaken::Now("HTTP 503".to_owned()));
        }
        self.taken.lock().unwrap().push(event.id.clone());
        Ok(())
    }
}

impl Scripted {
    fn refusing(refusals: usize) -> Arc<Self> {
        let sink = Self::default();
        sink.refusals.store(refusals, Ordering::SeqCst);
        Arc::new(sink)
    }

    fn ids(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn write(folder: &Path, ids: &[&str]) {
    let path = folder.join(EVENTS_FILE);
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    for id in ids {
        writeln!(file, "{}", line_of(id)).unwrap();
    }
}

const FAST: Rhythm = Rhythm {
    poll_interval: Duration::from_millis(2),
    retry: Delays::new(Duration::from_millis(1), Duration::from_millis(10)),
};

fn begin(folder: &Path, sink: &Arc<Scripted>) -> Courier {
    let sink: Arc<dyn EventSink> = Arc::<Scripted>::clone(sink);
    Courier::begin(folder, sink, FAST).unwrap()
}

/// Runs to the end, which is near from the start.
async fn run(courier: Courier) {
    let end = CancellationToken::new();
    end.cancel();
    courier.work(end).await;
}

#[tokio::test]
async fn a_new_sink_is_told_of_what_comes_and_not_of_the_past() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["old"]);
    let sink = Scripted::refusing(0);
    let courier = begin(folder.path(), &sink);
    write(folder.path(), &["a", "b"]);
    run(courier).await;
    assert_eq!(sink.ids(), ["a", "b"]);
}

#[tokio::test]
async fn what_was_not_taken_before_a_crash_is_told_after_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Scripted::refusing(0);
    let courier = begin(folder.path(), &sink);
    write(folder.path(), &["a"]);
    run(courier).await;
    // It dies with b untold, before the first look.
    write(folder.path(), &["b"]);
    drop(begin(folder.path(), &sink));
    run(begin(folder.path(), &sink)).await;
    run(begin(folder.path(), &sink)).await;
    assert_eq!(sink.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_refused_event_is_told_again_before_any_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Scripted::refusing(usize::MAX);
    let courier = begin(folder.path(), &sink);
    let (left, end) = (courier.left(), CancellationToken::new());
    let work = tokio::spawn(courier.work(end.clone()));
    write(folder.path(), &["a", "b"]);
    while left.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(FAST.poll_interval).await;
    }
    assert_eq!(sink.ids(), [""; 0]);
    sink.refusals.store(30, Ordering::SeqCst);
    end.cancel();
    work.await.unwrap();
    assert_eq!(sink.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_cursor_that_is_damaged_or_too_old_repeats_rather_than_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Scripted::refusing(0);
    write(folder.path(), &["a", "b"]);
    for text in ["{", "{\"schema_version\":1,\"last_id\":\"long gone\"}"] {
        fs::write(folder.path().join("events.webhook.json"), text).unwrap();
        run(begin(folder.path(), &sink)).await;
    }
    assert_eq!(sink.ids(), ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn a_sink_that_is_away_for_ever_costs_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Scripted::refusing(usize::MAX);
    let courier = begin(folder.path(), &sink);
    let (left, end) = (courier.left(), CancellationToken::new());
    let work = tokio::spawn(courier.work(end.clone()));
    let ids: Vec<_> = (0..WAITING_MAX + 3).map(|number| number.to_string()).collect();
    let (first, rest) = ids.split_at(7);
    for ids in [first, rest] {
        write(folder.path(), &ids.iter().map(String::as_str).collect::<Vec<_>>());
        // The log is followed also while the sink takes nothing.
        let least = if ids.len() == first.len() { 7 } else { WAITING_MAX };
        while left.load(Ordering::Relaxed) < least {
            tokio::time::sleep(FAST.poll_interval).await;
        }
    }
    assert_eq!(left.load(Ordering::Relaxed), WAITING_MAX);
    sink.refusals.store(0, Ordering::SeqCst);
    end.cancel();
    work.await.unwrap();
    assert_eq!(
        sink.ids().first().map(String::as_str),
        Some("3"),
        "the oldest are given up"
    );
}

#[tokio::test]
async fn only_refusals_in_a_row_say_that_an_event_is_wrong() {
    /// Says so four times between two outages.
    #[derive(Debug, Default)]
    struct Recovering(AtomicUsize, AtomicUsize);

    #[async_trait]
    impl EventSink for Recovering {
        fn name(&self) -> &'static str {
            "webhook"
        }

        async fn send(&self, _event: &Event) -> Result<(), NotTaken> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                attempt if attempt >= 20 => {
                    self.1.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                }
                attempt if attempt % 5 == 0 => Err(NotTaken::Now("HTTP 503".to_owned())),
                _ => Err(NotTaken::Ever("HTTP 422".to_owned())),
            }
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Recovering::default());
    let recovering: Arc<dyn EventSink> = Arc::<Recovering>::clone(&sink);
    let courier = Courier::begin(folder.path(), recovering, FAST).unwrap();
    write(folder.path(), &["a"]);
    run(courier).await;
    assert_eq!(sink.1.load(Ordering::SeqCst), 1, "it is told in the end");
}

#[tokio::test]
async fn an_event_that_is_never_taken_does_not_hold_up_those_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Scripted {
        hated: Some("b"),
        ..Scripted::default()
    });
    let courier = begin(folder.path(), &sink);
    write(folder.path(), &["a", "b", "c"]);
    run(courier).await;
    assert_eq!(sink.ids(), ["a", "c"]);
    run(begin(folder.path(), &sink)).await;
    assert_eq!(sink.ids(), ["a", "c"], "nor after a restart");
}
