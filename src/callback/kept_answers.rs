//! Answers kept for the time in which WeChat may ask for them again.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, SystemTime},
};

use super::is_expired;
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

/// The answers to recent messages, by the messages' fingerprints.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers {
    answers: HashMap<u64, KeptAnswer>,
    /// The oldest first.
    order: VecDeque<u64>,
    bytes: usize,
}

/// What was answered to a message, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptAnswer {
    /// What the user was told.
    pub(super) content: Content,
    /// The moment, which the reply says as its `CreateTime`.
    pub(super) at: SystemTime,
}

impl KeptAnswers {
    /// What was answered to the same message in the last 60 s.
    pub(super) fn find(&self, fingerprint: u64, now: SystemTime) -> Option<&KeptAnswer> {
        let answered = self.answers.get(&fingerprint)?;
        (!is_expired(answered.at, now, KEPT_FOR)).then_some(answered)
    }

    /// Keeps an answer, and forgets those that are too old or too many.
    pub(super) fn keep(&mut self, fingerprint: u64, answered: KeptAnswer) {
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

    fn oldest_to_go(&self, now: SystemTime) -> Option<u64> {
        let oldest = *self.order.front()?;
        let is_full = self.order.len() > MAX_ANSWERS || self.bytes > MAX_BYTES;
        (is_full || is_expired(self.answers.get(&oldest)?.at, now, KEPT_FOR)).then_some(oldest)
    }
}

impl KeptAnswer {
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

    fn answered(text: &str, seconds: u64) -> KeptAnswer {
        KeptAnswer {
            content: Content::new(text.to_owned()).unwrap(),
            at: at(seconds),
        }
    }

    /// How many answers there are, by the map and by the queue.
    fn counts(kept: &KeptAnswers) -> (usize, usize) {
        (kept.answers.len(), kept.order.len())
    }

    #[test]
    fn an_answer_is_kept_for_a_minute() {
        let mut kept = KeptAnswers::default();
        kept.keep(1, answered("a", 0));
        assert_eq!(kept.find(1, at(0)), Some(&answered("a", 0)));
        assert_eq!(kept.find(1, at(60)), Some(&answered("a", 0)));
        assert_eq!(kept.find(1, at(61)), None);
        assert_eq!(kept.find(2, at(0)), None);
    }

    #[test]
    fn a_clock_set_back_makes_nothing_older() {
        let mut kept = KeptAnswers::default();
        kept.keep(1, answered("a", 1_000));
        kept.keep(2, answered("b", 0));
        assert_eq!(kept.find(1, at(0)), Some(&answered("a", 1_000)));
        assert_eq!(kept.find(2, at(100)), None);
        kept.keep(2, answered("c", 100));
        assert_eq!(kept.find(2, at(100)), Some(&answered("c", 100)));
        assert_eq!(counts(&kept), (2, 2));
    }

    #[test]
    fn a_later_answer_to_the_same_message_takes_the_place_of_the_first() {
        let mut kept = KeptAnswers::default();
        kept.keep(1, answered("aaa", 0));
        kept.keep(1, answered("b", 61));
        assert_eq!(counts(&kept), (1, 1));
        assert_eq!(kept.bytes, answered("b", 61).size());
        assert_eq!(kept.find(1, at(61)), Some(&answered("b", 61)));
    }

    #[test]
    fn old_answers_leave_no_trace() {
        let mut kept = KeptAnswers::default();
        for second in 0..1_000 {
            kept.keep(second, answered("a", second));
        }
        assert_eq!(counts(&kept), (61, 61));
        kept.keep(0, answered("a", 2_000));
        assert_eq!(counts(&kept), (1, 1));
        assert_eq!(kept.bytes, answered("a", 0).size());
    }

    #[test]
    fn the_oldest_make_room_when_there_are_too_many() {
        let mut kept = KeptAnswers::default();
        for number in 0..5_000 {
            kept.keep(number, answered("a", 0));
        }
        assert_eq!(counts(&kept), (MAX_ANSWERS, MAX_ANSWERS));
        assert_eq!(kept.find(903, at(0)), None);
        assert!(kept.find(904, at(0)).is_some());
    }

    #[test]
    fn the_oldest_make_room_when_they_are_too_long() {
        let mut kept = KeptAnswers::default();
        let long = "a".repeat(2_000);
        for number in 0..4_096 {
            kept.keep(number, answered(&long, 0));
            assert!(kept.bytes <= MAX_BYTES);
        }
        let count = MAX_BYTES / answered(&long, 0).size();
        assert_eq!(counts(&kept), (count, count));
        assert!(kept.find(4_095, at(0)).is_some());
    }
}
