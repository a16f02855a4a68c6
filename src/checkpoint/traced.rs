//! The span of a commit.

use opentelemetry::trace::SpanContext;
use tracing::Span;

use super::store::{CheckpointDelta, ObjectState};
use crate::model::ObjectId;
use crate::observe::object_trace::commit_span;

/// The span of a commit, given the traces of the objects that it finishes.
pub(super) fn span_of(delta: &CheckpointDelta, finished: Vec<SpanContext>) -> Span {
    let positions = delta.objects.iter().map(position_of);
    commit_span(positions, delta.cuts.len(), finished)
}

/// Where an object was left.
fn position_of((id, state): &(ObjectId, ObjectState)) -> String {
    match state {
        ObjectState::Registered => format!("{id}@0"),
        ObjectState::Open(progress) => format!("{id}@{}", progress.watermark.ordinal),
        ObjectState::Done(_) => format!("{id} done"),
        ObjectState::Quarantined { watermark, .. } | ObjectState::Decided { watermark, .. } => {
            format!("{id}@{} set aside", watermark.ordinal)
        }
    }
}
