//! What a worker may have: descriptors, and memory as the system counts it.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use super::Limits;

/// Descriptors beyond those of connections and of a worker without any: fetches of jokes, files
/// that are read. An even number: accepting needs two, and should fail before the first of them.
const SPARE_DESCRIPTORS: u64 = 30;

/// Descriptors of a worker without a connection, where they cannot be counted.
const USUAL_DESCRIPTORS: usize = 8;

/// The stack of a connection's thread, which reads headers; `tiny_http` does not set any. As much
/// as every thread has by default on Alpine, and so proven for the other threads that get it: those
/// that look up names.
pub(super) const STACK_BYTES: u64 = 128 * 1024;

/// Memory beyond what is resident at most: reserved, not touched.
const SPARE_BYTES: u64 = 128 * 1024 * 1024;

/// How many descriptors are open in this process; `None` where the system does not tell it as Linux
/// does.
pub(crate) fn open() -> Option<usize> {
    // One of them is that of the directory.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

/// Makes the descriptor limit the connection limit, and has the system bound what a burst can
/// allocate between two looks of the supervisor.
pub(crate) fn limit(limits: &Limits) {
    let open = open().unwrap_or(USUAL_DESCRIPTORS);
    let connections = u64::from(limits.connections);
    let descriptors = 2 * connections + SPARE_DESCRIPTORS + u64::try_from(open).unwrap_or(0);
    set(Resource::RLIMIT_NOFILE, descriptors);
    let memory = limits.memory_mib * 1024 * 1024 + connections * STACK_BYTES + SPARE_BYTES;
    set(Resource::RLIMIT_DATA, memory);
}

/// Says what is missing if the system does not allow so many connections.
pub(crate) fn check(limits: &Limits) {
    let wanted = 2 * u64::from(limits.connections) + SPARE_DESCRIPTORS;
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && wanted > hard
    {
        log::warn!(
            "--max-connections {} needs {wanted} descriptors; this machine allows {hard}",
            limits.connections
        );
    }
}

fn set(resource: Resource, wanted: rlim_t) {
    let set = getrlimit(resource).and_then(|(_, hard)| setrlimit(resource, wanted.min(hard), hard));
    if let Err(error) = set {
        log::warn!("{resource:?} cannot be set: {error}");
    }
}
