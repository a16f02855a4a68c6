//! Every kind of an actor's end, as the set reports it.

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
fn with_probes(lives: &[Life], check: impl AsyncFnOnce(&mut ActorSet)) {
    actix::System::new().block_on(async {
        let (arbiter, mut actors) = (Arbiter::new(), ActorSet::default());
        let mut addresses = Vec::new();
        for life in lives.iter().copied() {
            let (address, mailbox) = ActorSet::mailbox();
            addresses.push(address);
            actors.spawn(&arbiter.handle(), format!("{life:?}"), mailbox, move |fuse| {
                assert!(life != Life::PanicAsItIsMade, "no actor today");
                Probe { life, fuse }
            });
        }
        let time = std::time::Duration::from_secs(10);
        let checked = tokio::time::timeout(time, check(&mut actors)).await;
        assert!(checked.is_ok(), "an end was not reported");
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

fn exit_of(life: Life) -> Exit {
    let mut found = None;
    with_probes(&[life], async |actors| found = actors.next_exit().await);
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
    assert_eq!(exit_of(Life::Panic), Exit::Panicked("a panic: as told".into()));
    let in_future = Exit::Panicked("a panic: in a future, number 7".into());
    assert_eq!(exit_of(Life::PanicInFuture), in_future);
}

#[test]
fn a_panic_while_the_actor_is_made_is_reported_as_well() {
    assert_eq!(
        exit_of(Life::PanicAsItIsMade),
        Exit::Panicked("a panic: no actor today".into())
    );
}

#[test]
fn after_an_abort_no_actor_is_left() {
    with_probes(
        &[Life::Stay, Life::Stop, Life::Stay, Life::Panic],
        async |actors| {
            actors.abort_all().await;
            assert_eq!((actors.ended, actors.spawned), (4, 4));
        },
    );
}

#[test]
fn a_thread_that_is_gone_is_reported() {
    actix::System::new().block_on(async {
        let (arbiter, mut actors) = (Arbiter::new(), ActorSet::default());
        let handle = arbiter.handle();
        arbiter.stop();
        arbiter.join().unwrap();
        let (_address, mailbox) = ActorSet::mailbox();
        actors.spawn(&handle, "late", mailbox, |fuse| Probe {
            life: Life::Stay,
            fuse,
        });
        let found = actors.next_exit().await.unwrap();
        assert!(matches!(found.exit, Exit::Panicked(_)), "{found:?}");
    });
}
