//! The one thread that takes signals, and alone ends or replaces the process.

use std::{
    io, process,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use log::Level;
use nix::sys::signal::{SigSet, Signal};

use super::{Limits, Pulse, successor::Successor, watch};

/// The signal by which the watchdog asks this thread to look for trouble.
pub const LOOK: Signal = Signal::SIGUSR1;

/// How long it may go on when there is trouble.
const TROUBLED_PATIENCE: Duration = Duration::from_millis(200);

/// How long a line may take to be written.
const SAYING: Duration = Duration::from_millis(100);

/// What the signal thread needs to end the loop, and to go on after it.
pub struct Keeper {
    /// What the loop shows.
    pub pulse: Arc<Pulse>,
    /// What is too much.
    pub limits: Limits,
    /// Wakes the loop.
    pub bell: Box<dyn Fn() + Send>,
    /// The program that takes over.
    pub successor: Successor,
}

/// The loop's side of its end.
#[derive(Debug)]
pub struct Farewell(Sender<()>);

impl Farewell {
    /// Says that the loop has ended, and waits for the signal thread to end the process or to
    /// replace it.
    pub fn say(self) -> ! {
        // The receiver lives as long as the process.
        let _ = self.0.send(());
        loop {
            thread::park();
        }
    }
}

/// Blocks the signals that the signal thread takes, in this thread and in all that it starts.
/// To be called before any other thread exists.
pub fn block() {
    if let Err(error) = taken().thread_block() {
        log::warn!("signals cannot be blocked: {error}");
    }
}

/// Starts the signal thread.
pub fn start(mut keeper: Keeper) -> io::Result<Farewell> {
    let (farewell, ended) = channel();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            loop {
                match taken().wait() {
                    Ok(Signal::SIGHUP) => keeper.take_over(&ended),
                    Ok(LOOK) => keeper.look(&ended),
                    Ok(signal) => keeper.stop(signal, &ended),
                    Err(error) => log::error!("cannot wait for signals: {error}"),
                }
            }
        })?;
    Ok(Farewell(farewell))
}

fn taken() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, LOOK]
        .into_iter()
        .collect()
}

impl Keeper {
    fn stop(&mut self, signal: Signal, ended: &Receiver<()>) -> ! {
        let untold = self.successor.restarts.tell_rest();
        say(Level::Info, format!("{signal}: ending"));
        if let Some(line) = untold {
            say(Level::Warn, line);
        }
        self.end_loop(ended, self.limits.request);
        process::exit(0);
    }

    fn take_over(&mut self, ended: &Receiver<()>) {
        match self.successor.try_program() {
            Ok(version) => {
                say(Level::Info, format!("SIGHUP: {version} takes over"));
                self.end_loop(ended, self.limits.request);
                Self::give_up(&self.successor.upgrade());
            }
            Err(error) => {
                say(
                    Level::Error,
                    format!("SIGHUP: {error}; this program goes on"),
                );
            }
        }
    }

    fn look(&mut self, ended: &Receiver<()>) {
        let trouble = watch::trouble(&self.pulse, &self.limits);
        if let Some(reason) = trouble {
            self.successor.restarts.add(reason);
        }
        if let Some(line) = self.successor.restarts.tell(SystemTime::now()) {
            say(Level::Warn, line);
        }
        if trouble.is_some() {
            self.end_loop(ended, TROUBLED_PATIENCE);
            Self::give_up(&self.successor.start_over());
        }
    }

    fn end_loop(&self, ended: &Receiver<()>, patience: Duration) {
        self.pulse.leave();
        (self.bell)();
        // A loop that takes longer is ended in the midst of it, and what it has said is written.
        if ended.recv_timeout(patience).is_err() {
            shortly(|| log::logger().flush());
        }
    }

    fn give_up(error: &io::Error) -> ! {
        say(Level::Error, format!("cannot start over: {error}"));
        process::exit(1);
    }
}

fn say(level: Level, line: String) {
    shortly(move || log::log!(level, "{line}"));
}

/// Writes to the log by another thread, which is waited for a moment only: a standard error that
/// nobody reads must not keep this thread from ending the process.
fn shortly(write: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let thread = thread::Builder::new().name("say".into()).spawn(move || {
        write();
        // Nobody may be waiting any more.
        let _ = done.send(());
    });
    if thread.is_ok() {
        let _ = is_done.recv_timeout(SAYING);
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("pulse", &self.pulse)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
