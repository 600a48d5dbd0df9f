//! Sources that failed are left alone for a while, so that a dead one does not cost every asker
//! its time.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// The longest pause. A site that is down for hours is tried 48 times a day.
const MAX_MINUTES: u64 = 30;

/// Which sources failed last, by name.
#[derive(Debug, Default)]
pub(super) struct Backoff(BTreeMap<&'static str, Pause>);

#[derive(Debug)]
struct Pause {
    begun: SystemTime,
    minutes: u64,
}

impl Backoff {
    /// The source failed: it is not asked for 1 minute, and each time in a row twice as long.
    pub(super) fn failed(&mut self, source: &'static str, now: SystemTime) {
        let before = self.0.get(source).map_or(0, |pause| pause.minutes);
        let minutes = (before * 2).clamp(1, MAX_MINUTES);
        self.0.insert(
            source,
            Pause {
                begun: now,
                minutes,
            },
        );
    }

    /// The source answered: its next failure is a first one.
    pub(super) fn succeeded(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// Whether the source may be asked; it may be after a clock was set back.
    pub(super) fn is_over(&self, source: &str, now: SystemTime) -> bool {
        self.0.get(source).is_none_or(|pause| {
            let pause_length = Duration::from_secs(pause.minutes * 60);
            now.duration_since(pause.begun)
                .map_or(true, |passed| passed >= pause_length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_double_up_to_thirty_minutes() {
        let mut backoff = Backoff::default();
        let mut now = 1_000_000;
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            assert!(backoff.is_over("zol", at(now)));
            backoff.failed("zol", at(now));
            assert!(!backoff.is_over("zol", at(now)));
            now += minutes * 60;
            assert!(!backoff.is_over("zol", at(now - 1)), "{minutes}");
        }
        assert!(backoff.is_over("zol", at(now)));
        assert!(backoff.is_over("60s", at(now)));
    }

    #[test]
    fn after_a_success_the_next_pause_is_a_first_one() {
        let mut backoff = Backoff::default();
        backoff.failed("zol", at(0));
        backoff.failed("zol", at(60));
        backoff.succeeded("zol");
        assert!(backoff.is_over("zol", at(60)));
        backoff.failed("zol", at(60));
        assert!(backoff.is_over("zol", at(120)));
    }

    #[test]
    fn a_clock_that_is_set_back_ends_the_pause() {
        let mut backoff = Backoff::default();
        backoff.failed("zol", at(1_000_000));
        assert!(!backoff.is_over("zol", at(1_000_000)));
        assert!(backoff.is_over("zol", at(999_999)));
    }
}
