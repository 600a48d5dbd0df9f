//! Threads for what the loop must not wait for, and a place for what nobody may drop.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::request::Call;
use crate::survival::health::Health;

/// Stack of a thread that reads one body or sends one response.
const STACK_BYTES: usize = 128 * 1024;

/// Short-lived threads, and the requests that are kept for as long as the process lives, because
/// dropping one would take for ever or end it.
pub(super) struct Workers {
    kept: Vec<Call>,
    health: Arc<Health>,
}

impl Workers {
    pub(super) fn new(health: Arc<Health>) -> Self {
        let kept = Vec::new();
        Self { kept, health }
    }

    /// Has something done with a request by a thread of its own.
    pub(super) fn spawn(&mut self, call: Call, work: impl FnOnce(Call) + Send + 'static) {
        // When no thread can be had, its closure is dropped; the request must not be dropped with
        // it.
        let shared = Arc::new(Mutex::new(Some(call)));
        let taken = Arc::clone(&shared);
        let spawned = thread::Builder::new()
            .name("body".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || take(&taken).map(work));
        if spawned.is_err()
            && let Some(call) = take(&shared)
        {
            self.keep(call);
        }
    }

    /// Keeps what cannot be dropped.
    pub(super) fn keep(&mut self, call: Call) {
        self.kept.push(call);
        self.health.add_oversized();
    }
}

fn take(call: &Mutex<Option<Call>>) -> Option<Call> {
    call.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({} kept)", self.kept.len())
    }
}
