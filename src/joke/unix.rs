//! Times as seconds since 1970, which outlive a process.

use std::time::{Duration, SystemTime};

/// Whole seconds; 0 for times before 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The time that a number of seconds stands for, if it is one.
pub(super) fn time(seconds: &str) -> Option<SystemTime> {
    let since = Duration::from_secs(seconds.parse().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}
