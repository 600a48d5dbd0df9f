//! Answers kept for the time in which WeChat may ask for them again.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, SystemTime},
};

use crate::wechat::reply::Content;

/// WeChat sends a message three times, about 5 s apart, when no answer arrives; 60 s leave room for
/// slow networks.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Sixty messages a second for the time they are kept, more than a small account will meet.
const MAX_ANSWERS: usize = 4_096;
/// Room for that many answers of usual length; the longest ones push the oldest out sooner.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What an answer takes beside its text: its places in the map and the queue and the allocation,
/// rounded up.
const BYTES_BESIDE_TEXT: usize = 256;

/// For so long "another one" means another joke to a user who was told one.
const LISTENS_FOR: Duration = Duration::from_secs(5 * 60);
/// Users who may have been told a joke in that time; more are not remembered.
const MAX_LISTENERS: usize = 4_096;

/// The answers to recent messages, by the messages' fingerprints.
#[derive(Debug, Default)]
pub(super) struct Recent {
    answers: HashMap<u64, Answered>,
    /// The oldest first.
    order: VecDeque<u64>,
    bytes: usize,
    /// Users whose last answer was a joke, and when they were told it.
    listeners: HashMap<String, SystemTime>,
}

/// What was answered to a message, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// What the user was told.
    pub(super) content: Content,
    /// The moment, which the reply says as its `CreateTime`.
    pub(super) at: SystemTime,
}

impl Recent {
    /// What was answered to the same message in the last 60 s.
    pub(super) fn find(&self, fingerprint: u64, now: SystemTime) -> Option<&Answered> {
        let answered = self.answers.get(&fingerprint)?;
        (!is_over(answered.at, now, KEPT_FOR)).then_some(answered)
    }

    /// Keeps an answer, and forgets those that are too old or too many.
    pub(super) fn keep(&mut self, fingerprint: u64, answered: Answered) {
        let now = answered.at;
        self.bytes += answered.size();
        match self.answers.insert(fingerprint, answered) {
            Some(old) => self.bytes -= old.size(),
            None => self.order.push_back(fingerprint),
        }
        while let Some(oldest) = self.oldest_to_go(now) {
            self.order.pop_front();
            if let Some(answered) = self.answers.remove(&oldest) {
                self.bytes -= answered.size();
            }
        }
    }

    /// Whether the user's last answer in the last 5 minutes was a joke.
    pub(super) fn is_after_joke(&self, user: &str, now: SystemTime) -> bool {
        let told = self.listeners.get(user);
        told.is_some_and(|at| !is_over(*at, now, LISTENS_FOR))
    }

    pub(super) fn told_joke(&mut self, user: String, now: SystemTime) {
        if self.listeners.len() >= MAX_LISTENERS {
            self.listeners
                .retain(|_, at| !is_over(*at, now, LISTENS_FOR));
        }
        if self.listeners.len() < MAX_LISTENERS {
            self.listeners.insert(user, now);
        }
    }

    pub(super) fn told_something(&mut self, user: &str) {
        self.listeners.remove(user);
    }

    fn oldest_to_go(&self, now: SystemTime) -> Option<u64> {
        let oldest = *self.order.front()?;
        let is_full = self.order.len() > MAX_ANSWERS || self.bytes > MAX_BYTES;
        (is_full || is_over(self.answers.get(&oldest)?.at, now, KEPT_FOR)).then_some(oldest)
    }
}

/// A clock that was set back makes nothing older.
fn is_over(at: SystemTime, now: SystemTime, kept_for: Duration) -> bool {
    now.duration_since(at).is_ok_and(|age| age > kept_for)
}

impl Answered {
    fn size(&self) -> usize {
        BYTES_BESIDE_TEXT + self.content.as_str().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_348_831_860 + seconds)
    }

    fn answered(text: &str, seconds: u64) -> Answered {
        Answered {
            content: Content::new(text.to_owned()).unwrap(),
            at: at(seconds),
        }
    }

    /// How many answers there are, by the map and by the queue.
    fn counts(recent: &Recent) -> (usize, usize) {
        (recent.answers.len(), recent.order.len())
    }

    #[test]
    fn an_answer_is_kept_for_a_minute() {
        let mut recent = Recent::default();
        recent.keep(1, answered("a", 0));
        assert_eq!(recent.find(1, at(0)), Some(&answered("a", 0)));
        assert_eq!(recent.find(1, at(60)), Some(&answered("a", 0)));
        assert_eq!(recent.find(1, at(61)), None);
        assert_eq!(recent.find(2, at(0)), None);
    }

    #[test]
    fn another_joke_is_for_whose_last_answer_was_one_5_minutes_ago_at_most() {
        let mut recent = Recent::default();
        recent.told_joke("o1".to_owned(), at(0));
        recent.told_joke("o2".to_owned(), at(0));
        assert!(recent.is_after_joke("o1", at(300)));
        assert!(!recent.is_after_joke("o1", at(301)));
        assert!(!recent.is_after_joke("o3", at(0)));
        recent.told_something("o2");
        assert!(!recent.is_after_joke("o2", at(0)));
    }

    #[test]
    fn who_was_told_a_joke_is_remembered_within_bounds() {
        let mut recent = Recent::default();
        for number in 0..5_000 {
            recent.told_joke(format!("o{number}"), at(0));
        }
        assert_eq!(recent.listeners.len(), MAX_LISTENERS);
        assert!(!recent.is_after_joke("o4999", at(0)));
        recent.told_joke("late".to_owned(), at(301));
        assert!(recent.is_after_joke("late", at(301)));
        assert_eq!(recent.listeners.len(), 1);
    }

    #[test]
    fn a_clock_set_back_makes_nothing_older() {
        let mut recent = Recent::default();
        recent.keep(1, answered("a", 1_000));
        recent.keep(2, answered("b", 0));
        assert_eq!(recent.find(1, at(0)), Some(&answered("a", 1_000)));
        assert_eq!(recent.find(2, at(100)), None);
        recent.keep(2, answered("c", 100));
        assert_eq!(recent.find(2, at(100)), Some(&answered("c", 100)));
        assert_eq!(counts(&recent), (2, 2));
    }

    #[test]
    fn a_later_answer_to_the_same_message_takes_the_place_of_the_first() {
        let mut recent = Recent::default();
        recent.keep(1, answered("aaa", 0));
        recent.keep(1, answered("b", 61));
        assert_eq!(counts(&recent), (1, 1));
        assert_eq!(recent.bytes, answered("b", 61).size());
        assert_eq!(recent.find(1, at(61)), Some(&answered("b", 61)));
    }

    #[test]
    fn old_answers_leave_no_trace() {
        let mut recent = Recent::default();
        for second in 0..1_000 {
            recent.keep(second, answered("a", second));
        }
        assert_eq!(counts(&recent), (61, 61));
        recent.keep(0, answered("a", 2_000));
        assert_eq!(counts(&recent), (1, 1));
        assert_eq!(recent.bytes, answered("a", 0).size());
    }

    #[test]
    fn the_oldest_make_room_when_there_are_too_many() {
        let mut recent = Recent::default();
        for number in 0..5_000 {
            recent.keep(number, answered("a", 0));
        }
        assert_eq!(counts(&recent), (MAX_ANSWERS, MAX_ANSWERS));
        assert_eq!(recent.find(903, at(0)), None);
        assert!(recent.find(904, at(0)).is_some());
    }

    #[test]
    fn the_oldest_make_room_when_they_are_too_long() {
        let mut recent = Recent::default();
        let long = "a".repeat(2_000);
        for number in 0..4_096 {
            recent.keep(number, answered(&long, 0));
            assert!(recent.bytes <= MAX_BYTES);
        }
        let count = MAX_BYTES / answered(&long, 0).size();
        assert_eq!(counts(&recent), (count, count));
        assert!(recent.find(4_095, at(0)).is_some());
    }
}
