//! A worker, as the supervisor sees it.

use std::{
    fs::{self, File},
    io,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::Command,
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::survival::link::Link;

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It prepares itself.
    Starting,
    /// It can serve, and was not told to.
    Ready,
    Serving,
    /// It was told to stop accepting, and may still do.
    Retiring,
    /// It accepts no connection any more.
    Retired,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) link: Link,
    /// Whether it will say nothing more.
    pub(super) is_mute: bool,
    pub(super) state: State,
    /// Since when it prepares itself, or serves.
    pub(super) since: Instant,
    pub(super) is_reload: bool,
    pub(super) version: String,
    /// The program that it runs.
    pub(super) file: Option<File>,
    pub(super) memory_kib: u64,
    /// Why the supervisor ended it.
    pub(super) reason: Option<String>,
}

impl Child {
    pub(super) fn start(mut command: Command, listener: &TcpListener) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let process = command
            .stdin(OwnedFd::from(listener.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .spawn()?;
        Ok(Self {
            pid: Pid::from_raw(i32::try_from(process.id()).map_err(io::Error::other)?),
            link: Link::new(ours),
            is_mute: false,
            state: State::Starting,
            since: Instant::now(),
            is_reload: false,
            version: String::new(),
            file: None,
            memory_kib: 0,
            reason: None,
        })
    }

    pub(super) fn kill(&self) {
        // It is not waited for yet, so no other process can have its number.
        let _ = kill(self.pid, Signal::SIGKILL);
    }

    /// Measures its resident memory; where the system does not tell it as Linux does, the bound of
    /// the worker's own remains.
    pub(super) fn measure(&mut self) {
        let measured = || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().strip_suffix("kB")?.trim().parse().ok()
        };
        self.memory_kib = measured().unwrap_or(0);
    }

    pub(super) fn note_memory(&mut self) {
        let mib = self.memory_kib / 1024;
        self.reason
            .get_or_insert_with(|| format!("ended: it used {mib} MiB of memory"));
    }
}
