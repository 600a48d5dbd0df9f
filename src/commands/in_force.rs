//! Keeps an owner's file as a worker last served by it, for the next one if the file is wrong then.

use std::{env, ffi::OsString, fs, os::fd::IntoRawFd, path::Path};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::CommandError;

/// The variables that tell a worker where these copies are.
pub(super) const WORDS: &str = "DAOXIAO_WORDS_IN_FORCE";
pub(super) const JOKES: &str = "DAOXIAO_JOKES_IN_FORCE";

/// Makes memory for a copy, which workers inherit; returns the variable by which a worker finds it.
/// Some systems forbid it; then there is no copy.
pub(super) fn memory(variable: &'static str) -> Option<(&'static str, String)> {
    let file = memfd_create(variable, MFdFlags::empty()).ok()?;
    // It stays open for as long as the supervisor runs.
    Some((variable, format!("/proc/self/fd/{}", file.into_raw_fd())))
}

/// What was read from the owner's files, to be copied once it is in force.
pub(super) struct InForce {
    is_strict: bool,
    /// Each with the path of its copy.
    read: Vec<(OsString, Vec<u8>)>,
}

impl InForce {
    pub(super) fn new(is_strict: bool) -> Self {
        Self {
            is_strict,
            read: Vec::new(),
        }
    }

    /// Reads a file, or, if it is wrong now, its copy, which was in force before, or else goes on
    /// without it, so that the bot goes on. A strict worker fails instead: then the start is
    /// refused, or the old worker goes on.
    pub(super) fn read<T: Default>(
        &mut self,
        variable: &str,
        path: Option<&Path>,
        read: impl Fn(&Path) -> Result<(T, Vec<u8>), CommandError>,
        without: &str,
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
                    .map_or(without, |_| "what was in force before");
                log::error!("{error}; going on with {instead}");
                Ok(before.unwrap_or_default().0)
            }
            read => {
                let (value, bytes) = read?;
                self.read.push((copy, bytes));
                Ok(value)
            }
        }
    }

    /// Copies what was read, which is about to be in force.
    pub(super) fn keep(self) {
        for (copy, bytes) in self.read {
            // Without a copy, the next worker does without the file.
            let _ = fs::write(copy, bytes);
        }
    }
}
