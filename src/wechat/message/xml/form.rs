//! The form in which WeChat writes its XML, read without the parser.

use std::borrow::Cow;

use super::{BLANKS, Field, KNOWN, find};

/// More elements than WeChat sends: each name is compared with all before it.
const MAX_FIELDS: usize = 32;

/// The children of `<xml>`, where each holds a text or one CDATA section and nothing needs a second thought: no
/// attribute, reference, comment or `\r`, and no two elements of one name. Of anything else, nothing: it is the
/// parser's.
///
/// All that this reads, the parser reads alike. Nearly every message is in this form. By the parser, reading takes
/// 1.5 µs instead of 0.3 µs (20 characters), and a full server answers 6 % fewer messages.
pub(super) fn fields(xml: &str) -> Option<Vec<Field<'_>>> {
    let children = xml.trim_matches(BLANKS).strip_prefix("<xml>")?;
    let mut rest = children.strip_suffix("</xml>")?;
    if has_odd_characters(rest) {
        return None;
    }
    let mut fields = Vec::with_capacity(KNOWN.len());
    loop {
        rest = rest.trim_start_matches(BLANKS);
        if rest.is_empty() {
            return Some(fields);
        }
        let (name, text, after) = element(rest)?;
        if fields.len() == MAX_FIELDS || find(&fields, name).is_some() {
            return None;
        }
        fields.push(Field {
            name: Cow::Borrowed(name),
            text: Cow::Borrowed(text),
        });
        rest = after;
    }
}

/// The name and the text of the element at the beginning, and what follows it.
fn element(xml: &str) -> Option<(&str, &str, &str)> {
    let (name, inside) = split(xml.strip_prefix('<')?, b'>')?;
    let inside = inside.strip_prefix('>')?;
    let (text, after) = match inside.strip_prefix("<![CDATA[") {
        Some(section) => section_text(section)?,
        None => plain_text(inside)?,
    };
    let after = after.strip_prefix("</")?.strip_prefix(name)?;
    is_name(name).then_some((name, text, after.strip_prefix('>')?))
}

/// Whether there are characters that XML forbids, or `\r`, which the parser changes.
fn has_odd_characters(xml: &str) -> bool {
    let is_odd = |byte: u8| byte < b' ' && byte != b'\t' && byte != b'\n';
    // Without an early end, the compiler looks at many at a time.
    let has_controls = xml.bytes().fold(false, |found, byte| found | is_odd(byte));
    has_controls || xml.contains("\u{fffe}") || xml.contains("\u{ffff}")
}

/// What stands before the end of the section, and after it; found by its first character, since std's search for all
/// three takes 0.01 µs longer in each element.
fn section_text(section: &str) -> Option<(&str, &str)> {
    let brackets = section.match_indices(']');
    let mut ends = brackets.filter_map(|(at, _)| section.split_at_checked(at));
    ends.find_map(|(text, end)| Some((text, end.strip_prefix("]]>")?)))
}

/// What stands before the next tag, and the tag with what follows. References begin with `&`, `]]>` is an error, and
/// `=` counts as a sign of attributes.
fn plain_text(inside: &str) -> Option<(&str, &str)> {
    let (text, after) = split(inside, b'<')?;
    let text = text.trim_matches(BLANKS);
    (!text.contains(['&', ']', '='])).then_some((text, after))
}

/// What stands before the byte of ASCII, and the rest. It is near: to set up std's search would take longer.
fn split(text: &str, byte: u8) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().position(|other| other == byte)?)
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.starts_with(|char: char| char.is_ascii_alphabetic()) && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::read;
    use super::*;

    fn pairs(xml: &str) -> Option<Vec<(String, String)>> {
        let pair = |field: Field<'_>| (field.name.into_owned(), field.text.into_owned());
        Some(fields(xml)?.into_iter().map(pair).collect())
    }

    #[test]
    fn reads_what_wechat_sends() {
        let xml = "\n<xml><A_1><![CDATA[ a]b]]c&<i>\n]]></A_1>\n\t<B> 12>3 </B><C></C><D><![CDATA[]]></D></xml> ";
        let expected = [
            ("A_1", " a]b]]c&<i>\n"),
            ("B", "12>3"),
            ("C", ""),
            ("D", ""),
        ];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(pairs(xml), Some(expected.to_vec()));
        assert_eq!(pairs("<xml></xml>"), Some(Vec::new()));
    }

    #[test]
    fn leaves_to_the_parser_what_needs_a_second_thought() {
        for xml in [
            "",
            "<xml>",
            "<xml/>",
            "</xml>",
            "<xml></xml><xml></xml>",
            "\u{feff}<xml></xml>",
            "<?xml version='1.0'?><xml></xml>",
            "<xml a=''></xml>",
            "<xml>text</xml>",
            "<xml><A>1</A>text</xml>",
            "<xml><!-- --></xml>",
            "<xml><A a='1'>1</A></xml>",
            "<xml><A>1</A ></xml>",
            "<xml><A/></xml>",
            "<xml><A>1</B></xml>",
            "<xml><A>1</A><A>2</A></xml>",
            "<xml><a:A>1</a:A></xml>",
            "<xml><1>1</1></xml>",
            "<xml><>1</></xml>",
            "<xml><名>1</名></xml>",
            "<xml><A><B>1</B></A></xml>",
            "<xml><A>&amp;</A></xml>",
            "<xml><A>]]></A></xml>",
            "<xml><A>a=b</A></xml>",
            "<xml><A> <![CDATA[1]]></A></xml>",
            "<xml><A><![CDATA[1]]> </A></xml>",
            "<xml><A><![CDATA[1]]><![CDATA[2]]></A></xml>",
            "<xml><A><![CDATA[1]]></A>",
            "<xml><A><![CDATA[1</A></xml>",
            "<xml>\r\n<A>1</A></xml>",
            "<xml><A>\u{0}</A></xml>",
            "<xml><A>\u{1f}</A></xml>",
            "<xml><A>\u{fffe}</A></xml>",
            "<xml><A><![CDATA[\u{ffff}]]></A></xml>",
        ] {
            assert_eq!(fields(xml), None, "{xml:?}");
        }
    }

    #[test]
    fn leaves_more_elements_than_wechat_sends_to_the_parser() {
        let xml = |count| {
            let elements = (0..count).map(|number| format!("<A{number}></A{number}>"));
            format!("<xml>{}</xml>", elements.collect::<String>())
        };
        assert_eq!(pairs(&xml(MAX_FIELDS)).unwrap().len(), MAX_FIELDS);
        assert_eq!(pairs(&xml(MAX_FIELDS + 1)), None);
    }

    #[test]
    fn most_messages_of_the_public_sdks_have_the_form() {
        let file: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/messages.json")).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        let bodies = vectors.iter().filter_map(|vector| vector["xml"].as_str());
        let have_form = bodies.filter(|body| fields(body).is_some()).count();
        assert_eq!((have_form, vectors.len()), (47, 62));
    }

    proptest! {
        #[test]
        fn all_that_is_read_the_parser_reads_alike(
            inside in "(</?(A|b_1|Content)(>|>|>| |/>)|<!\\[CDATA\\[|\\]\\]>|[ \n&a1\\]>=你\u{fffe}]|={65}\
                       |<A>[ a>\\]&=]{0,2}</A>|<Content><!\\[CDATA\\[[ a&<\\]>=\n]{0,4}\\]\\]></Content>){0,6}",
        ) {
            let xml = format!("<xml>{inside}</xml>");
            if let Some(fields) = fields(&xml) {
                let (parsed, is_mixed) = read(&xml).unwrap();
                prop_assert_eq!(parsed, fields);
                prop_assert!(!is_mixed.0);
            }
        }
    }
}
