//! The files of an NDJSON sink: identity, repair after a crash, durable appending. Blocks.

use crate::saturate;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Bytes looked at once when the end of the last whole line is sought.
const REPAIR_BYTES: u64 = 64 * 1024;

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
    fs::create_dir_all(directory)?;
    let path = directory.join(IDENTITY_FILE);
    let identity = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice::<Identity>(&bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(directory, &path, shards_count)?,
        Err(error) => return Err(error),
    };
    if identity.shards == shards_count {
        return Ok(format!("ndjson:{}", identity.id));
    }
    Err(io::Error::other(format!(
        "it holds {} shards and not {shards_count}; set target.ndjson.shards to {}, or give another path",
        identity.shards, identity.shards
    )))
}

fn create(directory: &Path, path: &Path, shards: u32) -> io::Result<Identity> {
    let identity = Identity {
        id: format!("{:032x}", rand::random::<u128>()),
        shards,
    };
    let temporary = directory.join(format!("{IDENTITY_FILE}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(&identity)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(identity)
}

/// Makes new names in the folder durable.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// One file, open for appending. It always ends with a whole line as far as puts were answered.
#[derive(Debug)]
pub(super) struct ShardFile {
    file: File,
    length: u64,
}

impl ShardFile {
    /// Opens or creates the file; cuts off what a crash left of a line.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        let length = whole_lines_length(&mut file)?;
        if length < file.metadata()?.len() {
            tracing::warn!(file = %path.display(), length, "removed the torn last line of an interrupted put");
            file.set_len(length)?;
            file.sync_all()?;
        }
        Ok(Self { file, length })
    }

    /// Appends lines durably; answers the offset at which they start. On an error nothing of them stays.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<u64> {
        let start = self.length;
        match self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length = start.saturating_add(saturate::to_u64(lines.len()));
                Ok(start)
            }
            Err(error) => match self.file.set_len(start) {
                Ok(()) => Err(error),
                Err(also) => Err(io::Error::other(format!(
                    "{error}; and cutting it off again: {also}"
                ))),
            },
        }
    }
}

/// The length of a file up to the end of its last whole line.
fn whole_lines_length(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(REPAIR_BYTES);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(start + u64::try_from(at).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_cut_anywhere_leaves_exactly_the_whole_lines(
            lines in proptest::collection::vec("[a-z]{0,9}", 0..9),
            cut in 0.0_f64..=1.0,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("shard");
            let whole: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, clippy::as_conversions, reason = "a random place in a short text")]
            let cut = (whole.len() as f64 * cut) as usize;
            fs::write(&path, &whole.as_bytes()[..cut]).unwrap();
            let expected = whole.as_bytes()[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);

            let mut file = ShardFile::open(&path).unwrap();
            let start = file.append(b"new\n").unwrap();
            prop_assert_eq!(usize::try_from(start).unwrap(), expected);
            let mut content = whole.as_bytes()[..expected].to_vec();
            content.extend(b"new\n");
            prop_assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_torn_line_longer_than_a_block_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shard");
        let mut content = b"whole\n".to_vec();
        content.resize(6 + 3 * usize::try_from(REPAIR_BYTES).unwrap(), b'x');
        fs::write(&path, content).unwrap();
        ShardFile::open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole\n");
    }

    #[test]
    fn a_folder_keeps_its_identity_and_its_number_of_shards() {
        let directory = tempfile::tempdir().unwrap();
        let identity = open(directory.path(), 3).unwrap();
        assert_eq!(open(directory.path(), 3).unwrap(), identity);
        assert!(
            open(directory.path(), 4)
                .unwrap_err()
                .to_string()
                .contains("holds 3 shards")
        );
        fs::remove_file(directory.path().join(IDENTITY_FILE)).unwrap();
        assert_ne!(open(directory.path(), 3).unwrap(), identity);
    }
}
