//! What the loop shows of itself, and what it is told.

use std::{
    panic,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use super::descriptors;

/// Oversized requests that are reason enough for a new worker: each keeps a connection and its
/// thread.
const MAX_OVERSIZED: usize = 128;

/// A worker lives this long before oversized requests can end it, so that a flood of them does not
/// have it do nothing but begin.
const MIN_LIFE: Duration = Duration::from_secs(1);

/// The exit code of a worker that is not to end yet.
const NOT_LEAVING: i32 = -1;

/// Why a worker ends without having been asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the loop was stuck")]
    Stuck,
    #[error("no connection could be accepted: descriptors, threads or memory were used up")]
    AcceptFailed,
    #[error("too many oversized requests")]
    Oversized,
}

impl Trouble {
    const ALL: [Self; 3] = [Self::Stuck, Self::AcceptFailed, Self::Oversized];

    /// The exit code by which the supervisor learns of it.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Stuck => 81,
            Self::AcceptFailed => 82,
            Self::Oversized => 83,
        }
    }

    /// The trouble that an exit code names.
    pub(crate) fn of(exit_code: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trouble| trouble.exit_code() == exit_code)
    }
}

/// Shared by the loop, which writes most of it, and by the threads that watch over it.
#[derive(Debug)]
pub(crate) struct Health {
    start: Instant,
    /// When the loop began the request in hand, in milliseconds since the start plus one; 0 while
    /// there is none.
    busy_since: AtomicU64,
    oversized: AtomicUsize,
    accept_ended: AtomicBool,
    closing: AtomicBool,
    exit_code: AtomicI32,
    /// Descriptors of a worker without a connection.
    idle_descriptors: OnceLock<usize>,
    watch: OnceLock<Thread>,
    /// Whether the next request is to wake the watch.
    is_watch_asleep: AtomicBool,
    /// Whether there was a request since the watch looked.
    is_active: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            busy_since: AtomicU64::new(0),
            oversized: AtomicUsize::new(0),
            accept_ended: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            exit_code: AtomicI32::new(NOT_LEAVING),
            idle_descriptors: OnceLock::new(),
            watch: OnceLock::new(),
            is_watch_asleep: AtomicBool::new(false),
            is_active: AtomicBool::new(false),
        }
    }
}

impl Health {
    /// The loop begins a request.
    pub(crate) fn begin(&self) {
        self.busy_since
            .store(millis(self.start.elapsed()) + 1, Relaxed);
        self.is_active.store(true, Relaxed);
        if self.is_watch_asleep.load(Relaxed) {
            self.wake_watch();
        }
    }

    /// The loop has ended its request.
    pub(crate) fn end(&self) {
        self.busy_since.store(0, Relaxed);
    }

    /// One more request is kept that can never be dropped.
    pub(crate) fn add_oversized(&self) {
        self.oversized.fetch_add(1, Relaxed);
    }

    /// No connection will be accepted any more.
    pub(crate) fn end_accepting(&self) {
        self.accept_ended.store(true, Relaxed);
        self.wake_watch();
    }

    /// Whether no connection is accepted any more.
    pub(crate) fn has_ended_accepting(&self) -> bool {
        self.accept_ended.load(Relaxed)
    }

    /// From now on every answer closes its connection.
    pub(crate) fn close_connections(&self) {
        self.closing.store(true, Relaxed);
    }

    /// Whether an answer closes its connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Tells the loop to answer what it has, and the process to end with this code. The first
    /// reason counts.
    pub(crate) fn leave(&self, exit_code: i32) {
        let _ = self
            .exit_code
            .compare_exchange(NOT_LEAVING, exit_code, Relaxed, Relaxed);
        self.close_connections();
        self.wake_watch();
    }

    /// The code to end with, if the loop is to end.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        Some(self.exit_code.load(Relaxed)).filter(|code| *code != NOT_LEAVING)
    }

    /// Notes how many descriptors there are without a connection.
    pub(crate) fn begin_serving(&self) {
        if let Some(open) = descriptors::open() {
            let _ = self.idle_descriptors.set(open);
        }
    }

    /// Descriptors beyond those of a worker without a connection; `None` where that is not known.
    pub(crate) fn busy_descriptors(&self) -> Option<usize> {
        Some(descriptors::open()?.saturating_sub(*self.idle_descriptors.get()?))
    }

    /// The calling thread is the one to wake when something has happened.
    pub(super) fn watch_from_here(&self) {
        let _ = self.watch.set(thread::current());
    }

    /// The watch waits so long that the next request is to wake it.
    pub(super) fn fall_asleep(&self) {
        self.is_watch_asleep.store(true, Relaxed);
    }

    /// Whether there was a request since this was asked before.
    pub(super) fn was_active(&self) -> bool {
        self.is_active.swap(false, Relaxed)
    }

    fn wake_watch(&self) {
        self.is_watch_asleep.store(false, Relaxed);
        if let Some(watch) = self.watch.get() {
            watch.unpark();
        }
    }

    /// The reason to end, if there is one.
    pub(super) fn trouble(&self, longest_request: Duration) -> Option<Trouble> {
        let now = self.start.elapsed();
        let begun = self.busy_since.load(Relaxed);
        if begun > 0 && millis(now) + 1 > begun + millis(longest_request) {
            Some(Trouble::Stuck)
        } else if self.accept_ended.load(Relaxed) && !self.is_closing() {
            Some(Trouble::AcceptFailed)
        } else if self.oversized.load(Relaxed) >= MAX_OVERSIZED && now > MIN_LIFE {
            Some(Trouble::Oversized)
        } else {
            None
        }
    }
}

/// Takes notice of panics. One in the thread of `tiny_http` that accepts connections ends all
/// accepting; its threads have no names.
///
/// One in a connection's own thread, which `tiny_http` has when a peer is gone before its address
/// was read, ends only that connection. The threads with names are ours, and each can do without
/// what panicked.
pub(crate) fn note_panics(health: Arc<Health>) {
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        let file = info.location().map_or("", panic::Location::file);
        match thread.name() {
            // What a stranger can cause does not fill the log.
            Some("body") => log::debug!("{info}"),
            Some(_) => log::error!("{info}"),
            None => {
                log::debug!("{info}");
                if !file.ends_with("client.rs") {
                    health.end_accepting();
                }
            }
        }
    }));
}

/// A duration in whole milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(4);

    fn ten_seconds_old() -> Health {
        Health {
            start: Instant::now().checked_sub(Duration::from_secs(10)).unwrap(),
            ..Health::default()
        }
    }

    #[test]
    fn a_healthy_loop_is_no_trouble() {
        let health = Health::default();
        health.begin();
        assert_eq!(health.trouble(LONGEST), None);
        health.end();
        assert_eq!(health.trouble(Duration::ZERO), None);
    }

    #[test]
    fn a_request_that_takes_longer_than_the_limit_is_stuck() {
        let health = ten_seconds_old();
        health.busy_since.store(1, Relaxed);
        assert_eq!(health.trouble(Duration::from_secs(60)), None);
        assert_eq!(health.trouble(LONGEST), Some(Trouble::Stuck));
        health.end();
        assert_eq!(health.trouble(LONGEST), None);
    }

    #[test]
    fn oversized_requests_are_trouble_when_they_are_many_and_the_worker_is_not_new() {
        let (old, new) = (ten_seconds_old(), Health::default());
        for health in [&old, &new] {
            for _ in 1..MAX_OVERSIZED {
                health.add_oversized();
            }
            assert_eq!(health.trouble(LONGEST), None);
            health.add_oversized();
        }
        assert_eq!(old.trouble(LONGEST), Some(Trouble::Oversized));
        assert_eq!(new.trouble(LONGEST), None);
    }

    #[test]
    fn the_end_of_accepting_is_trouble_unless_it_was_asked_for() {
        let health = Health::default();
        health.end_accepting();
        assert_eq!(health.trouble(LONGEST), Some(Trouble::AcceptFailed));
        health.close_connections();
        assert_eq!(health.trouble(LONGEST), None);
    }

    #[test]
    fn the_first_reason_to_leave_is_the_exit_code_and_reads_back() {
        let health = Health::default();
        assert_eq!(health.exit_code(), None);
        health.leave(Trouble::Oversized.exit_code());
        health.leave(0);
        let trouble = health.exit_code().and_then(Trouble::of);
        assert_eq!(trouble, Some(Trouble::Oversized));
        assert_eq!(Trouble::of(0), None);
    }
}
