//! The supervisor: owns the socket, has a worker serve on it, and starts the next one when that is
//! gone or to be replaced.

mod child;
mod deaths;
mod program;

use std::{
    io,
    net::TcpListener,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
};

use self::{
    child::{Child, State},
    deaths::Deaths,
    program::Program,
};
use super::{
    Limits, Pace,
    health::Trouble,
    link::{END, GO, NOT_ACCEPTING, READY, RETIRE},
    signals::Signals,
    socket::accept_again,
    worker::{RELOAD, START},
};

/// How long a worker may take until it is ready.
const PREPARATION: Duration = Duration::from_secs(5);

/// What a worker that is to end may take beyond its request in hand, until it is killed.
const END_ROOM: Duration = Duration::from_secs(1);

/// Workers that were replaced and still have connections; the oldest of more is ended.
const MAX_RETIRED: usize = 8;

/// From one look to the next while memory changes, or something is to happen in time.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

/// A change of memory that counts as none.
const STEADY_KIB: u64 = 256;

/// Why a bot cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    #[error("signals cannot be taken: {0}")]
    Signals(Errno),
    #[error("a worker cannot be started: {0}")]
    Start(io::Error),
    #[error("the worker {0}")]
    NotReady(String),
}

/// One process with one thread, which neither accepts connections nor reads what comes on them.
#[derive(Debug)]
pub(crate) struct Supervisor {
    listener: TcpListener,
    limits: Limits,
    program: Program,
    signals: Signals,
    children: Vec<Child>,
    deaths: Deaths,
    has_served: bool,
    wants_reload: bool,
    /// When the children that have not ended are killed.
    ending: Option<Instant>,
    pace: Pace,
}

impl Supervisor {
    /// `variables` are what a worker has in its environment beyond what the supervisor has.
    pub(crate) fn new(
        listener: TcpListener,
        limits: Limits,
        variables: Vec<(&'static str, String)>,
    ) -> Result<Self, SupervisorError> {
        Ok(Self {
            listener,
            limits,
            program: Program::of_this_process(variables),
            signals: Signals::open().map_err(SupervisorError::Signals)?,
            children: Vec::new(),
            deaths: Deaths::default(),
            has_served: false,
            wants_reload: false,
            ending: None,
            pace: Pace::new(SHORTEST_INTERVAL),
        })
    }

    /// Has workers serve until a signal ends it; `announce` is called when the first one does.
    pub(crate) fn run(mut self, announce: impl FnOnce()) -> Result<(), SupervisorError> {
        let mut announce = Some(announce);
        let mut next_look = Instant::now();
        loop {
            self.settle()?;
            if self.has_served
                && let Some(announce) = announce.take()
            {
                announce();
            }
            if self.ending.is_some() && self.children.is_empty() {
                self.deaths.tell_rest();
                return Ok(());
            }
            self.wait(next_look);
            while let Some(signal) = self.signals.next() {
                self.take(signal);
            }
            self.listen_to_children();
            self.reap()?;
            if Instant::now() >= next_look {
                let has_changed = self.look();
                self.pace.looked(has_changed);
                next_look = Instant::now() + self.pace.interval();
            }
        }
    }

    /// Does what there is to do about workers: one serves or is about to, and never do two accept.
    fn settle(&mut self) -> Result<(), SupervisorError> {
        let has = |state| self.children.iter().any(|child| child.state == state);
        if self.ending.is_some() || has(State::Retiring) {
            return Ok(());
        }
        let is_starting = has(State::Starting);
        match (has(State::Ready), has(State::Serving)) {
            (true, true) => self.replace(),
            (true, false) => self.let_serve(),
            (false, false) if !is_starting && self.deaths.may_start() => self.start_again()?,
            (false, true) if !is_starting && self.wants_reload => self.reload(),
            _ => {}
        }
        Ok(())
    }

    fn child(&mut self, state: State) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.state == state)
    }

    fn replace(&mut self) {
        if let Some(ready) = self.child(State::Ready) {
            log::info!("SIGHUP: {} takes over", ready.version);
        }
        if let Some(serving) = self.child(State::Serving) {
            serving.state = State::Retiring;
            serving.link.say(RETIRE);
        }
        let is_retired = |child: &&mut Child| child.state == State::Retired;
        if self.children.iter_mut().filter(is_retired).count() > MAX_RETIRED
            && let Some(oldest) = self.child(State::Retired)
        {
            oldest.link.say(END);
        }
    }

    fn let_serve(&mut self) {
        if let Err(error) = accept_again(&self.listener) {
            log::error!("the socket cannot be set to wait: {error}");
        }
        if let Some(ready) = self.child(State::Ready) {
            ready.state = State::Serving;
            ready.since = Instant::now();
            ready.link.say(GO);
            let file = ready.file.take();
            self.program.is_now(file);
            self.has_served = true;
        }
    }

    fn start_again(&mut self) -> Result<(), SupervisorError> {
        match self.program.start(START, &self.listener) {
            Ok(child) => self.children.push(child),
            Err(error) if !self.has_served => return Err(SupervisorError::Start(error)),
            Err(error) => self
                .deaths
                .add(Duration::ZERO, &format!("cannot be started: {error}")),
        }
        Ok(())
    }

    fn reload(&mut self) {
        self.wants_reload = false;
        match self.program.start(RELOAD, &self.listener) {
            Ok(child) => self.children.push(child),
            Err(error) => self.refuse_reload(&format!("cannot be started: {error}")),
        }
    }

    fn refuse_reload(&self, reason: &str) {
        log::error!(
            "SIGHUP: {} {reason}; the running worker goes on",
            self.program
        );
    }

    /// Waits for a signal, a line from a worker, or the time of the next look.
    fn wait(&self, next_look: Instant) {
        let is_waiting = self.ending.is_some()
            || !self.deaths.may_start()
            || self.children.iter().any(|it| it.state == State::Starting);
        let mut patience = next_look.saturating_duration_since(Instant::now());
        if is_waiting {
            patience = patience.min(SHORTEST_INTERVAL);
        }
        // Rounded up: too early is a look for nothing.
        let patience = patience + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        let mut sources = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let talking = self.children.iter().filter(|child| !child.is_mute);
        sources.extend(talking.map(|it| PollFd::new(it.link.stream().as_fd(), PollFlags::POLLIN)));
        // Whatever it returns, everything is looked at.
        let _ = poll(&mut sources, timeout);
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::SIGHUP => self.wants_reload = true,
            Signal::SIGTERM | Signal::SIGINT if self.ending.is_none() => {
                log::info!("{signal}: ending");
                self.ending = Some(Instant::now() + self.limits.request + END_ROOM);
                for child in &self.children {
                    child.link.say(END);
                }
            }
            // A worker has ended: all that have are waited for.
            _ => {}
        }
    }

    fn listen_to_children(&mut self) {
        for child in &mut self.children {
            loop {
                match child.link.line() {
                    Ok(line) => obey(child, &line),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {
                        child.is_mute = true;
                        break;
                    }
                }
            }
        }
    }

    /// Takes notice of all children that have ended; as process 1 of a container, of any others.
    fn reap(&mut self) -> Result<(), SupervisorError> {
        loop {
            let (pid, reason) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, describe(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    (pid, Some(format!("was killed by {signal}")))
                }
                Err(Errno::EINTR) => continue,
                _ => return Ok(()),
            };
            let Some(position) = self.children.iter().position(|child| child.pid == pid) else {
                continue;
            };
            let child = self.children.remove(position);
            self.mourn(child, reason)?;
        }
    }

    /// `how` is none where nothing was wrong.
    fn mourn(&mut self, child: Child, how: Option<String>) -> Result<(), SupervisorError> {
        if child.state == State::Starting && self.ending.is_none() {
            let how = how.unwrap_or_else(|| "ended".to_owned());
            let reason = child
                .reason
                .unwrap_or_else(|| format!("{how} before it was ready"));
            if !self.has_served {
                return Err(SupervisorError::NotReady(reason));
            } else if child.is_reload {
                self.refuse_reload(&reason);
            } else {
                self.deaths.add(Duration::ZERO, &reason);
            }
        } else if let Some(reason) = child.reason.or(how) {
            self.deaths.add(child.since.elapsed(), &reason);
        }
        Ok(())
    }

    /// Measures the workers and ends those that take too much, memory or time. Whether there is a
    /// reason to look again soon.
    fn look(&mut self) -> bool {
        let limit = self.limits.memory_mib * 1024;
        let is_late = self.ending.is_some_and(|end| Instant::now() > end);
        let mut has_changed = false;
        for child in &mut self.children {
            let before = child.memory_kib;
            child.measure();
            has_changed |= child.memory_kib.abs_diff(before) > STEADY_KIB;
            has_changed |= child.memory_kib > limit / 2;
            if child.memory_kib > limit {
                child.note_memory();
                child.kill();
            } else if child.memory_kib > limit / 4 * 3 && child.state == State::Serving {
                // Early enough for what it has in hand to be answered.
                child.note_memory();
                child.state = State::Retiring;
                child.link.say(END);
            } else if child.state == State::Starting && child.since.elapsed() > PREPARATION {
                child.reason = Some(format!("was not ready within {} s", PREPARATION.as_secs()));
                child.kill();
            } else if is_late {
                child.kill();
            }
        }
        has_changed
    }
}

/// Does what a worker's line means.
fn obey(child: &mut Child, line: &str) {
    match (child.state, line.strip_prefix(READY)) {
        (State::Starting, Some(version)) => {
            child.state = State::Ready;
            version.clone_into(&mut child.version);
        }
        (State::Starting, None) => {
            child.reason = Some("is not daoxiao".to_owned());
            child.kill();
        }
        (State::Serving | State::Retiring, _) if line == NOT_ACCEPTING => {
            child.state = State::Retired;
        }
        // What a later version says is nothing to this one.
        _ => {}
    }
}

/// How a worker ended, unless nothing was wrong.
fn describe(exit_code: i32) -> Option<String> {
    match Trouble::of(exit_code) {
        Some(trouble) => Some(format!("ended: {trouble}")),
        None if exit_code == 0 => None,
        None => Some(format!("ended with exit code {exit_code}")),
    }
}
