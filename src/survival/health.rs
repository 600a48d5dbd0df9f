//! What the loop and those who watch over it tell each other.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, Thread},
    time::Duration,
};

use super::{
    descriptors,
    exit::{ACCEPT_FAILED, OVERSIZED},
};

/// Oversized requests that are reason enough for a new worker: each keeps a connection and its
/// thread.
const MAX_OVERSIZED: usize = 128;

/// A worker lives this long before oversized requests can end it, so that a flood of them does not
/// have it do nothing but begin.
const MIN_LIFE: Duration = Duration::from_secs(1);

/// What the loop reports (its steps, oversized requests, the end of accepting), and what it is told
/// (to close connections, to end).
#[derive(Default)]
pub(crate) struct Health {
    /// How often the loop has begun or ended a request: odd while it has one in hand.
    steps: AtomicU64,
    oversized: AtomicUsize,
    has_ended_accepting: AtomicBool,
    is_closing: AtomicBool,
    exit_code: OnceLock<i32>,
    /// Descriptors of a worker without a connection.
    idle_descriptors: OnceLock<usize>,
    wake_loop: OnceLock<Box<dyn Fn() + Send + Sync>>,
    watch: OnceLock<Thread>,
    /// Whether the next request is to wake the watch.
    is_watch_asleep: AtomicBool,
}

impl Health {
    /// Nothing is accepted yet, and everything else that needs a descriptor has one.
    pub(super) fn count_idle_descriptors(&self) {
        let _ = self.idle_descriptors.set(descriptors::open().unwrap_or(0));
    }

    /// What wakes the loop.
    pub(crate) fn set_waker(&self, wake_loop: impl Fn() + Send + Sync + 'static) {
        let _ = self.wake_loop.set(Box::new(wake_loop));
    }

    /// The loop begins a request, or has ended it.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Relaxed);
        if self.is_watch_asleep.load(Relaxed) {
            self.wake_watch();
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    /// One more request has come that can never be dropped.
    pub(crate) fn add_oversized(&self) {
        self.oversized.fetch_add(1, Relaxed);
    }

    /// No connection will be accepted any more.
    pub(crate) fn end_accepting(&self) {
        self.has_ended_accepting.store(true, Relaxed);
        self.wake_watch();
    }

    pub(super) fn has_ended_accepting(&self) -> bool {
        self.has_ended_accepting.load(Relaxed)
    }

    /// From now on every answer closes its connection.
    pub(super) fn close_connections(&self) {
        self.is_closing.store(true, Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Relaxed)
    }

    /// Tells the loop to answer what it has, and the process to end with this code; the first call
    /// counts.
    pub(crate) fn leave(&self, exit_code: i32) {
        if self.exit_code.set(exit_code).is_ok() {
            self.close_connections();
            self.wake_watch();
            let _ = self.wake_loop.get().map(|wake| wake());
        }
    }

    /// The code to end with, if the loop is to end.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.exit_code.get().copied()
    }

    /// Descriptors beyond those of a worker without a connection.
    pub(crate) fn busy_descriptors(&self) -> usize {
        let open = || descriptors::open().unwrap_or(usize::MAX);
        (self.idle_descriptors.get()).map_or(0, |idle| open().saturating_sub(*idle))
    }

    /// Parks the thread that watches, which calls this, for so long or until something happens; if
    /// the wait is a long one, a request is enough.
    pub(super) fn wait(&self, time: Duration, is_long: bool) {
        self.watch.get_or_init(thread::current);
        self.is_watch_asleep.store(is_long, Relaxed);
        thread::park_timeout(time);
    }

    fn wake_watch(&self) {
        self.is_watch_asleep.store(false, Relaxed);
        let _ = self.watch.get().map(Thread::unpark);
    }

    /// The exit code of what is wrong with a worker of this age, if something is; it can still
    /// answer then.
    pub(crate) fn trouble(&self, age: Duration) -> Option<i32> {
        if self.has_ended_accepting() && !self.is_closing() {
            return Some(ACCEPT_FAILED);
        }
        let is_full = self.oversized.load(Relaxed) >= MAX_OVERSIZED;
        (is_full && age > MIN_LIFE).then_some(OVERSIZED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wrong_with_a_worker_of_any_age() {
        let health = Health::default();
        assert_eq!(health.trouble(Duration::ZERO), None);
        assert_eq!(health.trouble(Duration::MAX), None);
    }

    #[test]
    fn the_number_of_steps_is_odd_while_there_is_a_request() {
        let health = Health::default();
        assert_eq!(health.steps(), 0);
        health.step();
        assert_eq!(health.steps(), 1);
        health.step();
        assert_eq!(health.steps(), 2);
    }

    #[test]
    fn oversized_requests_are_trouble_when_they_are_many_and_the_worker_is_not_new() {
        let health = Health::default();
        for _ in 1..MAX_OVERSIZED {
            health.add_oversized();
        }
        assert_eq!(health.trouble(MIN_LIFE * 2), None);
        health.add_oversized();
        assert_eq!(health.trouble(MIN_LIFE * 2), Some(OVERSIZED));
        assert_eq!(health.trouble(MIN_LIFE), None);
    }

    #[test]
    fn the_end_of_accepting_is_trouble_unless_it_was_asked_for() {
        let health = Health::default();
        health.end_accepting();
        assert_eq!(health.trouble(MIN_LIFE), Some(ACCEPT_FAILED));
        health.close_connections();
        assert_eq!(health.trouble(MIN_LIFE), None);
    }

    #[test]
    fn the_first_reason_to_leave_counts() {
        let health = Health::default();
        assert_eq!(health.exit_code(), None);
        health.leave(OVERSIZED);
        health.leave(0);
        assert_eq!(health.exit_code(), Some(OVERSIZED));
    }
}
