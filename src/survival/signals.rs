//! The signals that the supervisor takes, one at a time and never by a handler.

use std::os::fd::{AsFd, BorrowedFd};

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

/// Blocks the signals that the supervisor takes, in this thread and in all that it starts. A mask
/// survives `exec`, so a worker has them blocked too: what it is to do, the supervisor tells it.
/// To be called before any other thread exists.
pub(crate) fn block() {
    if let Err(error) = taken().thread_block() {
        log::warn!("signals cannot be blocked: {error}");
    }
}

fn taken() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect()
}

/// Where blocked signals are read.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    pub(super) fn open() -> Result<Self, Errno> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&taken(), flags).map(Self)
    }

    /// The next signal, if one has come.
    pub(super) fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok().flatten()?;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
