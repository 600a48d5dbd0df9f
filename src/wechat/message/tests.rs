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
        let create_time = message.create_time.map(|time| time.to_string());
        assert_eq!(create_time, field("CreateTime"), "{id}");
        assert_eq!(message.msg_id, field("MsgId").or(field("MsgID")), "{id}");
        assert_eq!(message.kind, expected_kind(&vector), "{id}");
    }
}

fn expected_kind(vector: &Value) -> MessageKind {
    let field = |name| expected(vector, name);
    match vector["msg_type"].as_str().unwrap() {
        "text" => MessageKind::Text {
            content: field("Content"),
            bizmsgmenuid: field("bizmsgmenuid"),
        },
        "image" => MessageKind::Image {
            pic_url: field("PicUrl"),
            media_id: field("MediaId"),
        },
        "voice" => MessageKind::Voice {
            media_id: field("MediaId"),
            format: field("Format"),
            recognition: field("Recognition"),
        },
        "shortvideo" => MessageKind::ShortVideo {
            media_id: field("MediaId"),
            thumb_media_id: field("ThumbMediaId"),
        },
        "location" => MessageKind::Location {
            location_x: field("Location_X"),
            location_y: field("Location_Y"),
            scale: field("Scale"),
            label: field("Label"),
        },
        "link" => MessageKind::Link {
            title: field("Title"),
            description: field("Description"),
            url: field("Url"),
        },
        "event" => MessageKind::Event(Event {
            event: field("Event").unwrap(),
            event_key: field("EventKey"),
            ticket: field("Ticket"),
            latitude: field("Latitude"),
            longitude: field("Longitude"),
            precision: field("Precision"),
        }),
        _ => MessageKind::Unknown,
    }
}

#[test]
fn reads_or_refuses_the_awkward_bodies() {
    for vector in vectors(include_str!("../../../tests/fixtures/hostile.json")) {
        let parsed = Message::parse(vector["xml"].as_str().unwrap().as_bytes());
        let content = match parsed.as_ref().map(|message| &message.kind) {
            Ok(MessageKind::Text { content, .. }) => content.as_deref().unwrap_or_default(),
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
    assert_eq!(
        kind("<MsgType>text</MsgType><Content>满意</Content><bizmsgmenuid>101</bizmsgmenuid>"),
        MessageKind::Text {
            content: Some("满意".to_owned()),
            bizmsgmenuid: Some("101".to_owned())
        }
    );
    assert_eq!(
        kind("<MsgType>video</MsgType><MediaId>m</MediaId><ThumbMediaId>t</ThumbMediaId>"),
        MessageKind::Video {
            media_id: Some("m".to_owned()),
            thumb_media_id: Some("t".to_owned())
        }
    );
    assert_eq!(
        kind("<MsgType>voice</MsgType><Recognition><![CDATA[你好]]></Recognition>"),
        MessageKind::Voice {
            media_id: None,
            format: None,
            recognition: Some("你好".to_owned())
        }
    );
    assert_eq!(
        kind("<MsgType>voice</MsgType><Recognition><![CDATA[]]></Recognition>"),
        MessageKind::Voice {
            media_id: None,
            format: None,
            recognition: None
        }
    );
    assert_eq!(
        kind("<MsgType>location</MsgType><Location_X></Location_X><Location_Y/><Label>l</Label>"),
        MessageKind::Location {
            location_x: None,
            location_y: None,
            scale: None,
            label: Some("l".to_owned())
        }
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
fn keeps_a_msg_id_of_any_length_and_either_name() {
    let msg_id = |elements: &str| {
        let xml = with(&format!("<MsgType>text</MsgType>{elements}"));
        Message::parse(xml.as_bytes()).unwrap().msg_id
    };
    let beyond_64_bits = "123456789012345678901234567890";
    assert_eq!(
        msg_id(&format!("<MsgId>{beyond_64_bits}</MsgId>")),
        Some(beyond_64_bits.to_owned())
    );
    assert_eq!(msg_id("<MsgID>1</MsgID>"), Some("1".to_owned()));
    assert_eq!(msg_id("<MsgId></MsgId>"), None);
    assert_eq!(msg_id(""), None);
}

#[test]
fn a_time_that_is_no_number_is_none() {
    for time in [
        "",
        "<CreateTime/>",
        "<CreateTime>soon</CreateTime>",
        "<CreateTime>-1</CreateTime>",
    ] {
        let xml = format!(
            "<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName>{time}<MsgType>c</MsgType></xml>"
        );
        assert_eq!(
            Message::parse(xml.as_bytes()).unwrap().create_time,
            None,
            "{time}"
        );
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
    assert_eq!(Message::parse(&body), Err(MessageError::NotUtf8));
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
