//! The only code that touches actor addresses.
//!
//! Data goes downstream by [`Downstream::push`]: request and reply, awaited, one sender per edge. Settlements go
//! upstream by [`Upstream::notify`]: never awaited, bounded because every settlement stands for a credit.
//!
//! A dropped `push` future silently cancels its message in actix 0.13, so it must never stand inside a `select!`
//! or a time-out.

use actix::dev::ToEnvelope;
use actix::prelude::*;

/// The actor behind an edge is gone. The supervisor learns of it by its death watch; whoever sees this just stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {stage} stage has ended")]
pub struct StageClosed {
    /// The stage the message was for.
    pub stage: &'static str,
}

/// An awaited edge to the next stage.
#[derive(Debug)]
pub struct Downstream<M>
where
    M: Message + Send,
    M::Result: Send,
{
    stage: &'static str,
    recipient: Recipient<M>,
}

impl<M> Clone for Downstream<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self {
            stage: self.stage,
            recipient: self.recipient.clone(),
        }
    }
}

impl<M> Downstream<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// An edge to the actor at an address.
    pub fn to<A>(stage: &'static str, address: Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<M>,
        Context<A>: ToEnvelope<A, M>,
    {
        Self {
            stage,
            recipient: address.recipient(),
        }
    }

    /// Hands a message on and waits for the reply.
    ///
    /// # Errors
    /// [`StageClosed`] if the actor is gone.
    pub async fn push(&self, message: M) -> Result<M::Result, StageClosed> {
        failpoint("before", self.stage);
        let reply = self.recipient.send(message).await;
        failpoint("after", self.stage);
        reply.map_err(|_closed| StageClosed { stage: self.stage })
    }
}

/// An edge back, for settlements and notices.
#[derive(Debug)]
pub struct Upstream<M>
where
    M: Message + Send,
    M::Result: Send,
{
    recipient: Recipient<M>,
}

impl<M> Clone for Upstream<M>
where
    M: Message + Send,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self {
            recipient: self.recipient.clone(),
        }
    }
}

impl<M> Upstream<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// An edge to the actor at an address.
    pub fn to<A>(address: Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<M>,
        Context<A>: ToEnvelope<A, M>,
    {
        Self {
            recipient: address.recipient(),
        }
    }

    /// Leaves a message and goes on. If the actor is gone the message is dropped with it: the generation is
    /// about to be torn down, and nothing counts as settled that the next generation does not learn from the
    /// checkpoint.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place: settlements are bounded by credits"
    )]
    pub fn notify(&self, message: M) {
        failpoint("before", std::any::type_name::<M>());
        self.recipient.do_send(message);
        failpoint("after", std::any::type_name::<M>());
    }
}

/// A hand-over, which a test may want to interrupt.
#[cfg(feature = "testkit")]
fn failpoint(moment: &str, edge: &str) {
    let edge = edge.rsplit("::").next().unwrap_or(edge);
    super::failpoints::reached(None, &format!("{moment} {edge}"));
}

#[cfg(not(feature = "testkit"))]
fn failpoint(_moment: &str, _edge: &str) {}
