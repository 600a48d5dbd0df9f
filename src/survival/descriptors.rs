//! What a worker may have: descriptors, and memory as the system counts it.

use std::fs;

use nix::sys::resource::{
    Resource::{RLIMIT_DATA, RLIMIT_NOFILE},
    getrlimit, setrlimit,
};

use super::Limits;

/// Descriptors of a worker without a connection, and some to spare for fetches of jokes, files and
/// copies. The spare ones are even: a connection needs two, and it is `accept` that is to fail for
/// want of the first, mostly, not `tiny_http` for want of the second.
const OTHER_DESCRIPTORS: u64 = 7 + 28;

/// The stack of a connection's thread, which reads headers; `tiny_http` does not set any. It is
/// musl's default, and so enough for the other threads that get it, which look up names.
pub(super) const STACK_BYTES: u64 = 128 * 1024;

/// Room for memory that is reserved and never touched.
const SPARE_BYTES: u64 = 128 * 1024 * 1024;

/// How many descriptors are open in this process, with the one that counting takes; `None` where
/// the system does not tell it as Linux does.
pub(super) fn open() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

/// The resident memory of a process; 0 where the system does not tell it as Linux does: then only
/// the system's own bound is left.
pub(super) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Limits the descriptors of this process and those that it starts, and so the connections; and
/// what a burst can allocate between two looks of the supervisor.
pub(super) fn limit(limits: &Limits) {
    let connections = u64::from(limits.connections);
    let descriptors = 2 * connections + OTHER_DESCRIPTORS;
    let memory = limits.memory_mib * 1024 * 1024 + connections * STACK_BYTES + SPARE_BYTES;
    for (resource, wanted) in [(RLIMIT_NOFILE, descriptors), (RLIMIT_DATA, memory)] {
        let limited = getrlimit(resource).and_then(|(_, hard)| {
            if wanted > hard {
                log::warn!("{resource:?} should be {wanted}, and this machine allows only {hard}");
            }
            setrlimit(resource, wanted.min(hard), hard)
        });
        limited.unwrap_or_else(|error| log::warn!("{resource:?} cannot be set: {error}"));
    }
}
