//! A sum over all entries of the database that shows whether one of them is missing, too many or old.
//! Pure: no I/O, no clock.
//!
//! A database with a damaged place can open, with single pages at an earlier state and everything else intact. Each
//! entry decodes then, and the newest number is there; only a sum over all of them shows it.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// The sum; does not depend on the order of entries, so it is kept up to date from changes alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesDigest(u128);

impl EntriesDigest {
    /// An entry came.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_add(fingerprint(key, value));
    }

    /// An entry went.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_sub(fingerprint(key, value));
    }
}

fn fingerprint(key: &[u8], value: &[u8]) -> u128 {
    let mut hash = Md5::new();
    hash.update(key.len().to_be_bytes());
    hash.update(key);
    hash.update(value);
    u128::from_be_bytes(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn digest_of(entries: &BTreeMap<u8, u8>) -> EntriesDigest {
        let mut digest = EntriesDigest::default();
        for (key, value) in entries {
            digest.add(&[*key], &[*value]);
        }
        digest
    }

    proptest! {
        #[test]
        fn the_digest_of_changes_is_the_digest_of_what_they_lead_to(
            changes in proptest::collection::vec((0_u8..4, proptest::option::of(any::<u8>())), 0..20)
        ) {
            let (mut entries, mut digest) = (BTreeMap::new(), EntriesDigest::default());
            for (key, value) in changes {
                let old = match value {
                    Some(value) => {
                        digest.add(&[key], &[value]);
                        entries.insert(key, value)
                    }
                    None => entries.remove(&key),
                };
                if let Some(old) = old {
                    digest.remove(&[key], &[old]);
                }
            }
            prop_assert_eq!(digest, digest_of(&entries));
        }

        #[test]
        fn different_entries_have_different_digests(
            left in proptest::collection::btree_map(0_u8..4, 0_u8..3, 0..4),
            right in proptest::collection::btree_map(0_u8..4, 0_u8..3, 0..4),
        ) {
            prop_assert_eq!(digest_of(&left) == digest_of(&right), left == right);
        }
    }
}
