//! How many bytes of dead letters each file made in the current minute. Pure: no I/O, no clock.

use std::collections::HashMap;

use crate::model::{ObjectId, QueueName};

const MINUTE_US: i64 = 60_000_000;

/// Counts the bytes of the file of each queue that is read now.
#[derive(Debug)]
pub(super) struct Volume {
    bytes_max: u64,
    of_queue: HashMap<QueueName, Minute>,
}

/// What a file made within a minute.
#[derive(Debug, Default)]
struct Minute {
    object: u64,
    number: i64,
    bytes: u64,
}

impl Volume {
    /// Nothing yet; a file may make this many bytes a minute.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            of_queue: HashMap::new(),
        }
    }

    /// Counts the bytes of a file's dead letters; says whether they are too many.
    pub(super) fn add(&mut self, id: &ObjectId, bytes: u64, now_us: i64) -> bool {
        let number = now_us.div_euclid(MINUTE_US);
        let minute = self.of_queue.entry(id.queue.clone()).or_default();
        if (minute.object, minute.number) != (id.number, number) {
            *minute = Minute {
                object: id.number,
                number,
                bytes: 0,
            };
        }
        minute.bytes = minute.bytes.saturating_add(bytes);
        minute.bytes > self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_by_file_and_minute() {
        let id = |number| ObjectId {
            queue: QueueName::changes(),
            number,
        };
        let mut volume = Volume::new(100);
        assert!(!volume.add(&id(1), 60, 0));
        assert!(!volume.add(&id(1), 40, MINUTE_US - 1));
        assert!(volume.add(&id(1), 1, MINUTE_US - 1));
        assert!(!volume.add(&id(1), 100, MINUTE_US), "another minute");
        assert!(!volume.add(&id(2), 100, MINUTE_US), "another file");
        assert!(volume.add(&id(2), 1, MINUTE_US));
    }
}
