//! Watched spawning: every actor's end is noticed and reported with its reason.
//!
//! `actix::Supervisor` keeps the broken struct and never restarts after a panic, so each actor's future is
//! watched through its `JoinHandle` instead, and the generation is rebuilt as a whole.

use std::sync::{Arc, OnceLock};

use actix::dev::channel::channel;
use actix::prelude::*;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// Mailboxes do not bound anything in actix 0.13 (see `flow`), so the number does not matter.
const MAILBOX_CAPACITY: usize = 16;

/// Carries the reason for which an actor stops itself to whoever watches it.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Arc<OnceLock<Fault>>);

impl Fuse {
    /// Notes the fault; the actor stops its context right after. The first fault counts.
    pub fn blow(&self, fault: Fault) {
        self.0.get_or_init(|| fault);
    }

    fn take(&self) -> Option<Fault> {
        self.0.get().cloned()
    }
}

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
pub struct Nursery {
    abort: CancellationToken,
    exits: mpsc::UnboundedSender<ChildExit>,
    reports: mpsc::UnboundedReceiver<ChildExit>,
    spawned: usize,
    ended: usize,
}

impl Default for Nursery {
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

impl Nursery {
    /// An address to wire with, before its actor exists.
    pub fn berth<A: Actor<Context = Context<A>>>() -> (Addr<A>, Berth<A>) {
        let (sender, receiver) = channel(MAILBOX_CAPACITY);
        (Addr::new(sender), Berth(receiver))
    }

    /// Starts an actor in its berth on an arbiter.
    pub fn spawn<A, F>(&mut self, arbiter: &ArbiterHandle, name: impl Into<String>, berth: Berth<A>, make: F)
    where
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
                Context::with_receiver(berth.0).into_future(actor).await;
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
                    (Err(error), _) if error.is_panic() => Exit::Panicked(panic_text(error.into_panic())),
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
pub struct Berth<A: Actor<Context = Context<A>>>(actix::dev::channel::AddressReceiver<A>);

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast::<&'static str>()
            .map_or_else(|_| "no message".into(), |text| (*text).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    /// What an actor does as it starts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Life {
        Stop,
        Fail,
        Panic,
        PanicInFuture,
        Stay,
        PanicAsItIsMade,
    }

    struct Probe {
        life: Life,
        fuse: Fuse,
    }

    impl Actor for Probe {
        type Context = Context<Self>;

        fn started(&mut self, context: &mut Context<Self>) {
            match self.life {
                Life::Stop => context.stop(),
                Life::Fail => {
                    self.fuse.blow(Fault::new(FaultKind::Data, "the first"));
                    self.fuse.blow(Fault::new(FaultKind::Internal, "the second"));
                    context.stop();
                }
                Life::Panic => panic!("as told"),
                Life::PanicInFuture => {
                    let work = async { panic!("in a future, number {}", 7) };
                    context.spawn(work.into_actor(self));
                }
                Life::Stay | Life::PanicAsItIsMade => {}
            }
        }
    }

    /// Spawns one actor per life on a thread of its own and runs the check.
    fn with_probes(lives: &[Life], check: impl AsyncFnOnce(&mut Nursery)) {
        actix::System::new().block_on(async {
            let (arbiter, mut nursery) = (Arbiter::new(), Nursery::default());
            let mut addresses = Vec::new();
            for life in lives.iter().copied() {
                let (address, berth) = Nursery::berth();
                addresses.push(address);
                nursery.spawn(&arbiter.handle(), format!("{life:?}"), berth, move |fuse| {
                    assert!(life != Life::PanicAsItIsMade, "no actor today");
                    Probe { life, fuse }
                });
            }
            let time = std::time::Duration::from_secs(10);
            let checked = tokio::time::timeout(time, check(&mut nursery)).await;
            assert!(checked.is_ok(), "an end was not reported");
            arbiter.stop();
            arbiter.join().unwrap();
        });
    }

    fn exit_of(life: Life) -> Exit {
        let mut found = None;
        with_probes(&[life], async |nursery| found = nursery.next_exit().await);
        let found = found.unwrap();
        assert_eq!(found.name, format!("{life:?}"));
        found.exit
    }

    #[test]
    fn every_kind_of_end_is_reported_with_its_reason() {
        assert_eq!(exit_of(Life::Stop), Exit::Finished);
        assert_eq!(
            exit_of(Life::Fail),
            Exit::Failed(Fault::new(FaultKind::Data, "the first"))
        );
        assert_eq!(exit_of(Life::Panic), Exit::Panicked("as told".into()));
        let in_future = Exit::Panicked("in a future, number 7".into());
        assert_eq!(exit_of(Life::PanicInFuture), in_future);
    }

    #[test]
    fn a_panic_while_the_actor_is_made_is_reported_as_well() {
        assert_eq!(
            exit_of(Life::PanicAsItIsMade),
            Exit::Panicked("no actor today".into())
        );
    }

    #[test]
    fn after_an_abort_no_actor_is_left() {
        with_probes(
            &[Life::Stay, Life::Stop, Life::Stay, Life::Panic],
            async |nursery| {
                nursery.abort_all().await;
                assert_eq!((nursery.ended, nursery.spawned), (4, 4));
            },
        );
    }

    #[test]
    fn a_thread_that_is_gone_is_reported() {
        actix::System::new().block_on(async {
            let (arbiter, mut nursery) = (Arbiter::new(), Nursery::default());
            let handle = arbiter.handle();
            arbiter.stop();
            arbiter.join().unwrap();
            let (_address, berth) = Nursery::berth();
            nursery.spawn(&handle, "late", berth, |fuse| Probe {
                life: Life::Stay,
                fuse,
            });
            let found = nursery.next_exit().await.unwrap();
            assert!(matches!(found.exit, Exit::Panicked(_)), "{found:?}");
        });
    }
}
