//! Users who were told a joke just now, and may want another one.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use super::is_expired;

/// For so long "another one" means another joke.
const LISTENS_FOR: Duration = Duration::from_secs(5 * 60);
/// Users who may have been told a joke in that time; more are not remembered.
const MAX_LISTENERS: usize = 4_096;

/// Users whose last answer was a joke, and when they were told it.
#[derive(Debug, Default)]
pub(super) struct JokeListeners(HashMap<String, SystemTime>);

impl JokeListeners {
    /// Whether the user's last answer in the last 5 minutes was a joke.
    pub(super) fn contains(&self, user: &str, now: SystemTime) -> bool {
        let told = self.0.get(user);
        told.is_some_and(|at| !is_expired(*at, now, LISTENS_FOR))
    }

    /// Notes whether the user's last answer was a joke.
    pub(super) fn note(&mut self, user: &str, was_joke: bool, now: SystemTime) {
        if !was_joke {
            self.0.remove(user);
            return;
        }
        if self.0.len() >= MAX_LISTENERS {
            self.0.retain(|_, at| !is_expired(*at, now, LISTENS_FOR));
        }
        if self.0.len() < MAX_LISTENERS {
            self.0.insert(user.to_owned(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_348_831_860 + seconds)
    }

    #[test]
    fn another_joke_is_for_whose_last_answer_was_one_5_minutes_ago_at_most() {
        let mut listeners = JokeListeners::default();
        listeners.note("o1", true, at(0));
        listeners.note("o2", true, at(0));
        assert!(listeners.contains("o1", at(300)));
        assert!(!listeners.contains("o1", at(301)));
        assert!(!listeners.contains("o3", at(0)));
        listeners.note("o2", false, at(0));
        assert!(!listeners.contains("o2", at(0)));
    }

    #[test]
    fn who_was_told_a_joke_is_remembered_within_bounds() {
        let mut listeners = JokeListeners::default();
        for number in 0..5_000 {
            listeners.note(&format!("o{number}"), true, at(0));
        }
        assert_eq!(listeners.0.len(), MAX_LISTENERS);
        assert!(!listeners.contains("o4999", at(0)));
        listeners.note("late", true, at(301));
        assert!(listeners.contains("late", at(301)));
        assert_eq!(listeners.0.len(), 1);
    }
}
