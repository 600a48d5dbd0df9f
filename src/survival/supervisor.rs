//! The supervisor: owns the socket, has a worker serve on it, and starts the next one when that is
//! gone or to be replaced.

use std::{
    env, io, mem,
    net::TcpListener,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::{Id, WaitPidFlag, waitid, waitpid},
    },
    unistd::Pid,
};
use sd_notify::{NotifyState, notify};

use super::{
    Limits, descriptors,
    health::{SETTINGS_REFUSED, reason},
    interval_after,
    link::{END, GO, NOT_ACCEPTING, READY, RETIRE, receive, send},
    worker::{RELOAD, START, VARIABLE},
};
use crate::access_log::RateLimit;

/// How long a worker may take until it is ready, and later until it has stopped accepting.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a worker that is to end may take beyond its request in hand, until it is killed.
const END_ROOM: Duration = Duration::from_secs(1);

/// Workers at a time: one that serves, and some that were replaced and still have connections. A
/// reload waits for one of them to end where there are more.
const MAX_WORKERS: usize = 8;

/// A worker that ends so soon that several fit into a second …
const QUICK_EXIT: Duration = Duration::from_millis(100);
/// … of which so many in a row are followed at once by the next worker …
const FREE_EXITS: u32 = 4;
/// … and each further one by a pause twice as long as the one before …
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// From one look to the next while something goes on.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

/// A change of memory that counts as none.
const STEADY_KIB: u64 = 256;

/// Why a bot cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    #[error("signals cannot be taken: {0}")]
    Signals(#[from] Errno),
    #[error("the worker {0}")]
    Worker(String),
}

/// The states of a worker, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It prepares itself.
    Starting,
    /// It can serve, and was not told to.
    Ready,
    Serving,
    /// It was told to stop accepting, and may not have done so yet.
    Retiring,
    /// It accepts no connection any more.
    Retired,
}

/// A worker.
struct Child {
    process: process::Child,
    link: UnixStream,
    state: State,
    /// When the supervisor has brought it into its state, or the one before.
    since: Instant,
    is_reload: bool,
    memory_kib: u64,
    /// Why it is ended, where its exit does not say it.
    reason: Option<String>,
}

/// One process with one thread, which neither accepts connections nor reads what comes on them.
pub(crate) struct Supervisor {
    listener: TcpListener,
    limits: Limits,
    /// What a worker has in its environment beyond what the supervisor has.
    variables: Vec<(&'static str, String)>,
    /// Where this process was started from: an upgrade puts the next version there.
    program: PathBuf,
    /// Whether what is there has failed: until the next reload, this process's own program is
    /// started, also where its file is gone.
    has_program_failed: bool,
    signals: SignalFd,
    children: Vec<Child>,
    /// To be called when the first worker serves.
    announce: Option<Box<dyn FnOnce()>>,
    wants_reload: bool,
    quick_exits: u32,
    pause_end: Instant,
    exit_lines: RateLimit,
    /// When the workers that have not ended are killed.
    ending: Option<Instant>,
}

impl Supervisor {
    /// Takes signals from now on, never by a handler. A worker has them blocked, too, for a mask
    /// survives `exec`: what it is to do, the supervisor tells it.
    pub(crate) fn new(
        listener: TcpListener,
        limits: Limits,
        variables: Vec<(&'static str, String)>,
        announce: impl FnOnce() + 'static,
    ) -> Result<Self, SupervisorError> {
        let taken = SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM]);
        taken.thread_block()?;
        descriptors::limit(&limits);
        // Without `/proc`, the program is found as the shell found it.
        let as_called = || env::args_os().next().unwrap_or_default().into();
        Ok(Self {
            listener,
            limits,
            variables,
            program: env::current_exe().unwrap_or_else(|_| as_called()),
            has_program_failed: false,
            signals: SignalFd::with_flags(&taken, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            children: Vec::new(),
            announce: Some(Box::new(announce)),
            wants_reload: false,
            quick_exits: 0,
            pause_end: Instant::now(),
            exit_lines: RateLimit::new(1),
            ending: None,
        })
    }

    /// Has workers serve until a signal ends it.
    pub(crate) fn run(mut self) -> Result<(), SupervisorError> {
        let (mut interval, mut next_look) = (SHORTEST_INTERVAL, Instant::now());
        while self.ending.is_none() || !self.children.is_empty() {
            self.keep_serving()?;
            self.wait(next_look);
            while let Ok(Some(info)) = self.signals.read_signal() {
                let number = i32::try_from(info.ssi_signo).unwrap_or_default();
                self.take(Signal::try_from(number));
                next_look = Instant::now();
            }
            for mut child in mem::take(&mut self.children) {
                match child.listen() {
                    None => self.children.push(child),
                    Some(status) => self.note_end(child, status)?,
                }
            }
            if Instant::now() >= next_look {
                tell_systemd(NotifyState::Watchdog);
                self.reap_orphans();
                interval = interval_after(interval, SHORTEST_INTERVAL, self.look());
                next_look = Instant::now() + interval;
            }
        }
        Ok(())
    }

    fn has(&self, state: State) -> bool {
        self.children.iter().any(|child| child.state == state)
    }

    fn tell(&mut self, before: State, words: &str, after: State) {
        let told = self.children.iter_mut().filter(|it| it.state == before);
        told.for_each(|child| child.tell(words, after));
    }

    /// One worker serves or is about to, and never do two accept.
    fn keep_serving(&mut self) -> Result<(), SupervisorError> {
        if self.ending.is_some() || self.has(State::Retiring) {
            return Ok(());
        }
        match (self.has(State::Ready), self.has(State::Serving)) {
            (true, true) => self.tell(State::Serving, RETIRE, State::Retiring),
            (true, false) => self.let_serve(),
            _ if self.has(State::Starting) => {}
            (false, true) if self.wants_reload && self.children.len() <= MAX_WORKERS => {
                self.wants_reload = false;
                self.start(true)?;
            }
            (false, false) if Instant::now() >= self.pause_end => self.start(false)?,
            _ => {}
        }
        Ok(())
    }

    /// Has the worker serve that is ready.
    fn let_serve(&mut self) {
        // The worker before has set it so that it could stop.
        if let Err(error) = self.listener.set_nonblocking(false) {
            log::error!("the socket cannot be set to wait: {error}");
        }
        let is_reload = |child: &Child| child.state == State::Ready && child.is_reload;
        self.has_program_failed &= !self.children.iter().any(is_reload);
        self.tell(State::Ready, GO, State::Serving);
        if let Some(announce) = self.announce.take() {
            announce();
            tell_systemd(NotifyState::Ready);
        }
    }

    fn start(&mut self, is_reload: bool) -> Result<(), SupervisorError> {
        match self.spawn(is_reload) {
            Ok(child) => self.children.push(child),
            Err(error) => self.give_up(is_reload, format!("cannot be started: {error}"))?,
        }
        Ok(())
    }

    fn spawn(&self, is_reload: bool) -> io::Result<Child> {
        let (link, theirs) = UnixStream::pair()?;
        link.set_nonblocking(true)?;
        let own = Path::new("/proc/self/exe");
        let is_own = self.has_program_failed && !is_reload;
        let mut arguments = env::args_os();
        let process = Command::new(if is_own { own } else { &self.program })
            .arg0(arguments.next().unwrap_or_default())
            .args(arguments)
            .env(VARIABLE, if is_reload { RELOAD } else { START })
            .env("RUST_MIN_STACK", descriptors::STACK_BYTES.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(self.listener.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .spawn()?;
        Ok(Child {
            process,
            link,
            state: State::Starting,
            since: Instant::now(),
            is_reload,
            memory_kib: 0,
            reason: None,
        })
    }

    /// A worker has not come to serve.
    fn give_up(&mut self, is_reload: bool, reason: String) -> Result<(), SupervisorError> {
        if self.announce.is_some() {
            return Err(SupervisorError::Worker(reason));
        }
        self.has_program_failed |= reason != SETTINGS_REFUSED;
        if is_reload {
            let program = self.program.display();
            log::error!("SIGHUP: {program} {reason}; the running worker goes on");
        } else {
            self.note_exit(Duration::ZERO, &reason);
        }
        Ok(())
    }

    /// A worker has ended after serving for so long.
    fn note_exit(&mut self, life: Duration, reason: &str) {
        let now = Instant::now();
        let is_quick = life < QUICK_EXIT;
        self.quick_exits = if is_quick { self.quick_exits + 1 } else { 0 };
        self.pause_end = now + pause_after(self.quick_exits);
        match self.exit_lines.admit(now) {
            (true, 0) => log::warn!("the worker {reason}"),
            (true, more) => log::warn!("the worker {reason}, after {more} more that ended"),
            (false, _) => {}
        }
    }

    /// Waits for a signal, a worker's line or end, or the next look.
    fn wait(&self, next_look: Instant) {
        let time = next_look.saturating_duration_since(Instant::now());
        // Rounded up: too early would be for nothing.
        let timeout = PollTimeout::try_from(time + Duration::from_millis(1));
        let mut sources = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let links = self.children.iter().map(|child| child.link.as_fd());
        sources.extend(links.map(|link| PollFd::new(link, PollFlags::POLLIN)));
        // Whatever it returns, everything is looked at.
        let _ = poll(&mut sources, timeout.unwrap_or(PollTimeout::ZERO));
    }

    fn take(&mut self, signal: Result<Signal, Errno>) {
        match signal {
            Ok(Signal::SIGHUP) => self.wants_reload = true,
            Ok(signal) if self.ending.is_none() => {
                log::info!("{signal}: ending");
                tell_systemd(NotifyState::Stopping);
                self.ending = Some(Instant::now() + self.limits.request + END_ROOM);
                self.children.iter().for_each(|it| send(&it.link, END));
            }
            _ => {}
        }
    }

    /// A worker has ended.
    fn note_end(
        &mut self,
        child: Child,
        status: io::Result<ExitStatus>,
    ) -> Result<(), SupervisorError> {
        let reason = child.reason.or_else(|| reason(status));
        if child.state == State::Starting && self.ending.is_none() {
            let reason = reason.unwrap_or_else(|| "ended".to_owned());
            self.give_up(child.is_reload, reason)?;
        } else if let Some(reason) = reason {
            self.note_exit(child.since.elapsed(), &reason);
        }
        Ok(())
    }

    /// As process 1 of a container, this one is the parent of what others leave behind.
    fn reap_orphans(&self) {
        let is_worker = |pid: Pid| {
            let mut children = self.children.iter();
            children.any(|child| i32::try_from(child.process.id()) == Ok(pid.as_raw()))
        };
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(Some(pid)) = waitid(Id::All, ended).map(|status| status.pid())
            && !is_worker(pid)
        {
            let _ = waitpid(pid, None);
        }
    }

    /// Measures the workers and ends those that take too much, memory or time. Whether there is a
    /// reason to look again soon.
    fn look(&mut self) -> bool {
        let limit = self.limits.memory_mib * 1024;
        let is_late = self.ending.is_some_and(|end| Instant::now() > end);
        let mut is_busy = self.ending.is_some() || !self.has(State::Serving);
        for child in &mut self.children {
            let memory = descriptors::resident_kib(child.process.id());
            let before = mem::replace(&mut child.memory_kib, memory);
            if memory > limit / 4 * 3 && child.state == State::Serving {
                let mib = memory / 1024;
                child.reason = Some(format!("ended: it used {mib} MiB of memory"));
                // Early enough for what it has in hand to be answered.
                child.tell(END, State::Retiring);
            }
            let step = match child.state {
                State::Starting => Some("was not ready"),
                State::Retiring => Some("did not stop accepting"),
                _ => None,
            };
            let is_slow = step.is_some() && child.since.elapsed() > PATIENCE;
            if let Some(step) = step.filter(|_| is_slow) {
                let reason = format!("{step} within {} s", PATIENCE.as_secs());
                child.reason.get_or_insert(reason);
            }
            if memory > limit || is_slow || is_late {
                child.kill();
            }
            is_busy |= memory.abs_diff(before) > STEADY_KIB || memory > limit / 2 || step.is_some();
        }
        is_busy
    }
}

/// Unless systemd has started this process, nobody is told.
fn tell_systemd(state: NotifyState<'_>) {
    let _ = notify(&[state]);
}

impl Child {
    fn tell(&mut self, words: &str, state: State) {
        send(&self.link, words);
        (self.state, self.since) = (state, Instant::now());
    }

    fn kill(&mut self) {
        // It was not waited for yet, so no other process can have its number.
        let _ = self.process.kill();
    }

    /// Reads what it says. How it has ended, if it has.
    fn listen(&mut self) -> Option<io::Result<ExitStatus>> {
        match receive(&self.link) {
            Ok(lines) => lines.iter().for_each(|line| self.take(line)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // It ends, or can be told nothing any more.
            Err(_) => self.kill(),
        }
        self.process.try_wait().transpose()
    }

    fn take(&mut self, line: &str) {
        match (self.state, line.strip_prefix(READY)) {
            (State::Starting, Some(version)) => {
                self.state = State::Ready;
                if self.is_reload {
                    log::info!("SIGHUP: {version} takes over");
                }
            }
            (State::Starting, None) => {
                self.reason = Some("is not daoxiao".to_owned());
                self.kill();
            }
            _ if line == NOT_ACCEPTING => self.state = State::Retired,
            // What a later version says is nothing to this one.
            _ => {}
        }
    }
}

/// The time from the last of so many quick exits to the next worker.
fn pause_after(quick_exits: u32) -> Duration {
    let doubled = quick_exits.checked_sub(FREE_EXITS + 1);
    doubled.map_or(Duration::ZERO, |times| {
        LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(times.min(8)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_number_of_quick_exits() {
        let pauses = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 99].map(|it| pause_after(it).as_millis());
        assert_eq!(pauses, [0, 0, 0, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }
}
