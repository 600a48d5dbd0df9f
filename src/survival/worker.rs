//! The worker's side: takes the socket over, does what the supervisor says, watches over the loop.

use std::{
    env, io, mem,
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
    Limits,
    health::{Health, STUCK, note_panics},
    interval_after,
    link::{END, GO, NOT_ACCEPTING, READY, RETIRE, receive, send},
    socket::wake_accept,
};

/// Makes a `daoxiao serve` a worker, and says what kind of one.
pub(crate) const VARIABLE: &str = "DAOXIAO_WORKER";
/// The worker serves as soon as it can.
pub(super) const START: &str = "start";
/// The worker is to take over from one that serves, and gives up rather than be worse.
pub(super) const RELOAD: &str = "reload";

/// How long the loop goes on answering what has arrived when it is to end.
pub(crate) const DRAIN: Duration = Duration::from_millis(100);

/// How long a worker that was replaced stays for its kept connections: longer than proxies keep an
/// idle one by default.
const RETIREMENT: Duration = Duration::from_secs(75);

/// Connections to the own port at one look; of a flood, the rest is woken at the next ones.
const MAX_WAKES: usize = 32;

/// From one look to the next while connections come and go.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// A worker, and what ends it.
pub(crate) struct Worker {
    listener: TcpListener,
    link: UnixStream,
    limits: Limits,
    pub(crate) health: Arc<Health>,
    /// Whether it gives up rather than do without something that its owner wants.
    pub(crate) is_reload: bool,
}

/// The variable of a worker is set, and no supervisor has set it.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is the program's own and cannot be set: standard input is no listening socket")]
pub(crate) struct NoSupervisor;

impl Worker {
    /// This process as a worker, if it was started as one: its standard input is the socket, and
    /// its standard output the link to the supervisor.
    pub(crate) fn adopt(limits: Limits) -> Result<Option<Self>, NoSupervisor> {
        let Some(kind) = env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let is_listener = SockRef::from(&io::stdin()).is_listener().unwrap_or(false);
        let socket = io::stdin().as_fd().try_clone_to_owned();
        let link = io::stdout().as_fd().try_clone_to_owned();
        match (socket, link) {
            (Ok(socket), Ok(link)) if is_listener => Ok(Some(Self {
                listener: socket.into(),
                link: link.into(),
                limits,
                health: Arc::default(),
                is_reload: kind == RELOAD,
            })),
            _ => Err(NoSupervisor),
        }
    }

    /// Says that everything is prepared, and waits to be told to serve.
    pub(crate) fn wait_for_go(self) -> io::Result<TcpListener> {
        let listener = self.listener.try_clone()?;
        let (go, gone) = channel();
        let health = Arc::clone(&self.health);
        note_panics(Arc::clone(&self.health));
        let this = Arc::new(self);
        let (linked, watching) = (Arc::clone(&this), Arc::clone(&this));
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        thread("link")
            .spawn(move || linked.follow(&go))
            .and_then(|_| thread("watch").spawn(move || watching.watch()))
            .map_err(|error| io::Error::other(format!("no thread can be started: {error}")))?;
        let version = env!("CARGO_PKG_VERSION");
        send(&this.link, &format!("{READY}daoxiao {version}"));
        // Without a word, there is nothing to serve for.
        gone.recv().unwrap_or_else(|_| process::exit(0));
        health.count_idle_descriptors();
        Ok(listener)
    }

    /// Does what the supervisor says, until it is gone: then so is the worker.
    fn follow(&self, go: &Sender<()>) {
        while let Ok(lines) = receive(&self.link) {
            for line in lines {
                match line.as_str() {
                    // The loop waits for that, once.
                    GO => drop(go.send(())),
                    RETIRE => {
                        self.health.close_connections();
                        self.stop_accepting();
                    }
                    END => return self.end(0),
                    // What a later version says is nothing to this one.
                    _ => {}
                }
            }
        }
        self.end(0);
    }

    /// An `accept` that finds nobody waiting fails from now on, and none that was accepted is lost.
    /// One that waits already is woken; if it cannot be, the next peer does it. The setting is the
    /// socket's, not the process's: the supervisor takes it back for the next worker.
    fn stop_accepting(&self) {
        if !self.health.has_ended_accepting() {
            let stopped = self.listener.set_nonblocking(true);
            if let Err(error) = stopped.and_then(|()| wake_accept(&self.listener)) {
                log::debug!("the next connection is the last one: {error}");
            }
        }
    }

    fn end(&self, exit_code: i32) {
        self.health.leave(exit_code);
        self.stop_accepting();
    }

    /// Looks at the health of the loop. When it is to end, it ends the process itself as soon as it
    /// has answered what it had, unless it is stuck.
    fn watch(&self) {
        let Self { health, limits, .. } = self;
        let begun = Instant::now();
        let (mut interval, mut last_step) = (SHORTEST_INTERVAL, begun);
        let (mut steps, mut busy, mut retired, mut leaving) = (0, 0, None, None);
        loop {
            health.wait(interval, interval > SHORTEST_INTERVAL);
            let now = Instant::now();
            let steps_before = mem::replace(&mut steps, health.steps());
            let has_request = steps % 2 == 1;
            if steps != steps_before || !has_request {
                last_step = now;
            }
            if let Some(trouble) = health.trouble(now - begun, now - last_step > limits.request) {
                self.end(trouble);
            }
            let busy_before = mem::replace(&mut busy, health.busy_descriptors());
            if health.has_ended_accepting() {
                let since = *retired.get_or_insert_with(|| {
                    send(&self.link, NOT_ACCEPTING);
                    now
                });
                if busy == 0 || now - since > RETIREMENT {
                    health.leave(0);
                }
            } else if busy > 0 {
                // A connection has two descriptors, and each that is new may wait behind another.
                let new = busy.saturating_sub(busy_before) / 2;
                self.wake_idle_workers(new.clamp(1, MAX_WAKES));
            }
            if let Some(code) = health.exit_code() {
                let since = *leaving.get_or_insert(now);
                if code == STUCK || now - since > limits.request + DRAIN {
                    log::logger().flush();
                    process::exit(code);
                }
            }
            let is_busy = steps != steps_before || busy != busy_before || leaving.is_some();
            interval = interval_after(interval, SHORTEST_INTERVAL, is_busy || has_request);
        }
    }

    /// `tiny_http` hands a connection to a thread that it takes for idle, though an earlier one may
    /// just have been handed to the same thread: then it waits until that one ends, which an
    /// ill-willed peer can delay for ever. The next connection has such a thread woken or a new one
    /// started, and either takes the oldest that waits. So while there are connections, nobody
    /// waits longer than from one look to the next.
    fn wake_idle_workers(&self, times: usize) {
        // When even this cannot connect, nobody else can, and the other signs of trouble tell why.
        let _ = (0..times).try_for_each(|_| wake_accept(&self.listener));
    }
}
