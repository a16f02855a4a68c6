//! The folder of an NDJSON sink and the identity of the stream in it. Blocks.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::chance;
use crate::durable::create;
use crate::durable::replace::{Survives, replace};

const IDENTITY_FILE: &str = "stream.json";

/// Content of the identity file.
#[derive(Serialize, Deserialize)]
struct Identity {
    /// A random number: the folder's name may be used again for another stream.
    id: String,
    shards: u32,
}

/// Creates the folder if needed; answers the identity of the stream in it.
pub(super) fn open(directory: &Path, shards_count: u32) -> io::Result<String> {
    create::folder(directory)?;
    let path = directory.join(IDENTITY_FILE);
    let identity = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice::<Identity>(&bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path, shards_count)?,
        Err(error) => return Err(error),
    };
    if identity.shards == shards_count {
        return Ok(format!("ndjson:{}", identity.id));
    }
    Err(io::Error::other(format!(
        "it was made for {} shard(s), not for {shards_count}; set target.ndjson.shards to {}, or give another path",
        identity.shards, identity.shards
    )))
}

fn create(path: &Path, shards: u32) -> io::Result<Identity> {
    let identity = Identity {
        id: chance::id(),
        shards,
    };
    replace(path, Survives::PowerCut, |out| {
        Ok(serde_json::to_writer(out, &identity)?)
    })?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_identity_and_its_number_of_shards() {
        let directory = tempfile::tempdir().unwrap();
        let identity = open(directory.path(), 3).unwrap();
        assert_eq!(open(directory.path(), 3).unwrap(), identity);
        assert!(
            open(directory.path(), 4)
                .unwrap_err()
                .to_string()
                .contains("made for 3 shard(s), not for")
        );
        fs::remove_file(directory.path().join(IDENTITY_FILE)).unwrap();
        assert_ne!(open(directory.path(), 3).unwrap(), identity);
    }
}
