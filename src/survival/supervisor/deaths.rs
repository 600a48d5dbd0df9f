//! Workers that died: one line a second about them, and pauses where they die at once.

use std::time::{Duration, Instant};

/// Between two lines in the log.
const INTERVAL: Duration = Duration::from_secs(1);

/// A life so short that several fit into a second.
const SHORT_LIFE: Duration = Duration::from_millis(100);

/// Short lives in a row that are followed at once by the next worker.
const FREE: u32 = 4;

/// The first pause; each short life doubles it …
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Deaths {
    short_lives: u32,
    /// When the next worker may be started.
    pause_end: Option<Instant>,
    told: Option<Instant>,
    untold: u32,
}

impl Deaths {
    /// Whether the next worker may be started.
    pub(super) fn may_start(&self) -> bool {
        self.pause_end.is_none_or(|end| Instant::now() >= end)
    }

    /// A worker has died after serving for so long.
    pub(super) fn add(&mut self, life: Duration, reason: &str) {
        let now = Instant::now();
        self.pause_end = Some(now + self.pause_after(life));
        let Some(more) = self.may_tell(now) else {
            return;
        };
        match more {
            0 => log::warn!("the worker {reason}"),
            _ => log::warn!("the worker {reason}, and {more} before it ended since the last line"),
        }
    }

    /// Tells how many have not been told.
    pub(super) fn tell_rest(&self) {
        if self.untold > 0 {
            log::warn!("{} more workers ended", self.untold);
        }
    }

    fn pause_after(&mut self, life: Duration) -> Duration {
        if life >= SHORT_LIFE {
            self.short_lives = 0;
            return Duration::ZERO;
        }
        self.short_lives += 1;
        match self.short_lives.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(more) => LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(more.min(8))),
        }
    }

    /// Whether this one is told; if so, how many before it were not.
    fn may_tell(&mut self, now: Instant) -> Option<u32> {
        if self.told.is_some_and(|told| now < told + INTERVAL) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lives_are_followed_by_growing_pauses_and_a_long_one_ends_them() {
        let mut deaths = Deaths::default();
        let mut pauses = Vec::new();
        for life in [0, 99, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 100, 0] {
            let pause = deaths.pause_after(Duration::from_millis(life));
            pauses.push(pause.as_millis());
        }
        let expected = [0, 0, 0, 0, 20, 40, 80, 160, 320, 640, 1000, 1000, 0, 0];
        assert_eq!(pauses, expected);
    }

    #[test]
    fn one_in_a_second_is_told_with_the_number_of_the_others() {
        let mut deaths = Deaths::default();
        let start = Instant::now();
        let told = [0, 1, 999, 1000, 1500, 2001, 9000]
            .map(|time| deaths.may_tell(start + Duration::from_millis(time)));
        let expected = [Some(0), None, None, Some(2), None, Some(1), Some(0)];
        assert_eq!(told, expected);
    }
}
