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
