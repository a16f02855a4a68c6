//! Values in parts: how a long value is cut, and how entries are put together again.

use crate::saturate;

use serde::de::DeserializeOwned;

use super::database::Database;
use super::{StoreError, codec};

/// Bytes of a value stored in one entry; longer values are stored in parts.
pub(super) const PART_BYTES_MAX: usize = 4 * 1024;
/// Bytes that a part adds to its key.
pub(super) const PART_NUMBER_BYTES: usize = size_of::<u16>();

/// After all parts of a key.
pub(super) fn end_of(key: &[u8]) -> Vec<u8> {
    let mut end = key.to_vec();
    end.extend_from_slice(&[u8::MAX; PART_NUMBER_BYTES]);
    end
}

/// Cuts a value into parts; the first begins with their count.
pub(super) fn parts_of(value: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = value.chunks(PART_BYTES_MAX);
    let count = saturate::to_u16(chunks.len().max(1));
    let mut first = count.to_be_bytes().to_vec();
    first.extend_from_slice(chunks.next().unwrap_or_default());
    std::iter::once(first).chain(chunks.map(<[u8]>::to_vec)).collect()
}

/// One entry of the tree.
struct Part {
    key: Vec<u8>,
    number: u16,
    bytes: sled::IVec,
}

/// How many parts a value has, by its first part.
pub(super) fn parts_count(first: &[u8]) -> Option<usize> {
    let (count, _) = first.split_first_chunk()?;
    Some(usize::from(u16::from_be_bytes(*count)))
}

/// Whole entries, put together from their parts.
pub(super) struct Entries<'a, T> {
    pub(super) database: &'a Database,
    pub(super) parts: sled::Iter,
    pub(super) value: std::marker::PhantomData<T>,
}

impl<T: DeserializeOwned> Entries<'_, T> {
    fn part(&mut self) -> Option<Result<Part, StoreError>> {
        let (key, part) = match self.parts.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(self.database.sled_error(&error))),
        };
        Some(match key.split_last_chunk() {
            Some((key, number)) => Ok(Part {
                key: key.to_vec(),
                number: u16::from_be_bytes(*number),
                bytes: part,
            }),
            None => Err(self.database.damaged_entry(&key, "its key is too short")),
        })
    }

    fn entry(&mut self) -> Option<Result<(Vec<u8>, T), StoreError>> {
        let Part {
            key,
            number,
            bytes: first,
        } = match self.part()? {
            Ok(part) => part,
            Err(error) => return Some(Err(error)),
        };
        let database = self.database;
        let Some((count, beginning)) = first.split_first_chunk().filter(|_| number == 0) else {
            return Some(Err(database.damaged_entry(&key, "its beginning is missing")));
        };
        let mut bytes = beginning.to_vec();
        for expected in 1..u16::from_be_bytes(*count) {
            match self.part() {
                Some(Ok(part)) if part.key == key && part.number == expected => {
                    bytes.extend_from_slice(&part.bytes);
                }
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(_)) | None => {
                    return Some(Err(
                        database.damaged_entry(&key, format!("part {expected} is missing"))
                    ));
                }
            }
        }
        Some(match codec::decode(&bytes) {
            Ok(value) => Ok((key, value)),
            Err(error) => Err(database.damaged_entry(&key, error)),
        })
    }
}

impl<T: DeserializeOwned> Iterator for Entries<'_, T> {
    type Item = Result<(Vec<u8>, T), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entry()
    }
}
