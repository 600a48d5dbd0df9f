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
    process::{self, Command},
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
};

use super::{
    Limits, SHORTEST_INTERVAL, descriptors,
    exit::{ExitReason, ExitResult},
    interval_after,
    link::{END, GO, NOT_ACCEPTING, READY, RETIRE, receive, send},
    worker::{self, STRICT},
};
use crate::{access_log::RateLimit, systemd::notify};

/// How long a worker may take until it is ready, and later until it has stopped accepting or ended:
/// as the log says it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a worker that was replaced may stay: longer than one that works wants to.
const LONGEST_RETIREMENT: Duration = Duration::from_secs(90);

/// Workers at a time: one that serves, and some that were replaced and still have connections. A
/// reload waits for one of them to end where there are more.
const MAX_WORKERS: usize = 8;

/// A worker that ends so soon that several fit into a second …
const QUICK_EXIT: Duration = Duration::from_millis(100);
/// … is followed by the next one after this pause in milliseconds, by the number of quick exits in
/// a row. Kills at a steady beat, such as every 50 ms, do not fall in step with the longest pause.
const PAUSES: [u64; 12] = [0, 0, 0, 0, 0, 20, 40, 80, 160, 320, 640, 970];

/// Why a bot cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    #[error("signals cannot be taken: {0}")]
    Signals(#[from] Errno),
    #[error("the worker {0}")]
    Worker(ExitReason),
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
    begun: Instant,
    /// When it was last told something, or begun.
    told_at: Instant,
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
    runs_own: bool,
    signals: SignalFd,
    children: Vec<Child>,
    /// To be called when the first worker serves.
    announce: Option<Box<dyn FnOnce()>>,
    wants_reload: bool,
    quick_exits: usize,
    pause_end: Instant,
    exit_lines: RateLimit,
    is_ending: bool,
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
        // A log in a file that may not grow any more is no reason to end.
        SigSet::from_iter([Signal::SIGXFSZ]).thread_block()?;
        descriptors::limit(&limits);
        // Without `/proc`, the program is found as the shell found it.
        let as_called = || env::args_os().next().unwrap_or_default().into();
        Ok(Self {
            listener,
            limits,
            variables,
            program: env::current_exe().unwrap_or_else(|_| as_called()),
            runs_own: false,
            signals: SignalFd::with_flags(&taken, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            children: Vec::new(),
            announce: Some(Box::new(announce)),
            wants_reload: false,
            quick_exits: 0,
            pause_end: Instant::now(),
            exit_lines: RateLimit::new(1),
            is_ending: false,
        })
    }

    /// Has workers serve until a signal ends it.
    pub(crate) fn run(mut self) -> Result<(), SupervisorError> {
        let (mut interval, mut next_look) = (SHORTEST_INTERVAL, Instant::now());
        while !self.is_ending || !self.children.is_empty() {
            self.keep_serving()?;
            self.wait(next_look);
            while let Ok(Some(info)) = self.signals.read_signal() {
                self.on_signal(info.ssi_signo);
                next_look = Instant::now();
            }
            for mut child in mem::take(&mut self.children) {
                match child.follow() {
                    None => self.children.push(child),
                    Some(status) => self.on_end(child, status)?,
                }
            }
            if !self.has(State::Serving) || Instant::now() >= next_look {
                notify("WATCHDOG=1");
                self.reap_orphans();
                interval = interval_after(interval, self.check_limits());
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
        if self.is_ending || self.has(State::Starting) || self.has(State::Retiring) {
            return Ok(());
        }
        match (self.has(State::Ready), self.has(State::Serving)) {
            (true, true) => self.tell(State::Serving, RETIRE, State::Retiring),
            (true, false) => {
                // The worker before has changed it so that it could stop. Should this fail, the
                // next one ends, too, and tells why.
                let _ = self.listener.set_nonblocking(false);
                self.tell(State::Ready, GO, State::Serving);
                let _ = self.announce.take().map(|announce| announce());
            }
            (false, true) if self.wants_reload && self.children.len() < MAX_WORKERS => {
                (self.wants_reload, self.runs_own) = (false, false);
                self.start(true)?;
            }
            (false, false) if Instant::now() >= self.pause_end => self.start(false)?,
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, is_reload: bool) -> Result<(), SupervisorError> {
        self.spawn(is_reload)
            .or_else(|error| self.start_failed(is_reload, error.into()))
    }

    fn spawn(&mut self, is_reload: bool) -> io::Result<()> {
        let (link, theirs) = UnixStream::pair()?;
        link.set_nonblocking(true)?;
        // No worker has read the files before the first one.
        let is_strict = is_reload || self.announce.is_some();
        let own = Path::new("/proc/self/exe");
        let program = if self.runs_own { own } else { &self.program };
        let process = Command::new(program)
            .arg0(env::args_os().next().unwrap_or_default())
            .args(env::args_os().skip(1))
            .env(worker::VARIABLE, if is_strict { STRICT } else { "start" })
            .env("RUST_MIN_STACK", descriptors::STACK_BYTES.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(self.listener.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .spawn()?;
        self.children.push(Child {
            process,
            link,
            state: State::Starting,
            begun: Instant::now(),
            told_at: Instant::now(),
            is_reload,
            memory_kib: 0,
            reason: None,
        });
        Ok(())
    }

    /// A worker has not got ready.
    fn start_failed(&mut self, is_reload: bool, reason: ExitReason) -> Result<(), SupervisorError> {
        if self.announce.is_some() {
            return Err(SupervisorError::Worker(reason));
        }
        // What cannot be started is not tried again before the next reload. Nor is what refuses
        // settings that served before: it may be another program, or half of one.
        self.runs_own |= !is_reload || !matches!(reason, ExitReason::SettingsRefused);
        if is_reload {
            let program = self.program.display();
            log::error!("SIGHUP: {program} {reason}; the running worker goes on");
        } else {
            self.plan_next(Duration::ZERO, &reason);
        }
        Ok(())
    }

    /// Plans the start of the next worker after one that lived so long, and logs why it has ended.
    fn plan_next(&mut self, life: Duration, reason: &ExitReason) {
        let now = Instant::now();
        self.quick_exits = (self.quick_exits + 1) * usize::from(life < QUICK_EXIT);
        self.pause_end = now + pause_after(self.quick_exits);
        match self.exit_lines.admit(now) {
            Some(0) => log::warn!("the worker {reason}"),
            Some(more) => log::warn!("the worker {reason}, after {more} more that ended"),
            None => {}
        }
    }

    /// Waits for a signal, a worker's line or end, the end of a pause, or the next look.
    fn wait(&self, next_look: Instant) {
        let now = Instant::now();
        let pause_end = Some(self.pause_end).filter(|end| *end > now);
        let time = pause_end.map_or(next_look, |end| end.min(next_look)) - now;
        // Rounded up: too early would be for nothing.
        let timeout = PollTimeout::try_from(time + Duration::from_millis(1));
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let links = self.children.iter().map(|child| child.link.as_fd());
        let mut sources: Vec<_> = links.chain([self.signals.as_fd()]).map(readable).collect();
        // Whatever it returns, everything is looked at.
        let _ = poll(&mut sources, timeout.unwrap_or(PollTimeout::ZERO));
    }

    fn on_signal(&mut self, number: u32) {
        match i32::try_from(number).map(Signal::try_from) {
            Ok(Ok(Signal::SIGHUP)) => {
                let waits = mem::replace(&mut self.wants_reload, true);
                if !waits && self.children.len() >= MAX_WORKERS {
                    log::warn!("SIGHUP: waiting until one of {MAX_WORKERS} workers has ended");
                }
            }
            Ok(Ok(signal)) if !self.is_ending => {
                log::info!("{signal}: ending");
                notify("STOPPING=1");
                self.is_ending = true;
                // One that is starting has nothing in hand.
                let children = &mut self.children;
                let starting = children.extract_if(.., |it| it.state == State::Starting);
                starting.for_each(|mut child| child.end());
                let others = children.iter_mut();
                others.for_each(|child| child.tell(END, State::Retiring));
            }
            _ => {}
        }
    }

    fn on_end(&mut self, child: Child, status: ExitResult) -> Result<(), SupervisorError> {
        // How one that was to end did so does not matter where the system keeps no status.
        let is_fine = child.state == State::Retired && status.is_err();
        let told = child.reason.map(ExitReason::Other);
        let reason = told.or_else(|| ExitReason::of(status).filter(|_| !is_fine));
        if child.state == State::Starting {
            self.start_failed(child.is_reload, reason.unwrap_or_default())?;
        } else if let Some(reason) = reason {
            self.plan_next(child.begun.elapsed(), &reason);
        }
        Ok(())
    }

    /// As process 1 of a container, this one is the parent of what others leave behind.
    fn reap_orphans(&self) {
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let is_worker = |id: u32| self.children.iter().any(|it| it.process.id() == id);
        loop {
            let _ = match waitid(Id::All, ended).map(|status| status.pid()) {
                Ok(Some(pid)) if !is_worker(pid.as_raw().cast_unsigned()) => waitpid(pid, None),
                // It was killed by a real-time signal.
                Err(Errno::EINVAL) => waitpid(None, Some(WaitPidFlag::WNOHANG)),
                _ => break,
            };
        }
    }

    /// Ends the workers that take too much, memory or time. Whether there is a reason to look again
    /// soon.
    fn check_limits(&mut self) -> bool {
        let limit = self.limits.memory_mib * 1024;
        let mut is_busy = !self.has(State::Serving);
        for child in &mut self.children {
            let memory = descriptors::resident_kib(child.process.id());
            let before = mem::replace(&mut child.memory_kib, memory);
            let used = format!("ended: it used {} MiB of memory", memory / 1024);
            let is_late = child.told_at.elapsed() > PATIENCE;
            let is_over = child.told_at.elapsed() > LONGEST_RETIREMENT || is_late && self.is_ending;
            match child.state {
                _ if memory > limit => child.kill(&used),
                State::Serving if memory > limit / 4 * 3 => {
                    // Early enough for what it has in hand to be answered.
                    child.reason = Some(used);
                    child.tell(END, State::Retiring);
                }
                State::Starting if is_late => child.kill("was not ready within 5 s"),
                State::Retiring if is_late => child.kill("did not stop within 5 s"),
                State::Retired if is_over => child.kill("did not end in time"),
                _ => {}
            }
            // A flood of headers takes some MiB between two looks; what is less is none.
            is_busy |= memory.abs_diff(before) > limit / 256;
            is_busy |= !matches!(child.state, State::Serving | State::Retired);
        }
        is_busy
    }
}

impl Child {
    fn kill(&mut self, reason: &str) {
        self.reason.get_or_insert_with(|| reason.to_owned());
        self.end();
    }

    /// Where SIGCHLD is ignored, another process may have the number of one that has ended.
    fn end(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
        }
    }

    fn tell(&mut self, words: &str, state: State) {
        send(&self.link, words);
        (self.state, self.told_at) = (state, Instant::now());
    }

    /// Reads what it says. How it has ended, if it has.
    fn follow(&mut self) -> Option<ExitResult> {
        match receive(&self.link) {
            Ok(lines) => lines.iter().for_each(|line| self.on_line(line)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // It ends, or can be told nothing any more.
            Err(_) => self.end(),
        }
        self.process.try_wait().transpose()
    }

    fn on_line(&mut self, line: &str) {
        match (self.state, line.strip_prefix(READY)) {
            (State::Starting, Some(version)) if version.starts_with(char::is_numeric) => {
                self.state = State::Ready;
                if self.is_reload {
                    log::info!("SIGHUP: daoxiao {version} takes over");
                }
            }
            (State::Starting, _) => self.kill("is not daoxiao"),
            _ if line == NOT_ACCEPTING => self.state = State::Retired,
            // What a later version says is nothing to this one.
            _ => {}
        }
    }
}

/// The time from the last of so many quick exits to the next worker.
fn pause_after(quick_exits: usize) -> Duration {
    let pause = PAUSES.get(quick_exits).or(PAUSES.last());
    pause.map_or(Duration::ZERO, |pause| Duration::from_millis(*pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_number_of_quick_exits() {
        let pauses = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 99].map(|it| pause_after(it).as_millis());
        assert_eq!(pauses, [0, 0, 0, 20, 40, 80, 160, 320, 640, 970, 970]);
    }
}
