//! The owner's files, each with a copy of how it was when a worker last served by it: the next
//! worker falls back on that if the file is wrong then.

use std::{env, ffi::OsString, fs, os::fd::IntoRawFd, path::Path};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::CommandError;

/// The variables that tell a worker where these copies are.
pub(super) const WORDS_COPY: &str = "DAOXIAO_WORDS_IN_FORCE";
pub(super) const JOKES_COPY: &str = "DAOXIAO_JOKES_IN_FORCE";

/// Makes a file in memory for a copy, which workers inherit; returns the variable by which a worker
/// finds it. Some systems forbid it; then there is no copy.
pub(super) fn copy_in_memory(variable: &'static str) -> Option<(&'static str, String)> {
    let file = memfd_create(variable, MFdFlags::empty()).ok()?;
    // It stays open for as long as the supervisor runs.
    Some((variable, format!("/proc/self/fd/{}", file.into_raw_fd())))
}

/// The owner's files as one worker reads them.
pub(super) struct OwnerFiles {
    is_strict: bool,
    /// What was read, each with the path of its copy.
    read: Vec<(OsString, Vec<u8>)>,
}

impl OwnerFiles {
    pub(super) fn new(is_strict: bool) -> Self {
        Self {
            is_strict,
            read: Vec::new(),
        }
    }

    /// Loads a file, or, if it is wrong now, its copy, or else goes on without it, which the log
    /// describes as `fallback`. A strict worker fails instead: then the start is refused, or the
    /// old worker goes on.
    pub(super) fn load<T: Default>(
        &mut self,
        variable: &str,
        path: Option<&Path>,
        read: impl Fn(&Path) -> Result<(T, Vec<u8>), CommandError>,
        fallback: &str,
    ) -> Result<T, CommandError> {
        let Some(path) = path else {
            return Ok(T::default());
        };
        let copy = env::var_os(variable).unwrap_or_default();
        match read(path) {
            Err(error) if !self.is_strict => {
                let before = read(copy.as_ref());
                let instead = before
                    .as_ref()
                    .map_or(fallback, |_| "what was in force before");
                log::error!("{error}; going on with {instead}");
                Ok(before.unwrap_or_default().0)
            }
            loaded => {
                let (value, bytes) = loaded?;
                self.read.push((copy, bytes));
                Ok(value)
            }
        }
    }

    /// Copies what was read, by which the worker is about to serve.
    pub(super) fn save_copies(self) {
        for (copy, bytes) in self.read {
            // Without a copy, the next worker does without the file.
            let _ = fs::write(copy, bytes);
        }
    }
}
