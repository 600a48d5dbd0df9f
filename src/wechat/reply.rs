//! Passive replies: what goes back to WeChat in the same response.

use std::borrow::Cow;

use crate::{reverse::graphemes_and_faces, wechat::xml::without_forbidden};

/// WeChat refuses a Content of more bytes than this, and its user then reads that the service is
/// out of order.
pub const MAX_CONTENT_BYTES: usize = 2_047;

/// Stands at the end of a text that was cut.
const ELLIPSIS: &str = "…";

/// Tells WeChat that a message arrived, and its user nothing.
pub(crate) const SUCCESS: &str = "success";

/// A text that WeChat takes: not blank, at most [`MAX_CONTENT_BYTES`] long, every character allowed
/// in XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Makes a text fit to send; nothing, when no more than whitespace and characters that nobody
    /// sees is left of it: WeChat refuses an empty Content.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let mut content = match without_forbidden(&text) {
            Cow::Owned(changed) => changed,
            Cow::Borrowed(_) => text,
        };
        if content.chars().all(is_invisible) {
            return None;
        }
        if content.len() > MAX_CONTENT_BYTES {
            content.truncate(cut_length(&content));
            content.push_str(ELLIPSIS);
            content.shrink_to_fit();
        }
        Some(Self(content))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as a passive reply; `to` is the user's OpenID, `from` the account, `create_time` in
    /// Unix seconds.
    #[must_use]
    pub fn xml(&self, to: &str, from: &str, create_time: u64) -> String {
        // The markup takes 150 bytes.
        let mut xml = String::with_capacity(192 + to.len() + from.len() + self.0.len());
        xml.push_str("<xml>");
        push_element(&mut xml, "ToUserName", to);
        push_element(&mut xml, "FromUserName", from);
        let create_time = create_time.to_string();
        xml.extend(["<CreateTime>", &create_time, "</CreateTime>"]);
        push_element(&mut xml, "MsgType", "text");
        push_element(&mut xml, "Content", &self.0);
        xml + "</xml>"
    }
}

/// Whether a text of only such characters shows nothing: whitespace, controls, the empty Braille
/// pattern and note head, the place of an object, joiners of hieroglyphs, and what Unicode calls
/// default ignorable, such as marks of direction, of joining, of variation.
pub(crate) fn is_invisible(char: char) -> bool {
    char.is_whitespace()
        || matches!(
            char,
            '\u{7f}'..='\u{9f}'
                | '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffc}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d159}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// How much of a text that is too long can stay, so that no character is cut in two.
fn cut_length(text: &str) -> usize {
    let room = MAX_CONTENT_BYTES - ELLIPSIS.len();
    let ends = graphemes_and_faces(text).scan(0, |end, piece| {
        *end += piece.len();
        Some(*end)
    });
    ends.take_while(|end| *end <= room).last().unwrap_or(0)
}

/// The body of an encrypted reply; `msg_signature` signs the Token, the timestamp, the nonce and
/// the encrypted text.
#[must_use]
pub fn encrypted_body(encrypt: &str, msg_signature: &str, timestamp: &str, nonce: &str) -> String {
    let mut xml = String::with_capacity(256 + encrypt.len() + nonce.len());
    xml.push_str("<xml>");
    push_element(&mut xml, "Encrypt", encrypt);
    push_element(&mut xml, "MsgSignature", msg_signature);
    xml.extend(["<TimeStamp>", timestamp, "</TimeStamp>"]);
    push_element(&mut xml, "Nonce", nonce);
    xml + "</xml>"
}

/// Adds an element with a text as a CDATA section. A `]]>` in the text would end the section: it is
/// divided between two.
pub fn push_element(xml: &mut String, name: &str, text: &str) {
    let text = if text.contains(']') {
        Cow::from(text.replace("]]>", "]]]]><![CDATA[>"))
    } else {
        text.into()
    };
    xml.extend(["<", name, "><![CDATA[", &text, "]]></", name, ">"]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    fn content(text: &str) -> Content {
        Content::new(text.to_owned()).unwrap()
    }

    /// Reads a reply's element without the code under test, nor the library that it uses.
    fn read(xml: &str, name: &str) -> String {
        let (_, rest) = xml.split_once(&format!("<{name}><![CDATA[")).unwrap();
        let mut text = String::new();
        let mut rest = rest;
        loop {
            let (section, after) = rest.split_once("]]>").unwrap();
            text.push_str(section);
            match after.strip_prefix("<![CDATA[") {
                Some(next) => rest = next,
                None if after.starts_with(&format!("</{name}>")) => return text,
                None => panic!("{name} is followed by {after}"),
            }
        }
    }

    #[test]
    fn a_text_is_the_platforms_xml() {
        assert_eq!(
            content("笑话").xml("oUser", "gh_1", 1_348_831_860),
            "<xml><ToUserName><![CDATA[oUser]]></ToUserName>\
             <FromUserName><![CDATA[gh_1]]></FromUserName>\
             <CreateTime>1348831860</CreateTime><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[笑话]]></Content></xml>"
        );
    }

    #[test]
    fn an_encrypted_body_is_the_platforms_xml() {
        assert_eq!(
            encrypted_body("aGk=", "97f0", "1348831860", "n"),
            "<xml><Encrypt><![CDATA[aGk=]]></Encrypt>\
             <MsgSignature><![CDATA[97f0]]></MsgSignature>\
             <TimeStamp>1348831860</TimeStamp><Nonce><![CDATA[n]]></Nonce></xml>"
        );
    }

    #[test]
    fn the_end_of_a_section_does_not_end_it() {
        let xml = content("]]>]]]>").xml("o]]>", "gh", 1);
        assert!(xml.contains("<Content><![CDATA[]]]]><![CDATA[>]]]]]><![CDATA[>]]></Content>"));
        assert_eq!(read(&xml, "Content"), "]]>]]]>");
        assert_eq!(read(&xml, "ToUserName"), "o]]>");
    }

    #[test]
    fn drops_what_xml_forbids() {
        assert_eq!(
            content("a\u{0}\u{1f}b\u{fffe}\u{ffff}c\t\n").as_str(),
            "abc\t\n"
        );
        assert_eq!(content("a\r\nb\rc").as_str(), "a\nb\nc");
    }

    #[test]
    fn there_is_no_content_that_nobody_sees() {
        for invisible in "\u{7f}\u{80}\u{9f}\u{2800}\u{fff9}\u{fffb}\u{1bca0}\u{1bca3}\u{1d173}\u{1d17a}\u{ad}\u{115f}\u{1160}\u{180e}\u{200b}\u{200f}\u{2028}\u{202e}\u{202f}\u{2060}\u{2064}\u{3164}\u{fe00}\u{fe0f}\u{feff}".chars() {
            assert_eq!(Content::new(format!(" {invisible}\n")), None, "{invisible:?}");
            let seen = format!("{invisible}a");
            assert_eq!(content(&seen).as_str(), seen);
        }
    }

    #[test]
    fn there_is_no_blank_content() {
        for blank in ["", " ", "\n\t\r", "\u{1}\u{fffe}", "\u{3000}\u{a0}"] {
            assert_eq!(Content::new(blank.to_owned()), None, "{blank:?}");
        }
    }

    #[test]
    fn what_just_fits_is_not_cut() {
        let fits = "a".repeat(MAX_CONTENT_BYTES);
        assert_eq!(content(&fits).as_str(), fits);
        let cut = content(&format!("{fits}a"));
        assert_eq!(cut.as_str(), format!("{}…", "a".repeat(2_044)));
        let hanzi = "笑".repeat(683);
        assert_eq!(content(&hanzi).as_str(), format!("{}…", "笑".repeat(681)));
    }

    #[test]
    fn a_cut_leaves_characters_and_faces_whole() {
        let family = "👨‍👩‍👧".repeat(200);
        assert_eq!(content(&family).as_str(), format!("{}…", "👨‍👩‍👧".repeat(113)));
        let faces = "/:handclap".repeat(300);
        assert_eq!(
            content(&faces).as_str(),
            format!("{}…", "/:handclap".repeat(204))
        );
        let endless = format!("a{}", "\u{301}".repeat(2_000));
        assert_eq!(content(&endless).as_str(), "…");
    }

    proptest! {
        #[test]
        fn any_reply_reads_back_as_the_same_text(text in "([\\]>]|<!\\[CDATA\\[|&|\\PC|\n|[\u{0}-\u{20}])*") {
            if let Some(content) = Content::new(text.clone()) {
                let kept: String = text.replace("\r\n", "\n").replace('\r', "\n")
                    .chars().filter(|char| *char >= ' ' || "\t\n".contains(*char)).collect();
                prop_assert_eq!(content.as_str(), &kept);
                prop_assert_eq!(read(&content.xml("to", "from", 1), "Content"), kept);
            }
        }

        #[test]
        fn any_long_text_is_cut_at_a_character(text in "\\PC{500,1500}") {
            let content = content(&text);
            prop_assert!(content.as_str().len() <= MAX_CONTENT_BYTES);
            if text.len() > MAX_CONTENT_BYTES {
                let kept = content.as_str().strip_suffix('…').unwrap();
                prop_assert!(text.starts_with(kept));
                let mut ends = text.grapheme_indices(true).map(|(start, _)| start);
                prop_assert!(ends.any(|start| start == kept.len()));
            }
        }
    }
}
