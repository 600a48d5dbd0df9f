//! Keeps a bot on `tiny_http` alive on the open internet.
//!
//! `tiny_http` gives every connection a thread and two descriptors for as long as the peer likes,
//! reads long bodies without a time limit, and accepts nothing any more once `accept` has failed.
//! None of that can be fixed from outside the crate, so what is stuck is shed with its process: a
//! `supervisor` owns the socket and cannot be reached by anybody, a `worker` serves and may be
//! lost at any moment.
//!
//! ```text
//! supervisor, one thread: signals, the workers' lines, their memory
//!   │ stdin:  the listening socket, one and the same for all workers
//!   │ stdout: a socket pair; EOF tells either side that the other one is gone
//!   ▼
//! worker  main      the loop: decides and answers, waits for nobody
//!         link      does what the supervisor says: go, retire, end
//!         watch     looks at the loop's health; ends the process when something is wrong
//!         slow-peer one for each body that is still on its socket, and each answer before one
//!         joke      one for each fetch of jokes, and one `source` for each site it asks
//!         no name   tiny_http's: accept, and one for each connection
//! ```
//!
//! 1. A worker that has prepared everything says `ready`, and serves when it is told to `go`.
//! 2. Trouble in the worker (the loop is stuck, `accept` failed, too many requests that cannot be
//!    dropped) ends it with an exit code that names it; memory is measured by the supervisor. A
//!    worker that can still answer stops accepting first, says so, and answers what it has while
//!    the next worker already serves. A worker that is killed loses what it had in hand; what waits
//!    in the backlog is answered some milliseconds later.
//! 3. A reload is the same on purpose: the next worker is ready before the old one is told to
//!    retire, and the old one stays for its kept connections, each of which is told to close by the
//!    answer in hand.
//! 4. The descriptor limit is the limit of connections, since a connection has exactly two:
//!    a flood of idle ones ends in `accept` failing, and so in a new worker.

use std::time::Duration;

mod descriptors;
pub(crate) mod exit;
pub(crate) mod health;
mod link;
pub mod socket;
pub(crate) mod supervisor;
pub(crate) mod worker;

/// Beyond these a worker is replaced.
pub(crate) struct Limits {
    /// Connections at a time.
    pub(crate) connections: u32,
    /// Resident memory in MiB.
    pub(crate) memory_mib: u64,
}

/// From one look at a worker to the next, by the supervisor or itself, while something goes on.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// While nothing does. Two processes look; an idle bot wakes up less than twice a second.
const LONGEST_INTERVAL: Duration = Duration::from_millis(1200);

/// The time until the next look: longer and longer while nothing goes on.
fn interval_after(interval: Duration, is_busy: bool) -> Duration {
    let longer = LONGEST_INTERVAL.min(interval * 2);
    if is_busy { SHORTEST_INTERVAL } else { longer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_while_something_goes_on_and_rare_while_nothing_does() {
        let mut interval = SHORTEST_INTERVAL;
        let intervals = [true, false, false, false, false, false, false, true].map(|is_busy| {
            interval = interval_after(interval, is_busy);
            interval.as_millis()
        });
        assert_eq!(intervals, [50, 100, 200, 400, 800, 1200, 1200, 50]);
    }
}
