//! Answers kept for the time in which WeChat may ask for them again.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use crate::wechat::message::{Message, MessageKind};
use crate::wechat::reply::Content;

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
    /// The oldest first.
    kept: VecDeque<Kept>,
    /// The place of each, by the hash of its key. The memory of a map of whole answers is never in the processor's
    /// cache: it took 2 % of a message's time.
    places: HashMap<u64, usize>,
    hasher: RandomState,
    /// The place of the oldest: how many were forgotten before it.
    first: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    hash: u64,
    key: Key,
    answered: Answered,
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
        let place = self.places.get(&self.hasher.hash_one(key))?;
        let kept = self.kept.get(place.wrapping_sub(self.first))?;
        // If two keys share a hash, the place is the later one's, and nothing is known of the earlier.
        (kept.key == *key && !is_over(kept.answered.at, now)).then_some(&kept.answered)
    }

    /// Keeps an answer, and forgets those that are too old or too many.
    pub fn keep(&mut self, key: Key, answered: Answered) {
        let now = answered.at;
        let hash = self.hasher.hash_one(&key);
        let kept = Kept {
            hash,
            key,
            answered,
        };
        self.bytes += kept.size();
        let place = self.first.wrapping_add(self.kept.len());
        self.kept.push_back(kept);
        self.places.insert(hash, place);
        while self.is_oldest_to_go(now) {
            self.forget_oldest();
        }
    }

    fn is_oldest_to_go(&self, now: SystemTime) -> bool {
        self.kept.front().is_some_and(|oldest| {
            is_over(oldest.answered.at, now)
                || self.kept.len() > MAX_ANSWERS
                || self.bytes > MAX_BYTES
        })
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.kept.pop_front() else {
            return;
        };
        self.bytes -= oldest.size();
        // A later answer to the same key has a place of its own.
        if let Entry::Occupied(place) = self.places.entry(oldest.hash)
            && *place.get() == self.first
        {
            place.remove();
        }
        self.first = self.first.wrapping_add(1);
    }
}

fn is_over(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age > KEPT_FOR)
}

impl Kept {
    fn size(&self) -> usize {
        BYTES_BESIDE_TEXTS + self.key.0.len() + self.answered.content.as_str().len()
    }
}

/// What two deliveries of the same message have in common, and two messages have not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

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
        Some(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::message::Event;

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
        assert_eq!((recent.places.len(), recent.kept.len()), (2, 3));
    }

    #[test]
    fn a_later_answer_to_the_same_message_stays_when_the_first_goes() {
        let mut recent = Recent::default();
        recent.keep(key(1), answered("a", 0));
        recent.keep(key(1), answered("b", 61));
        assert_eq!((recent.places.len(), recent.kept.len()), (1, 1));
        assert_eq!(recent.find(&key(1), at(61)), Some(&answered("b", 61)));
    }

    #[test]
    fn of_two_messages_with_one_hash_the_later_is_found() {
        let mut recent = Recent::default();
        recent.keep(key(1), answered("a", 0));
        recent.keep(key(2), answered("b", 0));
        let hash = recent.hasher.hash_one(key(1));
        recent.places.insert(hash, 1);
        assert_eq!(recent.find(&key(1), at(0)), None);
        assert_eq!(recent.find(&key(2), at(0)), Some(&answered("b", 0)));
    }

    #[test]
    fn old_answers_leave_no_trace() {
        let mut recent = Recent::default();
        for second in 0..1_000 {
            recent.keep(key(usize::try_from(second).unwrap()), answered("a", second));
        }
        assert_eq!((recent.places.len(), recent.kept.len()), (61, 61));
        recent.keep(key(0), answered("a", 2_000));
        assert_eq!((recent.places.len(), recent.kept.len()), (1, 1));
        assert_eq!(recent.bytes, recent.kept[0].size());
    }

    #[test]
    fn the_oldest_make_room_when_there_are_too_many() {
        let mut recent = Recent::default();
        for number in 0..=MAX_ANSWERS {
            recent.keep(key(number), answered("a", 0));
        }
        assert_eq!(recent.places.len(), MAX_ANSWERS);
        assert_eq!(recent.kept.len(), MAX_ANSWERS);
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
        assert!(recent.kept.len() > 1_000 && recent.kept.len() < MAX_ANSWERS);
        assert!(recent.find(&key(MAX_ANSWERS - 1), at(0)).is_some());
        let giant = "o".repeat(65_536);
        for number in 0..1_000 {
            let message = message(&giant, &number.to_string());
            recent.keep(Key::of(&message).unwrap(), answered("a", 0));
            assert!(recent.bytes <= MAX_BYTES);
        }
    }
}
