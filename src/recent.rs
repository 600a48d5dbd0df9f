//! Answers kept for the time in which WeChat may ask for them again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::message::{Message, MessageKind};
use crate::reply::Content;

/// WeChat sends a message three times, about 5 s apart, when no answer arrives; 60 s leave room for slow networks.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Sixty messages a second for the time they are kept, more than a small account will meet.
const MAX_ANSWERS: usize = 4_096;
/// Room for that many answers of usual length; the longest ones push the oldest out sooner.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What an answer takes beside its texts: its places in the map and the queue and the allocations, rounded up.
const BYTES_BESIDE_TEXTS: usize = 512;

/// The answers to recent messages, so that the same message gets the same answer.
#[derive(Debug, Default)]
pub struct Recent {
    answers: HashMap<Key, Answered>,
    /// The keys of all answers, the oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

/// What was answered to a message, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What the user was told.
    pub content: Content,
    /// The moment, which the reply says as its `CreateTime`.
    pub at: SystemTime,
}

impl Recent {
    /// What was answered to the same message in the last 60 s.
    ///
    /// A clock that was set back makes no answer older.
    #[must_use]
    pub fn find(&self, key: &Key, now: SystemTime) -> Option<&Answered> {
        let answered = self.answers.get(key)?;
        (!is_over(answered.at, now)).then_some(answered)
    }

    /// Keeps an answer, and forgets those that are too old or too many.
    pub fn keep(&mut self, key: Key, answered: Answered) {
        let now = answered.at;
        self.bytes += size(&key, &answered);
        if let Some(replaced) = self.answers.insert(key.clone(), answered) {
            self.bytes -= size(&key, &replaced);
            self.order.retain(|other| *other != key);
        }
        self.order.push_back(key);
        while self.is_oldest_to_go(now) {
            if let Some(oldest) = self.order.pop_front() {
                self.forget(&oldest);
            }
        }
    }

    fn is_oldest_to_go(&self, now: SystemTime) -> bool {
        let oldest = self.order.front().and_then(|key| self.answers.get(key));
        oldest.is_some_and(|oldest| {
            is_over(oldest.at, now) || self.answers.len() > MAX_ANSWERS || self.bytes > MAX_BYTES
        })
    }

    fn forget(&mut self, key: &Key) {
        if let Some(forgotten) = self.answers.remove(key) {
            self.bytes -= size(key, &forgotten);
        }
    }
}

fn is_over(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age > KEPT_FOR)
}

fn size(key: &Key, answered: &Answered) -> usize {
    BYTES_BESIDE_TEXTS + key.0.len() + answered.content.as_str().len()
}

/// What two deliveries of the same message have in common, and two messages have not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of a message; none, where nothing tells it from the next one.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        // No text out of XML has the character by which the parts are divided.
        let from = &message.from_user_name;
        let key = match (&message.msg_id, &message.kind) {
            (Some(msg_id), _) => [from, "\0", msg_id].concat(),
            // Events have no MsgId, and two of them can share a second.
            (None, MessageKind::Event(event)) => {
                let create_time = message.create_time?;
                let event_key = event.event_key.as_deref().unwrap_or_default();
                format!("{from}\0{create_time}\0{}\0{event_key}", event.event)
            }
            (None, _) => return None,
        };
        Some(Self(key.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Event;

    const START: u64 = 1_348_831_860;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(START + seconds)
    }

    fn message(from: &str, msg_id: &str) -> Message {
        Message {
            to_user_name: "gh_1".to_owned(),
            from_user_name: from.to_owned(),
            create_time: Some(START),
            msg_id: Some(msg_id.to_owned()),
            kind: MessageKind::Text {
                content: None,
                bizmsgmenuid: None,
            },
        }
    }

    fn event(from: &str, create_time: Option<u64>, event: &str, event_key: &str) -> Message {
        Message {
            create_time,
            msg_id: None,
            kind: MessageKind::Event(Event {
                event: event.to_owned(),
                event_key: Some(event_key.to_owned()),
                ticket: None,
                latitude: None,
                longitude: None,
                precision: None,
            }),
            ..message(from, "")
        }
    }

    fn key(number: usize) -> Key {
        Key::of(&message("o1", &number.to_string())).unwrap()
    }

    fn answered(text: &str, seconds: u64) -> Answered {
        Answered {
            content: Content::new(text.to_owned()).unwrap(),
            at: at(seconds),
        }
    }

    #[test]
    fn a_message_is_told_by_user_and_msg_id() {
        let key = |from, msg_id| Key::of(&message(from, msg_id)).unwrap();
        assert_eq!(key("o1", "1"), key("o1", "1"));
        assert_ne!(key("o1", "1"), key("o2", "1"));
        assert_ne!(key("o1", "1"), key("o1", "2"));
        assert_ne!(key("o11", "1"), key("o1", "11"));
    }

    #[test]
    fn an_event_is_told_by_user_second_name_and_key() {
        let first = Key::of(&event("o1", Some(1), "CLICK", "a"));
        assert!(first.is_some());
        assert_eq!(first, Key::of(&event("o1", Some(1), "CLICK", "a")));
        for other in [
            event("o2", Some(1), "CLICK", "a"),
            event("o1", Some(2), "CLICK", "a"),
            event("o1", Some(1), "VIEW", "a"),
            event("o1", Some(1), "CLICK", "b"),
        ] {
            assert_ne!(first, Key::of(&other));
        }
    }

    #[test]
    fn what_cannot_be_told_from_the_next_has_no_key() {
        let no_msg_id = Message {
            msg_id: None,
            ..message("o1", "")
        };
        assert_eq!(Key::of(&no_msg_id), None);
        assert_eq!(Key::of(&event("o1", None, "CLICK", "a")), None);
    }

    #[test]
    fn an_answer_is_kept_for_a_minute() {
        let mut recent = Recent::default();
        recent.keep(key(1), answered("a", 0));
        assert_eq!(recent.find(&key(1), at(0)), Some(&answered("a", 0)));
        assert_eq!(recent.find(&key(1), at(60)), Some(&answered("a", 0)));
        assert_eq!(recent.find(&key(1), at(61)), None);
        assert_eq!(recent.find(&key(2), at(0)), None);
    }

    #[test]
    fn a_clock_set_back_makes_nothing_older() {
        let mut recent = Recent::default();
        recent.keep(key(1), answered("a", 1_000));
        recent.keep(key(2), answered("b", 0));
        assert_eq!(recent.find(&key(1), at(0)), Some(&answered("a", 1_000)));
        assert_eq!(recent.find(&key(2), at(100)), None);
        recent.keep(key(2), answered("c", 100));
        assert_eq!(recent.find(&key(2), at(100)), Some(&answered("c", 100)));
        assert_eq!((recent.answers.len(), recent.order.len()), (2, 2));
    }

    #[test]
    fn old_answers_leave_no_trace() {
        let mut recent = Recent::default();
        for second in 0..1_000 {
            recent.keep(key(usize::try_from(second).unwrap()), answered("a", second));
        }
        assert_eq!((recent.answers.len(), recent.order.len()), (61, 61));
        recent.keep(key(0), answered("a", 2_000));
        assert_eq!(recent.bytes, size(&key(0), &answered("a", 0)));
    }

    #[test]
    fn the_oldest_make_room_when_there_are_too_many() {
        let mut recent = Recent::default();
        for number in 0..=MAX_ANSWERS {
            recent.keep(key(number), answered("a", 0));
        }
        assert_eq!(recent.answers.len(), MAX_ANSWERS);
        assert_eq!(recent.order.len(), MAX_ANSWERS);
        assert_eq!(recent.find(&key(0), at(0)), None);
        assert!(recent.find(&key(1), at(0)).is_some());
    }

    #[test]
    fn the_oldest_make_room_when_they_are_too_long() {
        let mut recent = Recent::default();
        let long = "a".repeat(2_000);
        for number in 0..MAX_ANSWERS {
            recent.keep(key(number), answered(&long, 0));
            assert!(recent.bytes <= MAX_BYTES);
        }
        assert!(recent.answers.len() > 1_000 && recent.answers.len() < MAX_ANSWERS);
        assert!(recent.find(&key(MAX_ANSWERS - 1), at(0)).is_some());
        let giant = "o".repeat(65_536);
        for number in 0..1_000 {
            let message = message(&giant, &number.to_string());
            recent.keep(Key::of(&message).unwrap(), answered("a", 0));
            assert!(recent.bytes <= MAX_BYTES);
        }
    }
}
