//! Why workers end: the exit codes that only they have, and the words of the log.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use nix::sys::signal::Signal;

/// Exit code: wrong usage, as for every command. A supervisor of another version reads these codes,
/// too, so they stay what they are.
const USAGE: i32 = 2;
/// Exit code: the loop was too long on one request.
pub(super) const STUCK: i32 = 81;
/// Exit code: `accept` failed, or the thread that calls it.
pub(super) const ACCEPT_FAILED: i32 = 82;
/// Exit code: too many requests that cannot be dropped.
pub(super) const OVERSIZED: i32 = 83;

/// How a worker has ended. Where the parent of all ignores SIGCHLD, the system keeps no status.
pub(super) type ExitResult = io::Result<ExitStatus>;

/// Why a worker has ended or was ended, as it follows "the worker" in the log.
#[derive(Debug, Default, thiserror::Error)]
pub(crate) enum ExitReason {
    #[error("ended: its settings or files are refused")]
    SettingsRefused,
    #[error("cannot be started: {0}")]
    NotStarted(#[from] io::Error),
    #[error("{0}")]
    Other(String),
    #[default]
    #[error("ended")]
    Unknown,
}

impl ExitReason {
    /// What a process's end tells, unless nothing was wrong.
    pub(super) fn of(ended: ExitResult) -> Option<Self> {
        let (code, signal) = ended.map_or((None, None), |it| (it.code(), it.signal()));
        match (code, signal.map(Signal::try_from)) {
            (Some(0), _) => None,
            (Some(code), _) => Some(Self::of_code(code)),
            (None, Some(Ok(signal))) => Some(Self::Other(format!("was killed by {signal}"))),
            (None, _) => Some(Self::Unknown),
        }
    }

    pub(crate) fn of_code(code: i32) -> Self {
        let trouble = match code {
            USAGE => return Self::SettingsRefused,
            STUCK => "the loop was stuck",
            ACCEPT_FAILED => {
                "no connection could be accepted, for want of descriptors, threads or memory"
            }
            OVERSIZED => "too many oversized requests",
            _ => return Self::Other(format!("ended with exit code {code}")),
        };
        Self::Other(format!("ended: {trouble}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_worker_has_ended_tells_why() {
        let exit =
            |code| ExitReason::of(Ok(ExitStatus::from_raw(code << 8))).map(|it| it.to_string());
        assert_eq!(exit(0), None);
        assert_eq!(exit(81).unwrap(), "ended: the loop was stuck");
        assert_eq!(exit(101).unwrap(), "ended with exit code 101");
        let killed = ExitReason::of(Ok(ExitStatus::from_raw(9)));
        assert_eq!(killed.unwrap().to_string(), "was killed by SIGKILL");
        let unknown = ExitReason::of(Err(io::ErrorKind::NotFound.into()));
        assert_eq!(unknown.unwrap().to_string(), "ended");
    }
}
