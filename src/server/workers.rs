//! Answers that the loop must not wait for.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use crate::survival::Pulse;

/// Answers that may wait for the lane's thread: a scanner's burst fits. While a peer that takes no
/// answer holds the lane, more go to quarantine; the watchdog ends both.
const LANE_LENGTH: usize = 256;

/// Stack of a thread that answers one request: it formats a header and copies a buffer.
const SMALL_STACK: usize = 128 * 1024;

/// An answer to be given: a closure that owns its request. Dropping it unrun may block for as
/// long as running it.
pub type Job = Box<dyn FnOnce() + Send>;

/// Other threads that answer for the loop, and the quarantine for what nobody can answer.
#[derive(Debug)]
pub struct Lane {
    jobs: SyncSender<Job>,
    quarantine: Quarantine,
}

impl Lane {
    /// Starts the lane's thread.
    pub fn start(pulse: Arc<Pulse>) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(LANE_LENGTH);
        let lane_pulse = Arc::clone(&pulse);
        thread::Builder::new()
            .name("lane".into())
            .spawn(move || work_through(&queue, &lane_pulse))?;
        Ok(Self {
            jobs,
            quarantine: Quarantine {
                jobs: Vec::new(),
                pulse,
            },
        })
    }

    /// Has a short answer given by the lane's thread, after those before it.
    pub fn queue(&mut self, job: Job) {
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(job)
        {
            self.quarantine.keep(job);
        }
    }

    /// Has an answer given by a thread of its own, because it may take as long as the peer likes.
    pub fn alone(&mut self, job: Job) {
        // When no thread can be had, its closure is dropped; the job must not be dropped with it.
        let shared = Arc::new(Mutex::new(Some(job)));
        let taken = Arc::clone(&shared);
        let spawned = thread::Builder::new()
            .name("alone".into())
            .stack_size(SMALL_STACK)
            .spawn(move || {
                if let Some(job) = take(&taken) {
                    job();
                }
            });
        if spawned.is_err()
            && let Some(job) = take(&shared)
        {
            self.quarantine.keep(job);
        }
    }

    /// Keeps what can neither be answered nor dropped without waiting.
    pub fn quarantine(&mut self, job: Job) {
        self.quarantine.keep(job);
    }
}

struct Quarantine {
    jobs: Vec<Job>,
    pulse: Arc<Pulse>,
}

impl Quarantine {
    fn keep(&mut self, job: Job) {
        self.jobs.push(job);
        self.pulse.quarantine();
    }
}

impl std::fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quarantine({})", self.jobs.len())
    }
}

/// A panic costs one answer, not the lane.
fn work_through(queue: &Receiver<Job>, pulse: &Pulse) {
    for job in queue {
        pulse.begin_answer();
        // The panic hook has told the log.
        let _ = catch_unwind(AssertUnwindSafe(job));
        pulse.end_answer();
    }
}

fn take(job: &Mutex<Option<Job>>) -> Option<Job> {
    job.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use super::*;
    use crate::survival::{Limits, Reason};

    const LIMITS: Limits = Limits {
        connections: 8,
        memory_mib: 200,
        request: Duration::ZERO,
    };

    /// Waits until there is this trouble, or none.
    fn wait_for(pulse: &Pulse, trouble: Option<Reason>) {
        while pulse.trouble(&LIMITS, None) != trouble {
            thread::yield_now();
        }
    }

    #[test]
    fn an_answer_that_nobody_takes_is_trouble() {
        let pulse = Arc::new(Pulse::default());
        let mut lane = Lane::start(Arc::clone(&pulse)).unwrap();
        let (release, released) = channel::<()>();
        lane.queue(Box::new(move || {
            let _ = released.recv();
        }));
        wait_for(&pulse, Some(Reason::Stuck));
        drop(release);
        wait_for(&pulse, None);
    }

    #[test]
    fn a_panic_does_not_end_the_lane() {
        let mut lane = Lane::start(Arc::default()).unwrap();
        let (done, is_done) = channel();
        lane.queue(Box::new(|| panic!("in one answer")));
        lane.queue(Box::new(move || done.send(()).unwrap()));
        assert_eq!(is_done.recv(), Ok(()));
    }

    #[test]
    fn what_finds_the_lane_full_goes_to_quarantine() {
        let pulse = Arc::new(Pulse::default());
        let mut lane = Lane::start(Arc::clone(&pulse)).unwrap();
        let (release, released) = channel::<()>();
        lane.queue(Box::new(move || {
            let _ = released.recv();
        }));
        for _ in 0..LANE_LENGTH + crate::survival::MAX_QUARANTINED {
            lane.queue(Box::new(|| ()));
        }
        let patient = Limits {
            request: Duration::from_secs(60),
            ..LIMITS
        };
        while pulse.trouble(&patient, None) != Some(Reason::Quarantine) {
            lane.queue(Box::new(|| ()));
        }
        drop(release);
    }
}
