//! How many files the process may have open: a thread, a socket and a file of the state each take some.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::fault::{Fault, FaultKind};
use crate::limits::OPEN_FILES_MIN;

/// Raises the soft limit to the hard one, as a process may.
///
/// # Errors
/// [`FaultKind::Configuration`] if that is not enough to work with.
pub(super) fn raise_limit() -> Result<(), Fault> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some() && limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files cannot be raised");
        }
    }
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < OPEN_FILES_MIN => Err(Fault::new(
            FaultKind::Configuration,
            format!(
                "this process may have {allowed} files open, and needs {OPEN_FILES_MIN}; raise the limit (`ulimit -n`, \
                 `LimitNOFILE=` of systemd, `ulimits` of the container)"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}
