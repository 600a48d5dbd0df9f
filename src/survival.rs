//! Keeps a bot on `tiny_http` alive on the open internet.
//!
//! `tiny_http` gives every connection a thread and two descriptors for as long as the peer
//! likes, reads long bodies without a time limit, and goes deaf for good when `accept` fails.
//! Nothing of that can be mended from outside the crate, so what is stuck is shed instead:
//!
//! 1. The loop decides and answers, and waits for nobody who has not proved to be WeChat. What
//!    could make it wait is answered by other threads ([`crate::server::workers`]); what nobody can answer
//!    without waiting is kept in quarantine, untouched.
//! 2. The loop leaves traces in a [`Pulse`]: when it began the request in hand, how much lies
//!    in quarantine, whether the accepting thread was lost. A thread ([`watch`]) reads them,
//!    and the process's memory, twenty times a second, and knocks at the door ([`watch`] says
//!    why).
//! 3. When something is wrong, the process starts over: it replaces itself by its own program
//!    (`exec`) and hands the listening socket on as descriptor 3, just as systemd's socket
//!    activation does ([`socket`], [`successor`]). The port never closes; what waits in the
//!    backlog is answered some milliseconds later; the memory, the threads and the quarantine
//!    are gone.
//! 4. The signals that end or replace the process are blocked in every thread, and one thread
//!    ([`signals`]) takes them one at a time and alone acts on them. A mask and pending signals
//!    survive `exec`, so a signal is taken before or after a start over, and never lost.
//! 5. The descriptor limit is set so low that a flood of idle connections ends in a start over
//!    within a second, and not in thousands of threads: a connection has at most two.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

mod restarts;
pub mod signals;
pub mod socket;
pub mod successor;
pub mod watch;

/// Requests in quarantine that are reason enough to start over: each keeps a connection and
/// its thread.
pub const MAX_QUARANTINED: usize = 32;

/// What may be too much for the process, as its owner set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: u32,
    /// Resident memory in MiB.
    pub memory_mib: u64,
    /// Time that the loop may need for one request.
    pub request: Duration,
}

/// Why the process starts over without having been asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The accepting thread is gone.
    Deaf,
    /// Too many requests that cannot be answered.
    Quarantine,
    /// The loop or the lane is longer on one request than the limit.
    Stuck,
    /// Memory above the limit.
    Memory,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deaf, Self::Quarantine, Self::Stuck, Self::Memory];

    /// The reason as one word for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deaf => "connections",
            Self::Quarantine => "quarantine",
            Self::Stuck => "stuck",
            Self::Memory => "memory",
        }
    }
}

/// What the loop shows of itself, and what it is told.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    /// When the loop began the request in hand.
    looping: Stamp,
    /// When the lane began the answer in hand.
    answering: Stamp,
    quarantined: AtomicUsize,
    deaf: AtomicBool,
    leaving: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            looping: Stamp::default(),
            answering: Stamp::default(),
            quarantined: AtomicUsize::new(0),
            deaf: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
        }
    }
}

impl Pulse {
    /// Time since the process began or started over.
    pub fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// The loop begins a request.
    pub fn begin(&self) {
        self.looping.set(self.age());
    }

    /// The loop has ended its request.
    pub fn end(&self) {
        self.looping.clear();
    }

    /// The lane begins an answer.
    pub fn begin_answer(&self) {
        self.answering.set(self.age());
    }

    /// The lane has ended its answer.
    pub fn end_answer(&self) {
        self.answering.clear();
    }

    /// One more request lies in quarantine.
    pub fn quarantine(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    /// No connection will be accepted any more.
    pub fn deafen(&self) {
        self.deaf.store(true, Ordering::Relaxed);
    }

    /// Tells the loop to answer what has arrived, then to end.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the loop is to end.
    pub fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// The reason to start over, given the memory in use, if there is one.
    pub fn trouble(&self, limits: &Limits, memory_mib: Option<u64>) -> Option<Reason> {
        let is_stuck = |stamp: &Stamp| stamp.is_older_than(limits.request, self.age());
        if is_stuck(&self.looping) || is_stuck(&self.answering) {
            Some(Reason::Stuck)
        } else if self.deaf.load(Ordering::Relaxed) {
            Some(Reason::Deaf)
        } else if self.quarantined.load(Ordering::Relaxed) >= MAX_QUARANTINED {
            Some(Reason::Quarantine)
        } else if memory_mib.is_some_and(|used| used > limits.memory_mib) {
            Some(Reason::Memory)
        } else {
            None
        }
    }
}

/// When something began that has not ended: milliseconds since the process began, plus one; 0 when
/// nothing has begun.
#[derive(Debug, Default)]
struct Stamp(AtomicU64);

impl Stamp {
    fn set(&self, now: Duration) {
        self.0.store(millis(now) + 1, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn is_older_than(&self, limit: Duration, now: Duration) -> bool {
        let begun = self.0.load(Ordering::Relaxed);
        begun > 0 && millis(now) + 1 > begun + millis(limit)
    }
}

/// A duration in whole milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections: 256,
        memory_mib: 200,
        request: Duration::from_secs(4),
    };

    #[test]
    fn a_healthy_loop_is_no_trouble() {
        let pulse = Pulse::default();
        pulse.begin();
        assert_eq!(pulse.trouble(&LIMITS, Some(200)), None);
        pulse.end();
        assert_eq!(pulse.trouble(&LIMITS, None), None);
    }

    #[test]
    fn each_trouble_has_its_reason() {
        assert_eq!(
            Pulse::default().trouble(&LIMITS, Some(201)),
            Some(Reason::Memory)
        );
        let pulse = Pulse::default();
        for _ in 1..MAX_QUARANTINED {
            pulse.quarantine();
        }
        assert_eq!(pulse.trouble(&LIMITS, None), None);
        pulse.quarantine();
        assert_eq!(pulse.trouble(&LIMITS, None), Some(Reason::Quarantine));
        pulse.deafen();
        assert_eq!(pulse.trouble(&LIMITS, None), Some(Reason::Deaf));
    }

    #[test]
    fn what_takes_longer_than_the_limit_is_stuck() {
        let pulse = Pulse {
            start: Instant::now().checked_sub(Duration::from_secs(10)).unwrap(),
            ..Pulse::default()
        };
        let patient = Limits {
            request: Duration::from_secs(60),
            ..LIMITS
        };
        for stamp in [&pulse.looping, &pulse.answering] {
            stamp.set(Duration::ZERO);
            assert_eq!(pulse.trouble(&patient, None), None);
            assert_eq!(pulse.trouble(&LIMITS, None), Some(Reason::Stuck));
            stamp.clear();
            assert_eq!(pulse.trouble(&LIMITS, None), None);
        }
    }
}
