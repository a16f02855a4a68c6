//! Tests of the courier, with a sink that does as it is told.

use std::fs;
use std::io::Write;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::notify::event::tests::line;
use crate::supervise::events::EVENTS_FILE;

/// Takes events, or refuses so many first.
#[derive(Debug, Default)]
struct Scripted {
    taken: Mutex<Vec<String>>,
    refusals: AtomicUsize,
}

#[async_trait]
impl EventSink for Scripted {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, event: &Event) -> Result<(), String> {
        let left = self.refusals.load(Ordering::SeqCst);
        if left > 0 {
            self.refusals.store(left - 1, Ordering::SeqCst);
            return Err("HTTP 503".to_owned());
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
        writeln!(file, "{}", line(id)).unwrap();
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
        // The first is refused again and again before there are two.
        if sink.refusals.load(Ordering::SeqCst) < usize::MAX {
            end.cancel();
        }
    }
    assert_eq!(sink.ids(), [""; 0]);
    sink.refusals.store(30, Ordering::SeqCst);
    work.await.unwrap();
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
    let mut courier = begin(folder.path(), &sink);
    let event = |number: usize| Event::of(line(&number.to_string()).into_bytes());
    courier.take_up((0..WAITING_MAX + 3).filter_map(event));
    assert_eq!(courier.waiting.len(), WAITING_MAX);
    assert_eq!(courier.waiting.front().map(|event| event.id.as_str()), Some("3"));
}
