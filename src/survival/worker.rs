//! The worker's side: takes the socket over, does what the supervisor says, watches over the loop.

use std::{
    env, io, iter, mem,
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixStream},
    process,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{
    SHORTEST_INTERVAL,
    exit::STUCK,
    health::Health,
    interval_after,
    link::{END, GO, NOT_ACCEPTING, READY, RETIRE, receive, send},
    socket::wake_accept,
};
use crate::logger;

/// Makes a `daoxiao serve` a worker, and says what kind of one.
pub(crate) const VARIABLE: &str = "DAOXIAO_WORKER";
/// Its value for the first worker and for one that is to replace another that serves: where it
/// cannot read a file, it ends rather than do without. A supervisor of another version sets it,
/// too, so it stays what it is.
pub(super) const STRICT: &str = "reload";

/// The loop, which waits for nobody, counts as stuck when it needs more for a request.
const LONGEST_REQUEST: Duration = Duration::from_millis(1500);

/// How long a worker that was replaced stays for its kept connections: longer than proxies keep an
/// idle one by default.
const RETIREMENT: Duration = Duration::from_secs(75);

/// Connections to the own port at one look; of a flood, the rest is woken at the next ones.
const MAX_WAKES: usize = 32;

/// A worker, and what ends it.
pub(crate) struct Worker {
    listener: TcpListener,
    link: UnixStream,
    pub(crate) health: Arc<Health>,
    /// Whether it gives up rather than do without something that its owner wants.
    pub(crate) is_strict: bool,
}

/// The variable of a worker is set, and no supervisor has set it.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is the program's own and cannot be set: standard input is no listening socket")]
pub(crate) struct NoSupervisor;

impl Worker {
    /// This process as a worker, if it was started as one: its standard input is the socket, and
    /// its standard output the link to the supervisor.
    pub(crate) fn from_environment() -> Result<Option<Self>, NoSupervisor> {
        let Some(kind) = env::var_os(VARIABLE) else {
            return Ok(None);
        };
        if !SockRef::from(&io::stdin()).is_listener().unwrap_or(false) {
            return Err(NoSupervisor);
        }
        let copy = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned().map_err(|_| NoSupervisor);
        Ok(Some(Self {
            listener: copy(&io::stdin())?.into(),
            link: copy(&io::stdout())?.into(),
            health: Arc::default(),
            is_strict: kind == STRICT,
        }))
    }

    /// Starts the threads that are beside the loop, says that everything is prepared, and waits to
    /// be told to serve.
    pub(crate) fn wait_for_go(self) -> io::Result<TcpListener> {
        let listener = self.listener.try_clone()?;
        let (go, told_to_go) = channel();
        let this = Arc::new(self);
        let (linked, watching) = (Arc::clone(&this), Arc::clone(&this));
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        thread("link")
            .spawn(move || linked.follow(&go))
            .and_then(|_| thread("watch").spawn(move || watching.watch()))
            .map_err(|error| io::Error::other(format!("no thread can be started: {error}")))?;
        send(&this.link, &format!("{READY}{}", env!("CARGO_PKG_VERSION")));
        // Without a supervisor, there is nothing to serve for.
        told_to_go.recv().unwrap_or_else(|_| process::exit(0));
        this.health.count_idle_descriptors();
        Ok(listener)
    }

    /// Does what the supervisor says, until it is gone: then so is the worker.
    fn follow(&self, go: &Sender<()>) {
        let lines = iter::from_fn(|| receive(&self.link).ok());
        for line in lines.flatten() {
            match line.as_str() {
                // The loop waits for that, once.
                GO => drop(go.send(())),
                RETIRE => self.stop_accepting(),
                END => return self.end(0),
                // What a later version says is nothing to this one.
                _ => {}
            }
        }
        self.end(0);
    }

    /// Has the next `accept` fail that finds nobody waiting, which ends the thread of `tiny_http`
    /// that accepts; all that have connected before are served. An `accept` that waits already is
    /// woken by a connection; if that fails, by the one of the next peer. The setting is the
    /// socket's, not the process's: the supervisor takes it back for the next worker.
    fn stop_accepting(&self) {
        self.health.close_connections();
        if !self.health.has_ended_accepting() {
            let stopped = self.listener.set_nonblocking(true);
            let _ = stopped.and_then(|()| wake_accept(&self.listener));
        }
    }

    fn end(&self, exit_code: i32) {
        self.health.leave(exit_code);
        self.stop_accepting();
    }

    /// Looks at the health of the loop, again and again. One that is told to end does so when it
    /// has answered what it had; one that is stuck cannot.
    fn watch(&self) {
        let health = &self.health;
        let begun = Instant::now();
        let (mut interval, mut steps, mut stuck_for) = (SHORTEST_INTERVAL, 0, Duration::ZERO);
        let (mut busy, mut retired_at) = (0, None);
        loop {
            health.wait(interval, interval > SHORTEST_INTERVAL);
            let now = Instant::now();
            let steps_before = mem::replace(&mut steps, health.steps());
            let (has_request, has_moved) = (steps % 2 == 1, steps != steps_before);
            // Only what was waited for is counted: time in which the whole process stood still is
            // not the loop's.
            stuck_for = (stuck_for + interval) * u32::from(has_request && !has_moved);
            if stuck_for > LONGEST_REQUEST {
                logger::try_flush();
                process::exit(STUCK);
            }
            let _ = health.trouble(now - begun).map(|it| self.end(it));
            let busy_before = mem::replace(&mut busy, health.busy_descriptors());
            if health.has_ended_accepting() {
                let since = *retired_at.get_or_insert_with(|| {
                    send(&self.link, NOT_ACCEPTING);
                    now
                });
                if busy == 0 || now - since > RETIREMENT {
                    health.leave(0);
                }
            } else if busy > 0 {
                self.wake_threads(busy.saturating_sub(busy_before));
            }
            interval = interval_after(interval, has_request || has_moved || busy != busy_before);
        }
    }

    /// `tiny_http` may hand a connection to a thread that has just been handed another one. It then
    /// waits until that one ends, which an ill-willed peer can delay for ever. Each further
    /// connection has an idle thread woken or a new one started, which takes the oldest that waits.
    /// So while there are connections, nobody waits longer than from one look to the next.
    fn wake_threads(&self, new_descriptors: usize) {
        // A connection has two, and each that is new may wait behind another.
        let new = (new_descriptors / 2).clamp(1, MAX_WAKES);
        // When even this cannot connect, nobody else can, and the other signs of trouble tell why.
        let _ = (0..new).try_for_each(|_| wake_accept(&self.listener));
    }
}
