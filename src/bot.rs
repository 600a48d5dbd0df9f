//! What the bot does with a message, and every word it says of its own.

use crate::{
    reverse::reverse,
    wechat::{
        message::{Message, MessageKind},
        reply::Content,
    },
};

/// Says what the bot can do.
const HELP: &str = "发我一句话，我倒着说给你听。\n发「笑话」，我给你讲一个笑话。";
/// Answers what has no words in it.
const WORDS_ONLY: &str = "我只认得字，发句话给我吧。";

/// Words that ask for a joke, wherever they stand.
const JOKE_WORDS: [&str; 3] = ["笑话", "笑話", "joke"];
/// Words that ask for help, when they stand alone.
const HELP_WORDS: [&str; 5] = ["帮助", "幫助", "help", "?", "？"];
/// What WeChat puts in the place of a sticker: not words of the user.
const STICKERS: [&str; 4] = [
    "【收到不支持的消息类型，暂无法显示】",
    "【收到不支援的訊息類型，無法顯示】",
    "[Unsupported Message]",
    "[Unsupported message]",
];

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Say this.
    Reply(Content),
    /// Tell the next joke.
    TellJoke,
    /// Tell WeChat that the message arrived, and the user nothing.
    Acknowledge,
}

/// Decides what to do with a message.
pub(crate) fn decide(message: &Message) -> Action {
    match &message.kind {
        MessageKind::Text(content) => content.as_deref().map_or(Action::Acknowledge, hear),
        MessageKind::Voice(recognition) => recognition.as_deref().map_or_else(words_only, hear),
        MessageKind::Wordless(_) => words_only(),
        MessageKind::Event { name, key } => notice(name, key.as_deref()),
        MessageKind::Unknown => Action::Acknowledge,
    }
}

/// Answers the user's words.
fn hear(words: &str) -> Action {
    let alone = words.trim();
    if asks_for_joke(words) {
        Action::TellJoke
    } else if HELP_WORDS
        .iter()
        .any(|help| alone.eq_ignore_ascii_case(help))
    {
        say(HELP.to_owned())
    } else if STICKERS.contains(&alone) {
        words_only()
    } else {
        say(reverse(words))
    }
}

fn notice(event: &str, key: Option<&str>) -> Action {
    if event.eq_ignore_ascii_case("subscribe") {
        say(HELP.to_owned())
    } else if event.eq_ignore_ascii_case("CLICK") && key.is_some_and(asks_for_joke) {
        Action::TellJoke
    } else {
        Action::Acknowledge
    }
}

fn asks_for_joke(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    JOKE_WORDS.iter().any(|joke| words.contains(joke))
}

fn words_only() -> Action {
    say(WORDS_ONLY.to_owned())
}

fn say(text: String) -> Action {
    Content::new(text).map_or(Action::Acknowledge, Action::Reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(kind: MessageKind) -> Action {
        decide(&Message {
            to_user_name: "gh_1".to_owned(),
            from_user_name: "o1".to_owned(),
            kind,
            fingerprint: 1,
        })
    }

    fn hears(words: &str) -> Action {
        does(MessageKind::Text(Some(words.to_owned())))
    }

    fn hears_voice(recognition: Option<&str>) -> Action {
        does(MessageKind::Voice(recognition.map(str::to_owned)))
    }

    fn meets(event: &str, key: Option<&str>) -> Action {
        does(MessageKind::Event {
            name: event.to_owned(),
            key: key.map(str::to_owned),
        })
    }

    fn says(text: &str) -> Action {
        Action::Reply(Content::new(text.to_owned()).unwrap())
    }

    #[test]
    fn words_come_back_backwards() {
        assert_eq!(hears("你好/::)"), says("/::)好你"));
        assert_eq!(hears("help me"), says("em pleh"));
        assert_eq!(hears(" a"), says("a "));
        assert_eq!(hears("??"), says("??"));
        assert_eq!(hears_voice(Some("你好。")), says("。好你"));
    }

    #[test]
    fn a_joke_is_told_wherever_its_word_stands() {
        for words in ["笑话", "讲个笑話吧", "JoKe", "help me, a joke?", "a\njokes"] {
            assert_eq!(hears(words), Action::TellJoke, "{words}");
        }
        assert_eq!(hears("笑 话"), says("话 笑"));
        assert_eq!(hears_voice(Some("来个笑话。")), Action::TellJoke);
        assert_eq!(meets("CLICK", Some("JOKE_1")), Action::TellJoke);
        assert_eq!(meets("click", Some("V1_笑话")), Action::TellJoke);
    }

    #[test]
    fn help_is_given_when_its_word_stands_alone() {
        for words in [
            "帮助",
            "幫助",
            "help",
            "HELP",
            "?",
            "？",
            " Help\n",
            "\u{3000}帮助",
        ] {
            assert_eq!(hears(words), says(HELP), "{words}");
        }
        assert_eq!(HELP.lines().count(), 2);
        assert_eq!(hears_voice(Some("帮助")), says(HELP));
    }

    #[test]
    fn a_new_follower_is_given_help() {
        assert_eq!(meets("subscribe", None), says(HELP));
        assert_eq!(meets("Subscribe", Some("qrscene_joke")), says(HELP));
    }

    #[test]
    fn what_has_no_words_is_answered_in_one_line() {
        for sticker in STICKERS {
            assert_eq!(hears(sticker), says(WORDS_ONLY));
        }
        assert_eq!(hears_voice(None), says(WORDS_ONLY));
        assert_eq!(does(MessageKind::Wordless("image")), says(WORDS_ONLY));
        assert_eq!(WORDS_ONLY.lines().count(), 1);
    }

    #[test]
    fn what_the_bot_has_no_words_for_is_acknowledged() {
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

    #[test]
    fn words_that_come_to_nothing_are_acknowledged() {
        assert_eq!(hears(" \n"), Action::Acknowledge);
        assert_eq!(hears("\u{1}"), Action::Acknowledge);
    }
}
