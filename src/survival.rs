//! Keeps a bot on `tiny_http` alive on the open internet.
//!
//! `tiny_http` gives every connection a thread and two descriptors for as long as the peer likes,
//! reads long bodies without a time limit, and accepts nothing any more once `accept` has failed.
//! None of that can be fixed from outside the crate, so what is stuck is shed with its process: a
//! [`supervisor`] owns the socket and cannot be reached by anybody, a [`worker`] serves and may be
//! lost at any moment.
//!
//! ```text
//! supervisor, one thread: signals, the workers' lines, their memory
//!   │ stdin:  the listening socket, one and the same for all workers
//!   │ stdout: a socket pair; EOF tells either side that the other one is gone
//!   ▼
//! worker  main      the loop: decides and answers, waits for nobody
//!         link      obeys the supervisor: go, retire, end
//!         watch     looks at the loop's health; ends the process when something is wrong
//!         (body)    one for each body that is still on its socket
//!         (fetch)   one for each fetch of jokes
//!         accept, and one for each connection: tiny_http's
//! ```
//!
//! 1. A worker that has prepared everything says `ready`, and serves when it is told to `go`.
//! 2. Trouble in the worker (the loop is stuck, `accept` failed, too many requests that cannot be
//!    dropped) ends it with an exit code that names it; memory is measured by the supervisor. In
//!    either case it stops accepting first ([`socket::stop_accepting`]), says so, and answers what
//!    it has while the next worker already serves. A worker that is killed loses what it had in
//!    hand; what waits in the backlog is answered some milliseconds later.
//! 3. A reload is the same on purpose: the next worker is ready before the old one is told to
//!    retire, and the old one stays for its kept connections, each of which is told to close by the
//!    answer in hand.
//! 4. The descriptor limit is the limit of connections, since a connection has exactly two:
//!    a flood of idle ones ends in `accept` failing, and so in a new worker.

use std::time::Duration;

pub(crate) mod descriptors;
pub(crate) mod health;
mod link;
pub(crate) mod signals;
pub mod socket;
pub(crate) mod supervisor;
pub(crate) mod worker;

/// What may be too much for a worker, as its owner set it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time.
    pub(crate) connections: u32,
    /// Resident memory in MiB.
    pub(crate) memory_mib: u64,
    /// Time that the loop may need for one request.
    pub(crate) request: Duration,
}

/// The time from one look to the next: short while something changes, longer and longer while
/// nothing does, so that an idle bot is idle.
#[derive(Debug)]
pub(crate) struct Pace {
    shortest: Duration,
    interval: Duration,
}

/// Two processes look; an idle bot wakes up less than twice a second.
const LONGEST_INTERVAL: Duration = Duration::from_millis(1200);

impl Pace {
    pub(crate) fn new(shortest: Duration) -> Self {
        Self {
            shortest,
            interval: shortest,
        }
    }

    /// The time until the next look.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether looks have become rare.
    pub(crate) fn is_slow(&self) -> bool {
        self.interval > self.shortest
    }

    /// Takes notice of what a look has shown.
    pub(crate) fn looked(&mut self, has_changed: bool) {
        self.interval = if has_changed {
            self.shortest
        } else {
            LONGEST_INTERVAL.min(self.interval * 2)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_while_something_changes_and_rare_while_nothing_does() {
        let mut pace = Pace::new(Duration::from_millis(50));
        let mut intervals = Vec::new();
        for has_changed in [true, false, false, false, false, false, false, true] {
            pace.looked(has_changed);
            intervals.push(pace.interval().as_millis());
        }
        assert_eq!(intervals, [50, 100, 200, 400, 800, 1200, 1200, 50]);
    }
}
