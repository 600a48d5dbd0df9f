//! What goes back to WeChat: whole characters, no more than it takes, nothing that breaks the
//! envelope.

use crate::support::{Bot, Connection, Temporary, element, now, signed, text_message};

/// The most bytes of a Content that WeChat takes.
const MAX_CONTENT_BYTES: usize = 2047;

#[test]
fn what_a_reader_sees_as_one_character_stays_whole() {
    let bot = Bot::start();
    for (words, backwards) in [
        ("我👨‍👩‍👧你", "你👨‍👩‍👧我"),
        ("中🇨🇳日🇯🇵", "🇯🇵日🇨🇳中"),
        ("🇨🇳🇯🇵", "🇯🇵🇨🇳"),
        ("cafe\u{301}é", "ée\u{301}fac"),
        ("👍🏽好1️⃣", "1️⃣好👍🏽"),
        ("สวัสดี", "ดีสวัส"),
        ("각가", "가각"),
        ("a/::)b", "b/::)a"),
        (
            "早[微笑]/:strong/::'(安[Smile]",
            "[Smile]安/::'(/:strong[微笑]早",
        ),
        ("/::)/::~/::B", "/::B/::~/::)"),
        ("/:<W>&/::<", "/::<&/:<W>"),
        ("[不是表情]", "]情表是不["),
        ("一\n二\n三", "三\n二\n一"),
        ("\t a", "a \t"),
        (">]]", "]]>"),
        ("]]>", ">]]"),
        ("<b>&amp;</b>", ">b/<;pma&>b<"),
        ("]]>]]>", ">]]>]]"),
        (">]]>]]", "]]>]]>"),
        ("\u{202e}abc", "cba\u{202e}"),
        ("\u{10ffff}\u{fffd}a", "a\u{fffd}\u{10ffff}"),
    ] {
        assert_eq!(bot.answer_to(words), backwards, "{words:?}");
    }
}

#[test]
fn every_face_of_wechat_stays_whole() {
    let bot = Bot::start();
    let mut connection = Connection::open(&bot);
    let faces = include_str!("../../src/reverse/faces.txt").lines();
    let faces: Vec<&str> = faces.filter(|line| !line.starts_with("# ")).collect();
    assert_eq!(faces.len(), 105 + 267 + 99);
    for face in faces {
        let reply = connection.post(&signed("/wechat"), text_message(&format!("甲{face}乙")));
        assert_eq!(reply.content(), format!("乙{face}甲"));
    }
}

#[test]
fn a_text_is_cut_where_wechat_would_refuse_it_and_not_a_byte_before() {
    let bot = Bot::start();
    let room = MAX_CONTENT_BYTES - "…".len();
    let letters = |count: usize| "a".repeat(count);
    let hanzi = |count: usize| "笑".repeat(count);
    let family = "👨‍👩‍👧";
    for (words, answer) in [
        (letters(MAX_CONTENT_BYTES), letters(MAX_CONTENT_BYTES)),
        (letters(MAX_CONTENT_BYTES + 1), letters(room) + "…"),
        (hanzi(682), hanzi(682)),
        (format!("a{}", hanzi(682)), format!("{}a", hanzi(682))),
        (format!("ab{}", hanzi(682)), hanzi(681) + "…"),
        (hanzi(683), hanzi(681) + "…"),
        (letters(20_000), letters(room) + "…"),
        (family.repeat(200), family.repeat(room / family.len()) + "…"),
        ("🇨🇳".repeat(300), "🇨🇳".repeat(room / 8) + "…"),
        (
            "/:handclap".repeat(300),
            "/:handclap".repeat(room / 10) + "…",
        ),
        ("]]>".repeat(700), ">]]".repeat(room / 3) + ">…"),
    ] {
        let reply = bot.say(text_message(&words));
        let content = reply.content();
        assert_eq!(content, answer);
        assert!(content.len() <= MAX_CONTENT_BYTES);
    }
}

#[test]
fn a_joke_is_cut_like_any_text() {
    let jokes = Temporary::write("long-joke", &"很长的笑话，".repeat(300));
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let joke = bot.answer_to("笑话");
    let whole = joke.strip_suffix('…').unwrap();
    assert!("很长的笑话，".repeat(300).starts_with(whole));
    assert_eq!(
        joke.len(),
        2046,
        "as many Hanzi as fit, and the sign that it was cut"
    );
}

#[test]
fn there_is_never_an_empty_content() {
    let bot = Bot::start();
    for words in [
        "",
        " ",
        "\n\n",
        "\t \u{3000}",
        "\u{1}\u{2}",
        "\u{fffe}",
        "\u{a0}\r",
        "\u{200b}\u{202e} \u{feff}",
        "\u{3164}\u{115f}\u{fe0f}\u{7f}",
    ] {
        let reply = bot.say(text_message(words));
        assert_eq!((reply.status, reply.text()), (200, "success"), "{words:?}");
    }
}

#[test]
fn what_xml_forbids_is_not_sent() {
    let bot = Bot::start();
    let words: String = ('\0'..'\u{30}')
        .chain(['\u{7f}', '\u{fffe}', '\u{ffff}', '好'])
        .collect();
    let reply = bot.say(text_message(&words));
    assert_eq!(reply.content(), "好\u{7f}/.-,+*)('&%$#\"! \n\n\t");
    let is_forbidden = |c| matches!(c, '\0'..='\x08' | '\x0b'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    assert!(!reply.text().contains(is_forbidden), "{:?}", reply.text());
}

#[test]
fn names_are_swapped_and_cannot_break_the_envelope() {
    let bot = Bot::start();
    let names =
        "<ToUserName><![CDATA[gh_bot]]></ToUserName><FromUserName><![CDATA[oUser]]></FromUserName>";
    let odd_names = "<ToUserName>gh&lt;&amp;</ToUserName><FromUserName>o]]&gt;</FromUserName>";
    let reply = bot.say(text_message("你好").replace(names, odd_names));
    let field = |name| element(reply.text(), name);
    assert_eq!(field("ToUserName").as_deref(), Some("o]]>"));
    assert_eq!(field("FromUserName").as_deref(), Some("gh<&"));
    assert_eq!(field("Content").as_deref(), Some("好你"));
    assert_eq!(reply.header("Content-Type"), Some("application/xml"));
    let time: u64 = field("CreateTime").unwrap().parse().unwrap();
    assert!(time.abs_diff(now()) <= 5, "in seconds, now");
}

#[test]
fn even_the_longest_reply_tells_its_length() {
    let bot = Bot::start();
    let name = "o".repeat(128);
    let words = "长".repeat(700);
    let reply = bot.say(text_message(&words).replace("[oUser]", &format!("[{name}]")));
    let length = reply.body.len().to_string();
    assert_eq!(reply.header("Content-Length"), Some(length.as_str()));
    assert_eq!(element(reply.text(), "ToUserName"), Some(name));
}
