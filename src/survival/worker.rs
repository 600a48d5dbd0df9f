//! The worker's side: takes the socket over, obeys the supervisor, watches over the loop.

use std::{
    env, io,
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixStream},
    process,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{
    Limits, Pace,
    health::Health,
    link::{END, GO, Link, NOT_ACCEPTING, READY, RETIRE},
    socket::{stop_accepting, wake_accept},
};

/// Makes a `daoxiao serve` a worker. Its value says what kind of one.
pub(super) const VARIABLE: &str = "DAOXIAO_WORKER";
/// The worker serves as soon as it can.
pub(super) const START: &str = "start";
/// The worker is to take over from one that serves, and gives up rather than be worse.
pub(super) const RELOAD: &str = "reload";

/// How long the loop goes on answering what has arrived when it is to end.
pub(crate) const DRAIN: Duration = Duration::from_millis(100);

/// How long it may take in a worker that has trouble.
const TROUBLED_PATIENCE: Duration = Duration::from_millis(300);

/// How long a worker that was replaced stays for its kept connections: longer than proxies keep an
/// idle one by default.
const RETIREMENT: Duration = Duration::from_secs(75);

/// From one look to the next while connections come and go.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// A worker that has the socket, and does not serve yet.
#[derive(Debug)]
pub(crate) struct Worker {
    listener: TcpListener,
    link: UnixStream,
    /// Whether it gives up rather than do without something that its owner wants.
    pub(crate) is_reload: bool,
}

/// The variable of a worker is set, and no supervisor has set it.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is the program's own and cannot be set: standard input is no listening socket")]
pub(crate) struct NoSupervisor;

impl Worker {
    /// This process as a worker, if it was started as one.
    pub(crate) fn adopt() -> Result<Option<Self>, NoSupervisor> {
        let Some(kind) = env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let is_listener = SockRef::from(&io::stdin()).is_listener();
        if !is_listener.is_ok_and(|it| it) {
            return Err(NoSupervisor);
        }
        let socket = io::stdin().as_fd().try_clone_to_owned();
        let link = io::stdout().as_fd().try_clone_to_owned();
        let (Ok(socket), Ok(link)) = (socket, link) else {
            return Err(NoSupervisor);
        };
        Ok(Some(Self {
            listener: socket.into(),
            link: link.into(),
            is_reload: kind == RELOAD,
        }))
    }

    /// Says that everything is prepared, and waits to be told to serve.
    pub(crate) fn wait_for_go(&self) -> io::Result<TcpListener> {
        let mut link = Link::new(self.link.try_clone()?);
        link.say(&format!("{READY}daoxiao {}", env!("CARGO_PKG_VERSION")));
        match link.line() {
            Ok(word) if word == GO => self.listener.try_clone(),
            // It was not needed, or nobody is there to need it.
            _ => process::exit(0),
        }
    }

    /// Starts to obey and to watch; `wake` wakes the loop.
    pub(crate) fn start(
        self,
        limits: Limits,
        health: Arc<Health>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<()> {
        let link = Link::new(self.link.try_clone()?);
        let control = Arc::new(Control {
            listener: self.listener,
            link: Link::new(self.link),
            limits,
            health,
            wake: Box::new(wake),
        });
        let obeying = Arc::clone(&control);
        thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || obeying.obey(link))?;
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || control.watch())?;
        Ok(())
    }
}

/// What ends a worker.
struct Control {
    listener: TcpListener,
    link: Link,
    limits: Limits,
    health: Arc<Health>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Control {
    fn obey(&self, mut link: Link) {
        loop {
            match link.line().as_deref() {
                Ok(RETIRE) => {
                    self.health.close_connections();
                    self.stop_accepting();
                }
                Ok(END) => self.end(0),
                // What a later version says is nothing to this one.
                Ok(_) => {}
                // The supervisor is gone.
                Err(_) => return self.end(0),
            }
        }
    }

    fn stop_accepting(&self) {
        if !self.health.has_ended_accepting()
            && let Err(error) = stop_accepting(&self.listener)
        {
            log::debug!("the next connection is the last one: {error}");
        }
    }

    fn end(&self, exit_code: i32) {
        self.health.leave(exit_code);
        self.stop_accepting();
        (self.wake)();
    }

    fn watch(&self) {
        self.health.watch_from_here();
        let mut pace = Pace::new(SHORTEST_INTERVAL);
        let mut open = None;
        let mut retired = None;
        loop {
            if pace.is_slow() {
                self.health.fall_asleep();
            }
            thread::park_timeout(pace.interval());
            if let Some(trouble) = self.health.trouble(self.limits.request) {
                self.end(trouble.exit_code());
            }
            if let Some(code) = self.health.exit_code() {
                self.see_off(code);
            }
            let before = open;
            open = self.health.busy_descriptors();
            if self.health.has_ended_accepting() {
                let since = *retired.get_or_insert_with(|| self.tell_not_accepting());
                if open == Some(0) || since.elapsed() > RETIREMENT {
                    self.end(0);
                }
            } else if open != Some(0) {
                self.wake_idle_worker();
            }
            pace.looked(open != before || self.health.was_active());
        }
    }

    fn tell_not_accepting(&self) -> Instant {
        self.link.say(NOT_ACCEPTING);
        Instant::now()
    }

    /// `tiny_http` hands a connection to a thread that it takes for idle, though an earlier one may
    /// just have been handed to the same thread: then it waits until that one ends, which an
    /// ill-willed peer can delay for ever. The next connection has such a thread woken or a new one
    /// started, and either takes the oldest that waits. So while there are connections, nobody
    /// waits longer than from one look to the next.
    fn wake_idle_worker(&self) {
        // When even this cannot connect, nobody else can, and the other signs of trouble tell why.
        let _ = wake_accept(&self.listener);
    }

    /// The loop ends the process when it has answered what it had. One that takes longer is ended
    /// in the midst of it.
    fn see_off(&self, exit_code: i32) -> ! {
        let patience = match exit_code {
            0 => self.limits.request + DRAIN,
            _ => TROUBLED_PATIENCE,
        };
        let end = Instant::now() + patience;
        let mut has_told = false;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.health.has_ended_accepting() && !has_told {
                self.tell_not_accepting();
                has_told = true;
            }
            thread::park_timeout(left);
        }
        log::logger().flush();
        process::exit(exit_code)
    }
}
