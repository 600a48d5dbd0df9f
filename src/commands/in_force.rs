//! Keeps an owner's file as a worker last served by it, for the next one if the file is wrong then.

use std::{
    env, fs,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::CommandError;

/// The variables that tell a worker where these copies are.
pub(super) const WORDS: &str = "DAOXIAO_WORDS_IN_FORCE";
pub(super) const JOKES: &str = "DAOXIAO_JOKES_IN_FORCE";

/// Memory for a copy, which workers inherit.
pub(super) struct Memory {
    variable: &'static str,
    file: OwnedFd,
}

impl Memory {
    /// Some systems forbid it; then there is no copy.
    pub(super) fn new(variable: &'static str) -> Option<Self> {
        let file = memfd_create(variable, MFdFlags::empty()).ok()?;
        Some(Self { variable, file })
    }

    /// The variable by which a worker finds it.
    pub(super) fn variable(&self) -> (&'static str, String) {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        (self.variable, path)
    }
}

/// An owner's file, and the copy of it.
pub(super) struct InForce {
    is_strict: bool,
    copy: PathBuf,
    /// What is to be copied; nothing if it was read from there.
    bytes: Option<Vec<u8>>,
}

impl InForce {
    /// Finds the copy that the supervisor has made memory for.
    pub(super) fn at(variable: &str, is_strict: bool) -> Self {
        Self {
            is_strict,
            copy: env::var_os(variable).unwrap_or_default().into(),
            bytes: None,
        }
    }

    /// Reads the file, or, if it is wrong now, what was in force before, or else goes on without
    /// it, so that the bot goes on. A strict worker fails instead: then the start is refused, or
    /// the old worker goes on.
    pub(super) fn read<T: Default>(
        &mut self,
        path: Option<&Path>,
        read: impl Fn(&Path) -> Result<(T, Vec<u8>), CommandError>,
        without: &str,
    ) -> Result<T, CommandError> {
        let Some(path) = path else {
            return Ok(T::default());
        };
        match read(path) {
            Err(error) if !self.is_strict => {
                let before = read(&self.copy);
                let instead = before
                    .as_ref()
                    .map_or(without, |_| "what was in force before");
                log::error!("{error}; going on with {instead}");
                Ok(before.unwrap_or_default().0)
            }
            read => {
                let (value, bytes) = read?;
                self.bytes = Some(bytes);
                Ok(value)
            }
        }
    }

    /// Copies what was read, which is about to be in force.
    pub(super) fn keep(self) {
        if let Some(bytes) = self.bytes {
            // Without a copy, the next worker does without the file.
            let _ = fs::write(&self.copy, bytes);
        }
    }
}
