//! Everything WeChat can send: the public SDKs' vectors, each kind of message, odd bodies.

use serde_json::Value;

use crate::support::{
    Bot, Connection, Reply, Temporary, element,
    envelope::{Envelope, compatible_body, encrypted_target, secure_body},
    message, now, signed, text_message,
};

/// What the bot tells a new follower.
const HELP: &str = "发我一句话，我倒着说给你听。\n发「笑话」，我给你讲一个笑话。";
/// What the bot says where there are no words.
const WORDS_ONLY: &str = "我只认得字，发句话给我吧。";

/// A list of a file in `tests/fixtures`.
pub fn fixtures(file: &str, list: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    file[list].as_array().unwrap().clone()
}

/// The value of a fixture's field that is a text.
pub fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {vector}"))
}

/// What is to come back.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Says(&'static str),
    Success,
    BadRequest,
}

use Expected::{BadRequest, Says, Success};

/// Compares all of an answer to a message; `inner` is the body, decrypted where it was encrypted.
fn check(expected: Expected, message: &str, reply: &Reply, inner: &str, about: &str) {
    let content = match expected {
        Says(content) => content,
        Success => {
            assert_eq!((reply.status, reply.text()), (200, "success"), "{about}");
            assert_eq!(reply.header("Content-Type"), Some("text/plain"), "{about}");
            return;
        }
        BadRequest => {
            assert_eq!(
                (reply.status, reply.text()),
                (400, "bad request\n"),
                "{about}"
            );
            return;
        }
    };
    assert_eq!(reply.status, 200, "{about}");
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/xml"),
        "{about}"
    );
    let time = element(inner, "CreateTime").unwrap();
    assert!(
        time.parse::<u64>().unwrap().abs_diff(now()) <= 5,
        "{about}: {time}"
    );
    let name = |name| {
        let (_, rest) = message.split_once(&format!("<{name}>")).unwrap();
        rest.split_once(&format!("</{name}>")).unwrap().0
    };
    let content = content.replace("]]>", "]]]]><![CDATA[>");
    assert_eq!(
        inner,
        format!(
            "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName>\
             <CreateTime>{time}</CreateTime><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[{content}]]></Content></xml>",
            name("FromUserName"),
            name("ToUserName"),
        ),
        "{about}"
    );
}

/// Posts each message in every mode: plain, and to a bot with a key in an envelope of the secure
/// and of the compatible mode. What is not XML cannot be told from a forged envelope, so it is not
/// tried in the last.
fn check_in_every_mode(messages: impl IntoIterator<Item = (String, String, Expected)>) {
    let (plain, encrypted, envelope) = (Bot::start(), Bot::encrypted(), Envelope::new());
    for (number, (id, xml, expected)) in messages.into_iter().enumerate() {
        // Many vectors have one MsgId, and the same message of the same user gets the same answer.
        let of_user = |mode| {
            let end = format!("-{number}-{mode}]]></FromUserName>");
            (
                format!("{id}, {mode}"),
                xml.replace("]]></FromUserName>", &end),
            )
        };
        let (about, xml) = of_user("plain");
        let reply = plain.say(&xml);
        check(expected, &xml, &reply, reply.text(), &about);
        for mode in ["secure", "compatible"] {
            let (about, xml) = of_user(mode);
            let encrypt = envelope.encrypt(&xml);
            let body = match (mode, expected) {
                ("secure", _) => secure_body(&xml, &encrypt),
                (_, BadRequest) => continue,
                _ => compatible_body(&xml, &encrypt),
            };
            let reply = encrypted.post(&encrypted_target(&encrypt), body);
            let inner = match expected {
                Says(_) => envelope.open(&reply),
                _ => reply.text().to_owned(),
            };
            check(expected, &xml, &reply, &inner, &about);
        }
    }
}

#[test]
fn every_message_of_the_public_sdks_is_answered_as_it_should_be_in_every_mode() {
    let vectors = fixtures(include_str!("../fixtures/messages.json"), "vectors");
    assert_eq!(vectors.len(), 62);
    check_in_every_mode(vectors.iter().map(|vector| {
        let expected = expected_of_sdk_message(vector);
        (
            text(vector, "id").to_owned(),
            text(vector, "xml").to_owned(),
            expected,
        )
    }));
}

fn expected_of_sdk_message(vector: &Value) -> Expected {
    if vector["wellformed"] == false {
        return BadRequest;
    }
    match (text(vector, "msg_type"), vector["event"].as_str()) {
        ("text", _) => Says(backwards(text(&vector["fields"], "Content"))),
        ("image" | "voice" | "shortvideo" | "location" | "link", None) => Says(WORDS_ONLY),
        ("event", Some("subscribe")) => Says(HELP),
        _ => Success,
    }
}

/// The texts of the vectors backwards, written by hand.
fn backwards(text: &str) -> &'static str {
    match text {
        "/:8-)" => "/:8-)",
        "c" => "c",
        "undefinedlist" => "tsildenifednu",
        "测试中" => "中试测",
        "1" => "1",
        "=" => "=",
        "a" => "a",
        "this is a test" => "tset a si siht",
        "ss" => "ss",
        other => panic!("a new text: {other}"),
    }
}

#[test]
fn every_awkward_body_is_answered_or_refused_in_every_mode() {
    let vectors = fixtures(include_str!("../fixtures/hostile.json"), "vectors");
    assert_eq!(vectors.len(), 12);
    check_in_every_mode(vectors.iter().map(|vector| {
        let expected = match text(vector, "id") {
            "plain" | "xml-declaration-and-BOM" => Says("ih"),
            "control-char-U+0002" => Says("ba"),
            "cdata-split-]]>" => Says("b>]]a"),
            "surrounding-whitespace" => Says("\n ih  "),
            "emoji-zwj" => Says("👨‍👩‍👧😂"),
            "empty-content" | "unknown-type" => Success,
            _ => {
                assert_eq!(text(vector, "want"), "reject");
                BadRequest
            }
        };
        (
            text(vector, "id").to_owned(),
            text(vector, "xml").to_owned(),
            expected,
        )
    }));
}

fn voice(words: &str) -> String {
    let elements = "<MediaId>m</MediaId><Format>amr</Format><Recognition><![CDATA[";
    message("voice", &format!("{elements}{words}]]></Recognition>"))
}

fn event(event: &str, key: &str) -> String {
    let elements =
        format!("<Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey>");
    message("event", &elements)
}

fn check_each(bot: &Bot, expected: Expected, messages: &[String]) {
    for xml in messages {
        let reply = bot.say(xml);
        check(expected, xml, &reply, reply.text(), xml);
    }
}

#[test]
fn a_joke_is_told_wherever_its_word_stands() {
    let joke = "只有这一个笑话。";
    let jokes = Temporary::write("one-joke", joke);
    let bot = Bot::with(&["--joke-source", "none", "--jokes", jokes.path()], &[]);
    let words = [
        "笑话",
        "给我讲个笑話吧",
        "a JoKe please",
        "帮助 joke",
        "?joke",
    ];
    check_each(&bot, Says(joke), &words.map(text_message));
    check_each(&bot, Says(joke), &["来一个笑话。", "Joke"].map(voice));
    let events = [event("CLICK", "V1_JOKE"), event("click", "menu_笑话")];
    check_each(&bot, Says(joke), &events);
}

#[test]
fn help_is_given_to_who_asks_and_who_is_new() {
    let bot = Bot::start();
    let words = ["帮助", " 幫助\n", "help", "HeLP", "?", "\u{3000}？"];
    check_each(&bot, Says(HELP), &words.map(text_message));
    check_each(&bot, Says(HELP), &["帮助", "Help "].map(voice));
    let events = [event("subscribe", ""), event("Subscribe", "qrscene_笑话")];
    check_each(&bot, Says(HELP), &events);
}

#[test]
fn other_words_come_back_backwards() {
    let bot = Bot::start();
    for (words, backwards) in [
        ("我爱北京天安门", "门安天京北爱我"),
        ("help me", "em pleh"),
        ("??", "??"),
        ("笑 话", "话 笑"),
    ] {
        check_each(&bot, Says(backwards), &[text_message(words), voice(words)]);
    }
}

#[test]
fn what_has_no_words_is_answered_in_one_line() {
    let bot = Bot::start();
    let stickers = [
        "【收到不支持的消息类型，暂无法显示】",
        "【收到不支援的訊息類型，無法顯示】",
        "[Unsupported Message]",
        "[Unsupported message]",
    ];
    check_each(&bot, Says(WORDS_ONLY), &stickers.map(text_message));
    let media = [
        message("image", "<PicUrl>http://joke.example/</PicUrl>"),
        message("video", "<MediaId>m</MediaId>"),
        message("shortvideo", ""),
        message("location", "<Label>笑话</Label>"),
        message("link", "<Title>joke</Title>"),
        message("voice", "<MediaId>m</MediaId>"),
        voice(""),
    ];
    check_each(&bot, Says(WORDS_ONLY), &media);
}

#[test]
fn everything_else_is_acknowledged() {
    let bot = Bot::start();
    let messages = [
        event("unsubscribe", ""),
        event("SCAN", "笑话"),
        event("LOCATION", ""),
        event("CLICK", "V1_NEWS"),
        event("VIEW", "http://joke.example/"),
        event("TEMPLATESENDJOBFINISH", ""),
        event("an event of next year", ""),
        message("event", ""),
        message("hologram", "<Content>笑话</Content>"),
        message("TEXT", "<Content>abc</Content>"),
        message("text", ""),
        text_message(""),
        text_message(" \n"),
    ];
    check_each(&bot, Success, &messages);
}

/// Names and type of a text message, as no more than XML asks for.
const TEXT: &str =
    "<ToUserName>gh_bot</ToUserName><FromUserName>oUser</FromUserName><MsgType>text</MsgType>";

/// A text message that has these elements beside.
fn text_with(elements: &str) -> String {
    format!("<xml>{TEXT}{elements}</xml>")
}

/// What is said to each body, in order.
fn answers(bodies: &[String]) -> Vec<String> {
    let bot = Bot::start();
    let answer = |xml| {
        let reply = bot.say(xml);
        assert_eq!(reply.status, 200, "{xml:?}");
        reply.content()
    };
    bodies.iter().map(answer).collect()
}

#[test]
fn odd_layouts_are_answered() {
    let abc = text_with("<Content>abc</Content>");
    let declared = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    let bodies = [
        format!("\u{feff}{abc}"),
        format!("{declared}\n{abc}"),
        format!("\u{feff}{declared}{abc}\r\n"),
        format!("\n  {abc}\n"),
        abc.replace("><", ">\r\n\t <"),
        abc.replace("><", "><!-- c --><"),
        format!("<xml><Content>abc</Content>{TEXT}</xml>"),
        abc.replace("gh_bot", "\n <![CDATA[gh_bot]]>\t"),
        abc.replace("text", " <![CDATA[text]]>\n"),
        text_with("<Content>a<![CDATA[b]]>c</Content>"),
        text_with("<Content>&#97;<![CDATA[]]>bc</Content>"),
        text_with("<Content>\n abc </Content>"),
    ];
    assert_eq!(answers(&bodies), ["cba"; 12]);
}

#[test]
fn odd_elements_beside_the_words_do_not_matter() {
    let bodies = [
        "<MsgID>1</MsgID>",
        "<MsgId>99999999999999999999999999999999999999</MsgId>",
        "<MsgId>-x</MsgId>",
        "<MsgId></MsgId>",
        "<CreateTime>soon</CreateTime>",
        "<CreateTime><![CDATA[99999999999999999999]]></CreateTime>",
        "<Location_X></Location_X><Location_Y/><Scale/>",
        "<X><Y a='1'>2</Y></X><X/>",
        "<Content2>def</Content2>",
    ];
    let bodies = bodies.map(|elements| text_with(&format!("<Content>abc</Content>{elements}")));
    assert_eq!(answers(&bodies), ["cba"; 9]);
    let place = message("location", "<Location_X></Location_X><Location_Y/><Label/>");
    assert_eq!(answers(&[place]), [WORDS_ONLY]);
}

#[test]
fn odd_words_are_answered_in_every_mode() {
    let control: String = ('\0'..' ').filter(|c| !"\t\n\r".contains(*c)).collect();
    let link = |title: &str| {
        let url = "<Url><![CDATA[u]]></Url>";
        message("link", &format!("<Title><![CDATA[{title}]]></Title>{url}"))
    };
    let event = |elements: &str| message("event", elements);
    let messages = [
        (
            message("text", "<Content>\n  <![CDATA[ abc]]>\n</Content>"),
            Says("cba "),
        ),
        (
            message("text", "<Content>a&lt;b &amp;&#x7B11;</Content>"),
            Says("笑& b<a"),
        ),
        (text_message(&format!("a{control}b\u{fffe}")), Says("ba")),
        (link("a]]>b"), Says(WORDS_ONLY)),
        (
            link("<Url><![CDATA[a]]></Url> 怎么解析\u{2}"),
            Says(WORDS_ONLY),
        ),
        (
            message("location", "<Label><![CDATA[]]>]]></Label>"),
            Says(WORDS_ONLY),
        ),
        (
            message("voice", "<Recognition><![CDATA[a]]>b]]></Recognition>"),
            Says("b>]]a"),
        ),
        (
            event("<Event>CLICK</Event><EventKey><![CDATA[a]]>b]]></EventKey>"),
            Success,
        ),
        (
            event(
                "<Event>scancode_push</Event><EventKey><![CDATA[6]]></EventKey><ScanCodeInfo>\
                 <ScanResult><![CDATA[a]]>b]]></ScanResult></ScanCodeInfo>",
            ),
            Success,
        ),
    ];
    let named = |(xml, expected): (String, Expected)| (xml.clone(), xml, expected);
    check_in_every_mode(messages.into_iter().map(named));
}

#[test]
fn pasted_words_beside_control_characters_are_answered_in_every_mode() {
    let pasted = [
        "a]]>b",
        "]]\u{1}>x",
        "a]]><b>c</b><![CDATA[d",
        "<xml><Content><![CDATA[hi]]></Content></xml>",
        "]]></Content><MsgType>event</MsgType><Content><![CDATA[",
        "x]]></Content><Encrypt>q</Encrypt><Content><![CDATA[y",
        "<Encrypt><![CDATA[x]]></Encrypt>",
        "<Url><![CDATA[x]]></Url>",
        "]]></Encrypt>",
    ];
    let layouts = [
        ["", ""],
        ["\u{2}", ""],
        ["", " \u{2}z"],
        ["\u{1f}", "\u{fffe}"],
    ];
    let messages = pasted.iter().flat_map(|pasted| {
        layouts.map(|[before, after]| {
            let words = format!("{before}{pasted}{after}");
            let said = words
                .chars()
                .filter(|char| (' '..'\u{fffe}').contains(char));
            let backwards: String = said.rev().collect();
            (words.clone(), text_message(&words), Says(backwards.leak()))
        })
    });
    check_in_every_mode(messages);
}

/// Posts each body, which is to be refused for the reason that the log gives.
fn check_refused(bodies: &[(Vec<u8>, &str)]) {
    let bot = Bot::start();
    for (body, _) in bodies {
        let reply = bot.say(body);
        let about = String::from_utf8_lossy(body);
        assert_eq!(
            (reply.status, reply.text()),
            (400, "bad request\n"),
            "{about}"
        );
    }
    let (_, log) = bot.stop();
    let refused = |line: &&str| line.contains("POST /wechat - refused: the body");
    assert_eq!(log.lines().filter(refused).count(), bodies.len(), "{log}");
    for (line, (_, reason)) in log.lines().filter(refused).zip(bodies) {
        assert!(line.contains(reason), "{reason}: {line}");
    }
}

#[test]
fn what_is_no_xml_of_wechat_is_400_and_the_log_says_why() {
    let abc = text_with("<Content>abc</Content>");
    let utf16 = format!("\u{feff}{abc}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let dtd = "has a document type declaration";
    let entity = "<!DOCTYPE xml [<!ENTITY abc 'b'>]>";
    check_refused(&[
        (b"".to_vec(), "is not XML at line 1, character 1 "),
        (b"hello".to_vec(), "is not XML"),
        (b"{\"MsgType\":\"text\"}".to_vec(), "is not XML"),
        (utf16, "is not UTF-8"),
        ([abc.as_bytes(), b"\xff"].concat(), "is not UTF-8"),
        (
            abc.replace("abc", "&nbsp;").into(),
            "is not XML at line 1, character 103 ",
        ),
        (abc.replace("abc", "&#2;").into(), "is not XML"),
        (abc.replace("abc", "a<b").into(), "is not XML"),
        (format!("{abc}{abc}").into(), "is not XML"),
        (format!("<!DOCTYPE xml>{abc}").into(), dtd),
        (
            format!("{entity}{}", abc.replace("abc", "&abc;")).into(),
            dtd,
        ),
        (
            abc.replace("xml>", "XML>").into(),
            "the body's root is not <xml>",
        ),
        (
            format!("<a>{abc}</a>").into(),
            "the body's root is not <xml>",
        ),
        (
            text_with(&"<A/>".repeat(62)).into(),
            "has more elements, levels or attributes than WeChat sends",
        ),
        (
            text_with(&format!("{}{}", "<A>".repeat(64), "</A>".repeat(64))).into(),
            "has more elements, levels or attributes than WeChat sends",
        ),
    ]);
}

#[test]
fn what_is_no_message_is_400_and_the_log_says_why() {
    let abc = text_with("<Content>abc</Content>");
    let twice = |element: &str| abc.replace("</xml>", &format!("{element}</xml>")).into();
    let without = |name: &str| abc.replace(&format!("{name}>"), "Other>").into();
    check_refused(&[
        (b"<xml/>".to_vec(), "has no ToUserName"),
        (twice("<MsgType>event</MsgType>"), "has MsgType twice"),
        (twice("<MsgType>text</MsgType>"), "has MsgType twice"),
        (twice("<FromUserName/>"), "has FromUserName twice"),
        (
            abc.replace(">oUser<", &format!(">{}<", "o".repeat(129)))
                .into(),
            "FromUserName is longer than 128 bytes",
        ),
        (without("MsgType"), "has no MsgType"),
        (without("FromUserName"), "has no FromUserName"),
        (without("ToUserName"), "has no ToUserName"),
        (abc.replace("oUser<", " <").into(), "has no FromUserName"),
        (abc.replace("text", "<![CDATA[]]>").into(), "has no MsgType"),
        (
            abc.replace("<MsgType>", "<a:MsgType xmlns:a='a'>")
                .replace("</MsgType>", "</a:MsgType>")
                .into(),
            "has no MsgType",
        ),
    ]);
}

#[test]
fn a_message_that_ends_early_is_400_wherever_it_ends() {
    let bot = Bot::start();
    let mut connection = Connection::open(&bot);
    let pasted = text_message("a]]>b<![CDATA[").into_bytes();
    let event = "<Event>CLICK</Event><EventKey><![CDATA[笑话]]></EventKey>";
    for whole in [
        text_message("你好").into_bytes(),
        pasted,
        message("event", event).into(),
    ] {
        for length in 0..whole.len() {
            let reply = connection.post(&signed("/wechat"), &whole[..length]);
            assert_eq!(
                (reply.status, reply.text()),
                (400, "bad request\n"),
                "{length}"
            );
        }
        assert_eq!(connection.post(&signed("/wechat"), whole).status, 200);
    }
}

#[test]
fn the_signatures_of_the_public_sdks_are_right_or_wrong_to_the_bot_too() {
    let vectors = fixtures(include_str!("../fixtures/signatures.json"), "vectors");
    let handshakes: Vec<_> = vectors
        .iter()
        .filter(|vector| vector["kind"] == "signature")
        .collect();
    // The others: three bare letters, of which none can be a Token, and the two messages of
    // crypto.json.
    assert_eq!((vectors.len(), handshakes.len()), (5, 2));
    for vector in handshakes {
        let part = |name| text(&vector["parts"], name);
        let bot = Bot::with(&["--max-age", "0"], &[("WECHAT_TOKEN", part("token"))]);
        let (timestamp, nonce) = (part("timestamp"), part("nonce"));
        let signature = text(vector, "signature");
        let reply = bot.get(&format!(
            "/?signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr=ok"
        ));
        let expected = if vector["valid"] == true {
            (200, "ok")
        } else {
            (403, "forbidden\n")
        };
        assert_eq!((reply.status, reply.text()), expected, "{}", vector["id"]);
    }
}
