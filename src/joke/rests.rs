//! Sources that failed rest for a while, so that a dead one does not cost every asker its time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::unix;

/// The longest rest. A site that is down for hours is tried 48 times a day.
const MAX_MINUTES: u64 = 30;

/// Which sources rest, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rests(BTreeMap<String, Rest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    minutes: u64,
    until: SystemTime,
}

impl Rests {
    /// The source failed: it rests for 1 minute, and each time in a row twice as long.
    pub(super) fn failed(&mut self, source: &str, now: SystemTime) {
        let before = self.0.get(source).map_or(0, |rest| rest.minutes);
        let minutes = (before * 2).clamp(1, MAX_MINUTES);
        let until = now + Duration::from_secs(minutes * 60);
        self.0.insert(source.to_owned(), Rest { minutes, until });
    }

    /// The source answered: its next failure is a first one.
    pub(super) fn succeeded(&mut self, source: &str) {
        self.0.remove(source);
    }

    /// Whether the source may be asked. A rest that seems longer than the longest comes from a
    /// clock that has been set back since, and is over.
    pub(super) fn is_awake(&self, source: &str, now: SystemTime) -> bool {
        self.0.get(source).is_none_or(|rest| {
            rest.until.duration_since(now).map_or(true, |left| {
                left.is_zero() || left > Duration::from_secs(MAX_MINUTES * 60)
            })
        })
    }

    /// One line a source: until when, how many minutes in all, and its name.
    pub(super) fn write(&self) -> String {
        let line = |(source, rest): (&String, &Rest)| {
            format!("{} {} {source}", unix::seconds(rest.until), rest.minutes)
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What [`Rests::write`] wrote; lines that it cannot have written are passed over.
    pub(super) fn read(text: &str) -> Rests {
        Rests(text.lines().filter_map(read_line).collect())
    }
}

fn read_line(line: &str) -> Option<(String, Rest)> {
    let mut words = line.splitn(3, ' ');
    let until = unix::time(words.next()?)?;
    let minutes = words.next()?.parse().ok()?;
    let source = words.next()?.to_owned();
    (1..=MAX_MINUTES)
        .contains(&minutes)
        .then_some((source, Rest { minutes, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn rests_double_up_to_thirty_minutes() {
        let mut rests = Rests::default();
        let mut now = 1_000_000;
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            assert!(rests.is_awake("zol", at(now)));
            rests.failed("zol", at(now));
            assert!(!rests.is_awake("zol", at(now)));
            now += minutes * 60;
            assert!(!rests.is_awake("zol", at(now - 1)), "{minutes}");
        }
        assert!(rests.is_awake("zol", at(now)));
        assert!(rests.is_awake("60s", at(now)));
    }

    #[test]
    fn after_a_success_the_next_rest_is_a_first_one() {
        let mut rests = Rests::default();
        rests.failed("zol", at(0));
        rests.failed("zol", at(60));
        rests.succeeded("zol");
        assert!(rests.is_awake("zol", at(60)));
        rests.failed("zol", at(60));
        assert!(rests.is_awake("zol", at(120)));
    }

    #[test]
    fn a_clock_that_is_set_back_ends_the_rest() {
        let mut rests = Rests::default();
        rests.failed("zol", at(1_000_000));
        assert!(!rests.is_awake("zol", at(1_000_060 - 1_800)));
        assert!(rests.is_awake("zol", at(1_000_060 - 1_801)));
    }

    #[test]
    fn written_rests_are_read_again() {
        let mut rests = Rests::default();
        rests.failed("zol", at(1_000));
        rests.failed("60s", at(1_000));
        rests.failed("60s", at(1_060));
        assert_eq!(rests.write(), "1180 2 60s\n1060 1 zol");
        assert_eq!(Rests::read(&rests.write()), rests);
    }

    #[test]
    fn what_cannot_be_rests_is_passed_over() {
        for text in [
            "",
            "\n",
            "x",
            "1 2",
            "x 1 zol",
            "-1 1 zol",
            "1 x zol",
            "1 0 zol",
            "1 31 zol",
            "99999999999999999999 1 zol",
            "18446744073709551615 1 zol",
        ] {
            assert_eq!(Rests::read(text), Rests::default(), "{text}");
        }
        assert_eq!(Rests::read("?\n60 1 zol").write(), "60 1 zol");
    }
}
