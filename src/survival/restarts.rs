//! How often the process started over, told in one line a minute.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Reason;

/// Between two lines in the log.
const INTERVAL: Duration = Duration::from_secs(60);

/// The starts over since the last line in the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// When the last line was written, in seconds since 1970; 0 = never.
    told: u64,
    /// In the order of [`Reason::ALL`].
    counts: [u64; Reason::ALL.len()],
}

impl Restarts {
    /// Reads what [`Restarts`] prints; anything else is nothing.
    pub fn parse(text: &str) -> Self {
        let mut numbers = text.split(' ').map_while(|number| number.parse().ok());
        Self {
            told: numbers.next().unwrap_or(0),
            counts: std::array::from_fn(|_| numbers.next().unwrap_or(0)),
        }
    }

    /// Counts one more.
    pub fn add(&mut self, reason: Reason) {
        for (count, known) in self.counts.iter_mut().zip(Reason::ALL) {
            *count += u64::from(known == reason);
        }
    }

    /// The line for the log, if there is something to tell and the last one is a minute old.
    pub fn tell(&mut self, now: SystemTime) -> Option<String> {
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs());
        // A clock that was set back does not silence the log.
        let is_due = now < self.told || now - self.told >= INTERVAL.as_secs();
        let line = is_due.then(|| self.tell_rest()).flatten()?;
        self.told = now;
        Some(line)
    }

    /// The line for the log about all that has not been told.
    pub fn tell_rest(&mut self) -> Option<String> {
        let total: u64 = self.counts.iter().sum();
        if total == 0 {
            return None;
        }
        let reasons: Vec<String> = self
            .counts
            .iter()
            .zip(Reason::ALL)
            .filter(|(count, _)| **count > 0)
            .map(|(count, reason)| format!("{} {count}", reason.word()))
            .collect();
        self.counts = [0; _];
        let times = if total == 1 { "time" } else { "times" };
        Some(format!(
            "started over {total} {times}: {}",
            reasons.join(", ")
        ))
    }
}

impl fmt::Display for Restarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.told)?;
        self.counts
            .iter()
            .try_for_each(|count| write!(f, " {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_is_told_at_once_and_the_next_after_a_minute_with_a_count() {
        let mut restarts = Restarts::default();
        assert_eq!(restarts.tell(at(1000)), None);
        restarts.add(Reason::Quarantine);
        assert_eq!(
            restarts.tell(at(1000)).as_deref(),
            Some("started over 1 time: quarantine 1")
        );
        restarts.add(Reason::Quarantine);
        restarts.add(Reason::Memory);
        restarts.add(Reason::Quarantine);
        assert_eq!(restarts.tell(at(1059)), None);
        assert_eq!(
            restarts.tell(at(1060)).as_deref(),
            Some("started over 3 times: quarantine 2, memory 1")
        );
        assert_eq!(restarts.tell(at(2000)), None);
        restarts.add(Reason::Stuck);
        assert_eq!(
            restarts.tell(at(10)).as_deref(),
            Some("started over 1 time: stuck 1")
        );
    }

    #[test]
    fn what_it_prints_reads_back_and_nonsense_is_nothing() {
        let mut restarts = Restarts::default();
        restarts.add(Reason::Deaf);
        let _ = restarts.tell(at(77));
        restarts.add(Reason::Stuck);
        assert_eq!(restarts.to_string(), "77 0 0 1 0");
        assert_eq!(Restarts::parse(&restarts.to_string()), restarts);
        assert_eq!(Restarts::parse("x"), Restarts::default());
        assert_eq!(Restarts::parse(""), Restarts::default());
    }
}
