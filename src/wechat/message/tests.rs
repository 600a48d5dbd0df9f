use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn vectors(file: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

/// What a vector expects of a field: `None` where it is missing or empty.
fn expected(vector: &Value, name: &str) -> Option<String> {
    let text = vector["fields"][name].as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn with(elements: &str) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName>\
         <CreateTime>1348831860</CreateTime>{elements}</xml>"
    )
}

fn kind(elements: &str) -> MessageKind {
    Message::parse(with(elements).as_bytes()).unwrap().kind
}

#[test]
fn agrees_with_the_vectors_of_the_public_sdks() {
    let vectors = vectors(include_str!("../../../tests/fixtures/messages.json"));
    assert_eq!(vectors.len(), 62);
    for vector in vectors {
        let id = &vector["id"];
        let parsed = Message::parse(vector["xml"].as_str().unwrap().as_bytes());
        if vector["wellformed"] == false {
            assert!(matches!(parsed, Err(MessageError::Xml(_))), "{id}");
            continue;
        }
        let message = parsed.unwrap();
        let field = |name| expected(&vector, name);
        assert_eq!(Some(message.to_user_name), field("ToUserName"), "{id}");
        assert_eq!(Some(message.from_user_name), field("FromUserName"), "{id}");
        assert_eq!(message.kind, expected_kind(&vector), "{id}");
    }
}

fn expected_kind(vector: &Value) -> MessageKind {
    let field = |name| expected(vector, name);
    match vector["msg_type"].as_str().unwrap() {
        "text" => MessageKind::Text(field("Content")),
        "image" => MessageKind::Wordless("image"),
        "voice" => MessageKind::Voice(field("Recognition")),
        "shortvideo" => MessageKind::Wordless("shortvideo"),
        "location" => MessageKind::Wordless("location"),
        "link" => MessageKind::Wordless("link"),
        "event" => MessageKind::Event {
            name: field("Event").unwrap(),
            key: field("EventKey"),
        },
        _ => MessageKind::Unknown,
    }
}

#[test]
fn reads_or_refuses_the_awkward_bodies() {
    for vector in vectors(include_str!("../../../tests/fixtures/hostile.json")) {
        let parsed = Message::parse(vector["xml"].as_str().unwrap().as_bytes());
        let content = match parsed.as_ref().map(|message| &message.kind) {
            Ok(MessageKind::Text(content)) => content.as_deref().unwrap_or_default(),
            Ok(kind) => kind.name(),
            Err(_) => "reject",
        };
        let want = match vector["want"].as_str().unwrap() {
            "a\u{2}b or ab" => "ab",
            "  hi \n (or trimmed by choice)" => "  hi \n",
            "unknown, reply success" => "unknown",
            want => want,
        };
        assert_eq!(content, want, "{}", vector["id"]);
    }
}

#[test]
fn every_truncated_message_is_refused() {
    let mut xmls: Vec<String> = vectors(include_str!("../../../tests/fixtures/messages.json"))
        .iter()
        .filter(|vector| vector["wellformed"] == true)
        .map(|vector| vector["xml"].as_str().unwrap().trim_end().to_owned())
        .collect();
    xmls.push(with(
        "<MsgType>text</MsgType><Content><![CDATA[a]]>b<![CDATA[]]></Content>",
    ));
    for xml in xmls {
        assert!(Message::parse(xml.as_bytes()).is_ok());
        for length in 0..xml.len() {
            let prefix = &xml.as_bytes()[..length];
            assert!(
                Message::parse(prefix).is_err(),
                "{}",
                String::from_utf8_lossy(prefix)
            );
        }
    }
}

#[test]
fn reads_the_types_that_no_vector_has() {
    let voice = |elements: &str| kind(&format!("<MsgType>voice</MsgType>{elements}"));
    assert_eq!(
        kind("<MsgType>text</MsgType><Content>满意</Content><bizmsgmenuid>101</bizmsgmenuid>"),
        MessageKind::Text(Some("满意".to_owned()))
    );
    assert_eq!(
        kind("<MsgType>video</MsgType><MediaId>m</MediaId><ThumbMediaId>t</ThumbMediaId>"),
        MessageKind::Wordless("video")
    );
    assert_eq!(
        voice("<Recognition><![CDATA[你好]]></Recognition>"),
        MessageKind::Voice(Some("你好".to_owned()))
    );
    assert_eq!(
        voice("<Recognition><![CDATA[]]></Recognition>"),
        MessageKind::Voice(None)
    );
    assert_eq!(
        kind("<MsgType>location</MsgType><Location_X></Location_X><Location_Y/><Label>l</Label>"),
        MessageKind::Wordless("location")
    );
}

#[test]
fn an_unknown_type_or_a_nameless_event_is_no_error() {
    assert_eq!(kind("<MsgType>hologram</MsgType>"), MessageKind::Unknown);
    assert_eq!(
        kind("<MsgType>TEXT</MsgType><Content>a</Content>"),
        MessageKind::Unknown
    );
    assert_eq!(kind("<MsgType>event</MsgType>"), MessageKind::Unknown);
}

#[test]
fn a_message_is_told_from_others_by_all_of_its_elements_as_they_were_read() {
    let of = |elements: &str| {
        let message = Message::parse(with(elements).as_bytes()).unwrap();
        message.fingerprint
    };
    let first = "<MsgType>image</MsgType><PicUrl>u</PicUrl><MsgId>1</MsgId>";
    for same in [
        first.replace("><", ">\n<"),
        first.replace(">u<", "><![CDATA[u]]><"),
        format!("{first}<Encrypt>differs from try to try</Encrypt>"),
    ] {
        assert_eq!(of(&same), of(first), "{same}");
    }
    for other in [
        first.replace("image", "video"),
        first.replace(">u<", ">v<"),
        first.replace(">1<", ">2<"),
        first.replace("MsgId", "MsgID"),
        first.replace("PicUrl", "Url"),
        first.replace("<MsgId>1</MsgId>", ""),
        format!("{first}<X/>"),
        format!("{first}<Content><![CDATA[a]]></Content>"),
    ] {
        assert_ne!(of(&other), of(first), "{other}");
    }
}

#[test]
fn names_are_no_longer_than_the_platforms() {
    let fits = "a".repeat(MAX_NAME_BYTES);
    let event = with("<MsgType>event</MsgType><Event>e</Event>");
    for (name, value) in [
        ("ToUserName", "gh_1"),
        ("FromUserName", "o1"),
        ("MsgType", "event"),
        ("Event", "e"),
    ] {
        let with_name = |text: &str| {
            let long = format!("<{name}>{text}</{name}>");
            let xml = event.replace(&format!("<{name}>{value}</{name}>"), &long);
            Message::parse(xml.as_bytes()).map(|_| ())
        };
        assert_eq!(with_name(&fits), Ok(()));
        let too_long = Err(MessageError::TooLong(name));
        assert_eq!(with_name(&format!("{fits}a")), too_long);
    }
}

#[test]
fn names_the_element_that_is_missing_or_empty() {
    for name in ["ToUserName", "FromUserName", "MsgType"] {
        let full = with("<MsgType>text</MsgType>");
        let elsewhere = full.replace(name, "Other");
        assert_eq!(
            Message::parse(elsewhere.as_bytes()),
            Err(MessageError::Missing(name))
        );
        let nested = full
            .replace(&format!("<{name}>"), &format!("<Other><{name}>"))
            .replace(&format!("</{name}>"), &format!("</{name}></Other>"));
        assert_eq!(
            Message::parse(nested.as_bytes()),
            Err(MessageError::Missing(name))
        );
    }
    let empty = with("<MsgType> <![CDATA[]]> </MsgType>");
    assert_eq!(
        Message::parse(empty.as_bytes()),
        Err(MessageError::Missing("MsgType"))
    );
}

#[test]
fn refuses_a_type_that_stands_twice() {
    let twice =
        with("<MsgType>text</MsgType><Content><![CDATA[a]]></Content><MsgType>event</MsgType>");
    assert_eq!(
        Message::parse(twice.as_bytes()),
        Err(MessageError::Xml(XmlError::Twice("MsgType")))
    );
}

#[test]
fn refuses_what_is_not_utf8() {
    let mut body = with("<MsgType>text</MsgType><Content>a</Content>").into_bytes();
    let last = body.len() - 20;
    body[last] = 0xff;
    assert_eq!(Message::parse(&body), Err(XmlError::NotUtf8.into()));
}

#[test]
fn names_the_variables_when_all_is_encrypted() {
    let secure = b"<xml><ToUserName>gh_1</ToUserName><Encrypt>aGk=</Encrypt></xml>";
    let error = Message::parse(secure).unwrap_err();
    assert_eq!(error, MessageError::Encrypted);
    assert!(
        error
            .to_string()
            .contains("WECHAT_ENCODING_AES_KEY and WECHAT_APPID")
    );
    let compatible = with("<MsgType>text</MsgType><Content>a</Content><Encrypt>aGk=</Encrypt>");
    assert!(Message::parse(compatible.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body: Vec<u8>) {
        let _ = Message::parse(&body);
    }

    #[test]
    fn any_message_with_a_changed_byte_is_read_or_refused(index in 0..200_usize, byte: u8) {
        let mut body = with("<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[a]]></Content>").into_bytes();
        if let Some(changed) = body.get_mut(index) {
            *changed = byte;
        }
        let _ = Message::parse(&body);
    }
}
