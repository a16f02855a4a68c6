//! How reading an object ended, and what follows from trouble with it.

use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::ledger::ObjectEnd;
use crate::fault::Fault;
use crate::flow::edge::StageClosed;
use crate::flow::panics::catching_in;
use crate::model::Mark;
use crate::model::trouble::Suspension;
use crate::observe::object_trace::ObjectTrace;
use crate::parse::panic_book::PanicBook;
use crate::settings::ChangedObjects;
use crate::source::{ObjectPolicies, SourceError};

/// Why a reader ends early.
pub(super) enum Ending {
    /// A neighbour is gone; the supervisor knows already.
    Closed,
    /// A fault of its own.
    Fault(Fault),
}

impl From<StageClosed> for Ending {
    fn from(_closed: StageClosed) -> Self {
        Self::Closed
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// How reading one object ended.
pub(super) enum Reading {
    /// With this end.
    End(ObjectEnd),
    /// It was stopped in the middle.
    Stopped,
}

/// The trouble with an object whose rows cannot be worked on from a mark on, because that panics every time.
pub(super) fn panicked(context: &ObjectContext, mark: Mark, panic: &str) -> SourceError {
    let Mark {
        position,
        ordinal,
        line,
    } = mark;
    SourceError::Damaged {
        location: context.location.clone(),
        detail: format!(
            "every attempt to work on the rows after row {ordinal} (line {}, byte {position}) ends in {panic}; this is a \
             defect of brigade, please report it",
            line + 1
        ),
    }
}

/// Work on the rows of an object from a mark on, which may panic every time.
///
/// # Errors
/// As the work; [`SourceError::Damaged`] if the panic is hopeless.
pub(super) async fn watched<T>(
    panics: &PanicBook,
    context: &ObjectContext,
    mark: Mark,
    work: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    match catching_in(work).await {
        Ok(result) => result,
        Err(caught) if panics.is_hopeless(&context.id, mark.ordinal..u64::MAX) => {
            Err(panicked(context, mark, &caught.text()))
        }
        Err(caught) => caught.resume(),
    }
}

/// Notes in the trace of an object what came of reading it.
pub(super) fn tell(trace: &ObjectTrace, end: &ObjectEnd) {
    match end {
        ObjectEnd::Complete => trace.ended("complete"),
        ObjectEnd::Quarantined { reason, .. } => trace.set_aside("quarantined", reason),
        ObjectEnd::Suspended(None) => trace.set_aside("suspended", "a row of it suspends its table"),
        ObjectEnd::Suspended(Some(suspension)) => trace.set_aside("suspended", &suspension.reason),
    }
}

/// Trouble with one object sets it aside, or suspends its table; other trouble ends the generation.
pub(super) fn judge(
    error: SourceError,
    context: &ObjectContext,
    policies: ObjectPolicies,
) -> Result<Reading, Ending> {
    if !error.sets_aside(policies) {
        return Err(Ending::Fault(Fault::from(error)));
    }
    let (object, reason) = (&context.location, error.to_string());
    let is_in_doubt = error.withholds_version();
    // What follows from another header is said by a policy of its own.
    let of_table = context
        .table
        .filter(|_| !matches!(error, SourceError::Drifted { .. } | SourceError::Archived { .. }));
    match (policies.changed, of_table) {
        (ChangedObjects::SuspendTable, Some(_)) => {
            tracing::error!(
                object,
                error = reason,
                "table suspended; nothing more of it is sent"
            );
            let suspension = Suspension {
                object: context.id.clone(),
                key: context.version.key.clone(),
                row: None,
                reason,
                is_in_doubt,
            };
            Ok(Reading::End(ObjectEnd::Suspended(Some(Box::new(suspension)))))
        }
        // The rows of a change file may be of any table.
        (ChangedObjects::Quarantine | ChangedObjects::Stop, _) | (ChangedObjects::SuspendTable, None) => {
            tracing::error!(
                object,
                error = reason,
                "object set aside; its remaining rows are not sent"
            );
            Ok(Reading::End(ObjectEnd::Quarantined { reason, is_in_doubt }))
        }
    }
}
