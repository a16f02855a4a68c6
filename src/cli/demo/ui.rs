//! `brigade demo --ui`: a task that goes on, to be watched and steered in a browser. The load is there at once, change files
//! land one after another, and a line typed here splits or merges shards.

use std::io::BufRead;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

use super::engine::{Engine, WATCH_INTERVAL};
use super::folder::WorkFolder;
use super::scene::Scene;
use crate::fault::Fault;
use crate::sandbox::blog_data::{BlogData, BlogFile};
use crate::sandbox::blog_task::{BUCKET, STREAM};
use crate::sandbox::reshard::{ReshardStep, reshard};
use crate::sandbox::s3::SandboxS3;

/// Time from one change file to the next.
const FEED_INTERVAL: Duration = Duration::from_secs(4);
/// Letters of a token that is drawn.
const TOKEN_LETTERS: usize = 24;

/// What somebody types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Reshard(ReshardStep),
    End,
    Unknown,
}

impl Line {
    fn of(text: &str) -> Self {
        match text.trim() {
            "split" | "s" => Self::Reshard(ReshardStep::Split),
            "merge" | "m" => Self::Reshard(ReshardStep::Merge),
            "end" | "e" | "quit" | "q" => Self::End,
            _ => Self::Unknown,
        }
    }
}

/// A token that nobody guesses.
pub(super) fn drawn_token() -> String {
    let mut rng = rand::rng();
    let letter = |_| char::from(rng.random_range(b'a'..=b'z'));
    (0..TOKEN_LETTERS).map(letter).collect()
}

/// Where it is served, and who may steer it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) address: &'a str,
    pub(super) token: &'a str,
}

/// Runs the task until somebody ends it, and then to the end of its data.
///
/// # Errors
/// If the engine or a server fails.
pub(super) async fn run(served: Served<'_>, scene: &Scene<'_>) -> Result<(), Fault> {
    let Served { address, token } = served;
    let Scene {
        folder,
        s3,
        stream,
        data,
        seed,
        ..
    } = *scene;
    super::super::report(&format!(
        "\n  open http://{address}/ and steer it with the token {token}\n  type split or merge to change the shards, end for the \
         verdict; Ctrl-C drops everything\n"
    ));
    let mut engine = Engine::start_to_go_on(folder)?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut files = data.change_files();
    let (mut lines, mut can_type) = (typed_lines(), true);
    let mut feed = tokio::time::interval(FEED_INTERVAL);
    let mut watch = tokio::time::interval(WATCH_INTERVAL * 50);
    loop {
        tokio::select! {
            _ = feed.tick() => {
                if let Some(file) = files.next() {
                    put(s3, data, file).await?;
                }
            }
            line = lines.recv(), if can_type => match line {
                Some(Line::Reshard(step)) => {
                    let parents = reshard(stream.client(), STREAM, step, &mut rng).await?;
                    super::super::report(&format!("{step:?} of {}", parents.join(" and ")));
                }
                Some(Line::Unknown) => super::super::report("type split, merge or end"),
                Some(Line::End) => break,
                // Nobody can type: it goes on until Ctrl-C, or until the task is stopped from the page.
                None => can_type = false,
            },
            _ = watch.tick() => {
                if engine.has_ended()? {
                    break;
                }
            }
        }
    }
    for file in files {
        put(s3, data, file).await?;
    }
    engine.end().await?;
    finish(folder).await
}

/// The rest of the data, at the pace of the shards.
async fn finish(folder: &WorkFolder) -> Result<(), Fault> {
    super::super::report("the rest is sent, then comes the verdict");
    let mut engine = Engine::start(folder)?;
    while !engine.has_ended()? {
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
    Ok(())
}

async fn put(s3: &SandboxS3, data: &BlogData, file: &BlogFile) -> Result<(), Fault> {
    s3.put(BUCKET, &file.key, data.content(file)).await?;
    Ok(())
}

/// Lines from standard input, which blocks a thread of its own.
fn typed_lines() -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(Line::of(&line)).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_or_their_first_letters() {
        assert_eq!(Line::of("split\n"), Line::Reshard(ReshardStep::Split));
        assert_eq!(Line::of(" m "), Line::Reshard(ReshardStep::Merge));
        assert_eq!(Line::of("q"), Line::End);
        assert_eq!(Line::of("help"), Line::Unknown);
    }

    #[test]
    fn tokens_are_long_enough_and_differ() {
        let token = drawn_token();
        assert!(token.len() >= 16 && token != drawn_token(), "{token}");
    }
}
