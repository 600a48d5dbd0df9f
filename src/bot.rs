//! What the bot does with a message.

use crate::{
    wechat::message::{Message, MessageKind},
    words::{Action, Input, Words},
};

/// Decides what to do with a message. `after_joke` tells that the user was just told one; `pick`
/// chooses one of so many.
pub(crate) fn decide(
    message: &Message,
    words: &Words,
    after_joke: bool,
    pick: impl Fn(usize) -> usize,
) -> Action {
    let hear = |input, text: &str| words.hear(input, text, after_joke, pick).0;
    match &message.kind {
        MessageKind::Text(Some(text)) => hear(Input::Text, text),
        MessageKind::Voice(Some(text)) if !text.trim().is_empty() => hear(Input::Speech, text),
        MessageKind::Voice(_) | MessageKind::Wordless(_) => words.no_words(),
        MessageKind::Event { name, key } => match (name.to_lowercase().as_str(), key) {
            ("subscribe", _) => words.welcome(),
            ("click", Some(key)) => hear(Input::MenuKey, key),
            _ => Action::Acknowledge,
        },
        MessageKind::Text(None) | MessageKind::Unknown => Action::Acknowledge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::reply::Content;

    fn does(kind: MessageKind) -> Action {
        let message = Message {
            to_user_name: "gh_1".to_owned(),
            from_user_name: "o1".to_owned(),
            kind,
            fingerprint: 1,
        };
        let words = Words::parse("help = \"帮\"\nno_words = \"字\"\nwelcome = \"欢迎\"").unwrap();
        decide(&message, &words, false, |_| 0)
    }

    fn says(text: &str) -> Action {
        Action::Reply(Content::new(text.to_owned()).unwrap())
    }

    fn meets(event: &str, key: Option<&str>) -> Action {
        does(MessageKind::Event {
            name: event.to_owned(),
            key: key.map(str::to_owned),
        })
    }

    #[test]
    fn words_are_heard_however_they_come() {
        assert_eq!(
            does(MessageKind::Text(Some("你好".to_owned()))),
            says("好你")
        );
        assert_eq!(
            does(MessageKind::Voice(Some("帮助。".to_owned()))),
            says("帮")
        );
        assert_eq!(meets("CLICK", Some("JOKE_1")), Action::TellJoke);
        assert_eq!(meets("click", Some("V1_笑话")), Action::TellJoke);
    }

    #[test]
    fn a_new_follower_is_welcomed() {
        assert_eq!(meets("subscribe", None), says("欢迎"));
        assert_eq!(meets("Subscribe", Some("qrscene_joke")), says("欢迎"));
    }

    #[test]
    fn what_has_no_words_is_answered() {
        for kind in [MessageKind::Wordless("image"), MessageKind::Voice(None)] {
            assert_eq!(does(kind), says("字"));
        }
    }

    #[test]
    fn everything_else_is_acknowledged() {
        for event in [
            "unsubscribe",
            "SCAN",
            "LOCATION",
            "VIEW",
            "TEMPLATESENDJOBFINISH",
            "新",
        ] {
            assert_eq!(meets(event, Some("joke")), Action::Acknowledge, "{event}");
        }
        assert_eq!(meets("CLICK", Some("V1_MENU")), Action::Acknowledge);
        assert_eq!(meets("CLICK", None), Action::Acknowledge);
        assert_eq!(does(MessageKind::Unknown), Action::Acknowledge);
        assert_eq!(does(MessageKind::Text(None)), Action::Acknowledge);
    }
}
