//! Pauses for sources that failed, so that a dead one does not delay every request.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// Shortest pause, after a first failure.
const SHORTEST: Duration = Duration::from_secs(60);

/// Longest pause: a site that is down for hours is tried 48 times a day.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// A source that has failed for this long is probably gone.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Pauses of the sources whose last fetch failed, by name.
#[derive(Debug, Default)]
pub(super) struct Backoff(BTreeMap<&'static str, Pause>);

#[derive(Debug)]
struct Pause {
    begun: SystemTime,
    length: Duration,
    /// Time of the first failure in a row.
    first: SystemTime,
}

impl Backoff {
    /// Notes a failure. The source pauses for 1 minute, and twice as long after each further
    /// failure in a row, up to 30. Returns true once, when it has failed for a day.
    pub(super) fn failed(&mut self, source: &'static str, now: SystemTime) -> bool {
        let pause = self.0.entry(source).or_insert(Pause {
            begun: now,
            length: Duration::ZERO,
            first: now,
        });
        let has_failed_for_a_day = |time: SystemTime| {
            let failing = time.duration_since(pause.first);
            failing.is_ok_and(|failing| failing >= DAY)
        };
        let is_first_report = has_failed_for_a_day(now) && !has_failed_for_a_day(pause.begun);
        pause.begun = now;
        pause.length = (pause.length * 2).clamp(SHORTEST, LONGEST);
        is_first_report
    }

    /// Notes a success: the next failure counts as a first one.
    pub(super) fn succeeded(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// Returns true if a source may be asked, as also after the clock was set back.
    pub(super) fn is_over(&self, source: &str, now: SystemTime) -> bool {
        self.0.get(source).is_none_or(|pause| {
            let passed = now.duration_since(pause.begun);
            passed.map_or(true, |passed| passed >= pause.length)
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

    #[test]
    fn a_source_that_gives_nothing_for_a_day_is_told_once() {
        let mut backoff = Backoff::default();
        let hours = |hours: u64| at(hours * 3_600);
        let told: Vec<bool> = [0, 23, 24, 25, 60]
            .map(|hour| backoff.failed("zol", hours(hour)))
            .into();
        assert_eq!(told, [false, false, true, false, false]);
        backoff.succeeded("zol");
        assert!(!backoff.failed("zol", hours(70)));
        assert!(backoff.failed("zol", hours(94)));
    }
}
