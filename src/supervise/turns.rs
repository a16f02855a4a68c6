//! Turns with the state of a running task. The data path has it as long as it lives; whoever else wants to change the
//! checkpoint asks for a turn. Then the data path ends as it does for other shards: the requests in flight end, all of it
//! is committed, and the next one is built from the checkpoint as the turn left it.
//!
//! Why not a message to the checkpointer: a step on the checkpoint, such as a reload, is right by itself and the same
//! whether a task runs or not; a ledger that took it in while rows are in flight would have to be right in another way.
//!
//! **Invariants:** G2 (nobody changes the checkpoint while a data path lives on it).

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;

/// Who may have the state next. Clones share it.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Arc<Mutex<()>>,
    /// How many ask for it besides the data path, or have it.
    asking: watch::Sender<usize>,
    /// Whether the data path is to wait for a resume.
    paused: watch::Sender<bool>,
    /// Nobody gets a turn any more: the run is over.
    closed: CancellationToken,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: Arc::default(),
            asking: watch::Sender::new(0),
            paused: watch::Sender::new(false),
            closed: CancellationToken::new(),
        }))
    }
}

/// The state, and no data path, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    // Before the count of those that ask, so that the data path finds it free.
    _state: OwnedMutexGuard<()>,
    _asking: Asking,
}

/// The turn of a data path that may be the last one: unless it is given away, nobody gets the state after it.
#[derive(Debug)]
pub(super) struct LastTurn<'a> {
    turns: &'a Turns,
    state: Option<OwnedMutexGuard<()>>,
}

impl<'a> LastTurn<'a> {
    pub(super) fn new(turns: &'a Turns, state: OwnedMutexGuard<()>) -> Self {
        Self {
            turns,
            state: Some(state),
        }
    }

    /// Lets others have the state before the next data path.
    pub(super) fn give_away(mut self) {
        self.state = None;
    }
}

impl Drop for LastTurn<'_> {
    fn drop(&mut self) {
        // Before the state is let go of.
        if self.state.is_some() {
            self.turns.close();
        }
    }
}

/// One that asks for the state or has it.
#[derive(Debug)]
struct Asking(Turns);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0
            .0
            .asking
            .send_modify(|asking| *asking = asking.saturating_sub(1));
    }
}

impl Turns {
    /// Has the data path end, and waits until it has: nothing is in flight then. `None` if the run is over.
    pub async fn take(&self) -> Option<Turn> {
        self.0.asking.send_modify(|asking| *asking += 1);
        // Counts also if whoever asks goes away meanwhile.
        let asking = Asking(self.clone());
        let state = tokio::select! {
            biased;
            () = self.0.closed.cancelled() => return None,
            state = Arc::clone(&self.0.state).lock_owned() => state,
        };
        // It may have been let go of because the run is over.
        (!self.0.closed.is_cancelled()).then_some(Turn {
            _state: state,
            _asking: asking,
        })
    }

    /// Gives no turn any more.
    pub(super) fn close(&self) {
        self.0.closed.cancel();
    }

    /// Waits until whoever has a turn is done with it.
    pub(super) async fn ended(&self) {
        drop(self.0.state.lock().await);
    }

    /// Has the data path end, and not be built again before [`Turns::resume`]. Says whether it was not paused before.
    pub fn pause(&self) -> bool {
        !self.0.paused.send_replace(true)
    }

    /// Has the data path built again. Says whether it was paused.
    pub fn resume(&self) -> bool {
        self.0.paused.send_replace(false)
    }

    /// Whether the data path waits, or will, for a resume.
    pub fn is_paused(&self) -> bool {
        *self.0.paused.borrow()
    }

    /// The turn of the data path, after all who asked before it, as soon as it is not paused. Who asks later waits: orders
    /// that come all the time must not keep rows from being sent.
    pub(super) async fn own(&self) -> OwnedMutexGuard<()> {
        let mut paused = self.0.paused.subscribe();
        loop {
            // The sender lives as long as this.
            drop(paused.wait_for(|paused| !paused).await);
            let state = Arc::clone(&self.0.state).lock_owned().await;
            if !self.is_paused() {
                return state;
            }
        }
    }

    /// Waits until the data path is to end for somebody else.
    pub(super) async fn wanted(&self) {
        let (mut asking, mut paused) = (self.0.asking.subscribe(), self.0.paused.subscribe());
        tokio::select! {
            _ = asking.wait_for(|asking| *asking > 0) => {}
            _ = paused.wait_for(|paused| *paused) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether something happens at all.
    async fn happens(future: impl Future) -> bool {
        tokio::time::timeout(Duration::from_millis(100), future)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn the_data_path_gives_its_turn_away_and_gets_it_back() {
        let turns = Turns::default();
        let own = turns.own().await;
        assert!(!happens(turns.wanted()).await, "nobody asks");
        let asked = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take().await.unwrap() }
        });
        assert!(happens(turns.wanted()).await);
        assert!(!asked.is_finished(), "the data path still has it");
        drop(own);
        let turn = asked.await.unwrap();
        assert!(!happens(turns.own()).await, "somebody else has it");
        drop(turn);
        assert!(happens(turns.own()).await);
    }

    #[tokio::test]
    async fn the_data_path_is_next_after_those_who_asked_before_it_and_nobody_after_the_end() {
        let turns = Turns::default();
        let own = turns.own().await;
        let asks = |turns: &Turns| {
            let turns = turns.clone();
            tokio::spawn(async move { turns.take().await })
        };
        let first = asks(&turns);
        tokio::task::yield_now().await;
        drop(own);
        let turn = first.await.unwrap().unwrap();
        let next = turns.own();
        tokio::pin!(next);
        assert!(!happens(next.as_mut()).await, "the first has it");
        let second = asks(&turns);
        tokio::task::yield_now().await;
        drop(turn);
        let own = next.await;
        assert!(!second.is_finished(), "it asked after the data path");
        turns.close();
        drop(own);
        assert!(second.await.unwrap().is_none(), "the run is over");
        assert!(turns.take().await.is_none(), "it still is");
        assert!(happens(turns.ended()).await);
    }

    #[tokio::test]
    async fn who_stops_asking_does_not_hold_the_data_path_up() {
        let turns = Turns::default();
        let own = turns.own().await;
        assert!(!happens(turns.take()).await, "the data path has it");
        assert!(!happens(turns.wanted()).await, "nobody asks any more");
        drop(own);
        assert!(happens(turns.own()).await);
    }

    #[tokio::test]
    async fn a_paused_data_path_waits_and_others_have_their_turns() {
        let turns = Turns::default();
        assert!(turns.pause() && !turns.pause());
        assert!(happens(turns.wanted()).await);
        assert!(!happens(turns.own()).await);
        assert!(happens(turns.take()).await);
        assert!(turns.resume() && !turns.resume());
        assert!(happens(turns.own()).await);
    }
}
