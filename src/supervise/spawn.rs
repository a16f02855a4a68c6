//! Watched spawning: every actor's end is noticed and reported with its reason.
//!
//! `actix::Supervisor` keeps the broken struct and never restarts after a panic, so each actor's future is
//! watched through its `JoinHandle` instead, and the generation is rebuilt as a whole.
//!
//! **Invariants:** G1 (once [`ActorSet::abort_all`] returns, no actor of the generation handles anything any more).

use actix::dev::channel::channel;
use actix::prelude::*;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;
use crate::flow::fuse::Fuse;
use crate::flow::panics::text_of;

/// Mailboxes do not bound anything in actix 0.13 (see `flow`), so the number does not matter.
const MAILBOX_CAPACITY: usize = 16;

/// How an actor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It had nothing left to do, or its addresses were all gone.
    Finished,
    /// It gave up with a fault.
    Failed(Fault),
    /// It panicked.
    Panicked(String),
    /// The supervisor aborted it.
    Cancelled,
}

/// An actor's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildExit {
    /// Which actor, for example `publisher shardId-000000000001`.
    pub name: String,
    /// How.
    pub exit: Exit,
}

/// Spawns the actors of one generation and watches them.
#[derive(Debug)]
pub struct ActorSet {
    abort: CancellationToken,
    exits: mpsc::UnboundedSender<ChildExit>,
    reports: mpsc::UnboundedReceiver<ChildExit>,
    spawned: usize,
    ended: usize,
}

impl Default for ActorSet {
    fn default() -> Self {
        let (exits, reports) = mpsc::unbounded_channel();
        Self {
            abort: CancellationToken::new(),
            exits,
            reports,
            spawned: 0,
            ended: 0,
        }
    }
}

impl ActorSet {
    /// An address to wire with, before its actor exists.
    pub fn mailbox<A: Actor<Context = Context<A>>>() -> (Addr<A>, Mailbox<A>) {
        let (sender, receiver) = channel(MAILBOX_CAPACITY);
        (Addr::new(sender), Mailbox(receiver))
    }

    /// Starts an actor in its mailbox on an arbiter.
    pub fn spawn<A, F>(
        &mut self,
        arbiter: &ArbiterHandle,
        name: impl Into<String>,
        mailbox: Mailbox<A>,
        make: F,
    ) where
        A: Actor<Context = Context<A>>,
        F: FnOnce(Fuse) -> A + Send + 'static,
    {
        let (name, exits, abort) = (name.into(), self.exits.clone(), self.abort.clone());
        self.spawned += 1;
        let reporter = exits.clone();
        let spare_name = name.clone();
        let is_alive = arbiter.spawn_fn(move || {
            let fuse = Fuse::default();
            let own_fuse = fuse.clone();
            // The actor is made inside the watched task, so that a panic while it is made is noticed as well.
            let mut life = actix::spawn(async move {
                let actor = make(own_fuse);
                Context::with_receiver(mailbox.0).into_future(actor).await;
            });
            actix::spawn(async move {
                let joined = tokio::select! {
                    joined = &mut life => joined,
                    () = abort.cancelled() => {
                        life.abort();
                        life.await
                    }
                };
                let exit = match (joined, fuse.take()) {
                    (Ok(()), Some(fault)) => Exit::Failed(fault),
                    (Ok(()), None) => Exit::Finished,
                    (Err(error), _) if error.is_panic() => {
                        Exit::Panicked(text_of(error.into_panic().as_ref()))
                    }
                    (Err(_), _) => Exit::Cancelled,
                };
                // The receiver lives as long as the generation; a report after it has no reader and no meaning.
                drop(exits.send(ChildExit { name, exit }));
            });
        });
        if !is_alive {
            let exit = Exit::Panicked("its arbiter thread is gone".into());
            drop(reporter.send(ChildExit {
                name: spare_name,
                exit,
            }));
        }
    }

    /// The next end of an actor.
    pub async fn next_exit(&mut self) -> Option<ChildExit> {
        let exit = self.reports.recv().await;
        self.ended += usize::from(exit.is_some());
        exit
    }

    /// Aborts every actor and waits until all of them are gone.
    pub async fn abort_all(&mut self) {
        self.abort.cancel();
        while self.ended < self.spawned && self.next_exit().await.is_some() {}
    }
}

/// A mailbox that waits for its actor.
#[expect(missing_debug_implementations, reason = "an actix receiver has none")]
pub struct Mailbox<A: Actor<Context = Context<A>>>(actix::dev::channel::AddressReceiver<A>);

#[cfg(test)]
#[path = "spawn_tests.rs"]
mod exits;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::flow::edge::{Downstream, Upstream};

    #[derive(Debug, Message)]
    #[rtype(result = "()")]
    struct Count;

    struct Counter {
        counted: Arc<AtomicU32>,
    }

    impl Actor for Counter {
        type Context = Context<Self>;
    }

    impl Handler<Count> for Counter {
        type Result = ();

        fn handle(&mut self, _count: Count, _context: &mut Context<Self>) {
            self.counted.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn start(actors: &mut ActorSet) -> (Addr<Counter>, Arc<AtomicU32>) {
        let counted = Arc::new(AtomicU32::new(0));
        let (address, mailbox) = ActorSet::mailbox::<Counter>();
        let mine = Arc::clone(&counted);
        actors.spawn(&Arbiter::current(), "counter", mailbox, move |_fuse| Counter {
            counted: mine,
        });
        (address, counted)
    }

    /// G1.
    #[actix::test]
    async fn nothing_reaches_an_actor_of_a_generation_that_was_torn_down() {
        let mut actors = ActorSet::default();
        let (address, counted) = start(&mut actors);
        let (awaited, notified) = (Downstream::to("count", address.clone()), Upstream::to(address));
        awaited.push(Count).await.unwrap();
        actors.abort_all().await;
        assert!(awaited.push(Count).await.is_err());
        notified.notify(Count);
        tokio::task::yield_now().await;
        assert_eq!(counted.load(Ordering::SeqCst), 1);
    }
}
