//! Which listing found which objects, so that the trace of an object leads back to it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use opentelemetry::trace::SpanContext;

use crate::checkpoint::store::ObjectEntry;
use crate::model::{ObjectId, QueueName};

/// Listings that are remembered. What later ones found leads nowhere until objects of earlier ones are handed out.
const LISTINGS_MAX: usize = 4_096;

/// The listings of which objects are still to be handed out, if listings are traced.
#[derive(Debug, Default)]
pub(super) struct Listings(VecDeque<Found>);

#[derive(Debug)]
struct Found {
    queue: QueueName,
    numbers: RangeInclusive<u64>,
    listing: SpanContext,
}

impl Listings {
    /// A listing has found these objects.
    pub(super) fn found(&mut self, new: &[ObjectEntry], listing: Option<&SpanContext>) {
        let numbers = || new.iter().map(|entry| entry.id.number);
        if let (Some(listing), Some(first), Some(least), Some(greatest)) =
            (listing, new.first(), numbers().min(), numbers().max())
            && self.0.len() < LISTINGS_MAX
        {
            self.0.push_back(Found {
                queue: first.id.queue.clone(),
                numbers: least..=greatest,
                listing: listing.clone(),
            });
        }
    }

    /// The listing that found an object, which is handed out now: objects of a queue are handed out in order.
    pub(super) fn of(&mut self, id: &ObjectId) -> Option<SpanContext> {
        if self.0.is_empty() {
            return None;
        }
        self.0
            .retain(|found| found.queue != id.queue || *found.numbers.end() >= id.number);
        let mut latest = self.0.iter().rev();
        let found = latest.find(|found| found.queue == id.queue && found.numbers.contains(&id.number));
        found.map(|found| found.listing.clone())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;
    use crate::checkpoint::store::ObjectState;
    use crate::model::ObjectVersion;

    fn entry(queue: &QueueName, number: u64) -> ObjectEntry {
        ObjectEntry {
            id: ObjectId {
                queue: queue.clone(),
                number,
            },
            version: ObjectVersion {
                key: format!("{number}"),
                etag: String::new(),
                size_bytes: 1,
                modified_ms: 0,
            },
            state: ObjectState::Registered,
        }
    }

    #[test]
    fn an_object_leads_to_the_listing_that_found_it_and_to_no_other() {
        let listing = |number: u64| {
            let (trace, span) = (TraceId::from(1), SpanId::from(number));
            SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
        };
        let (load, changes) = (QueueName::load("s.t"), QueueName::changes());
        let of = |queue: &QueueName, numbers: std::ops::Range<u64>| {
            numbers.map(|number| entry(queue, number)).collect::<Vec<_>>()
        };
        let mut listings = Listings::default();
        listings.found(&of(&load, 0..3), Some(&listing(1)));
        listings.found(&of(&load, 0..0), Some(&listing(2)));
        listings.found(&of(&load, 3..4), Some(&listing(3)));
        listings.found(&of(&changes, 0..9), Some(&listing(4)));
        listings.found(&of(&changes, 9..10), None);
        let mut at = |queue: &QueueName, number| listings.of(&entry(queue, number).id);
        assert_eq!(at(&load, 0), Some(listing(1)));
        assert_eq!(at(&load, 2), Some(listing(1)));
        assert_eq!(at(&changes, 8), Some(listing(4)));
        assert_eq!(at(&load, 3), Some(listing(3)));
        assert_eq!(at(&changes, 9), None, "its listing was not traced");
        assert_eq!(
            listings.0.len(),
            1,
            "what was handed out is forgotten: {listings:?}"
        );
    }
}
