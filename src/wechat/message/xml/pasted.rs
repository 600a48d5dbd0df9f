//! What users paste into their words: a `]]>` in it ends the section early, and WeChat leaves it so.

use super::BLANKS;

/// The elements that hold words of a user, or what a user scanned: anything can stand in them.
pub(super) const USERS_WORDS: [&str; 9] = [
    "Content",
    "Recognition",
    "Title",
    "Description",
    "Url",
    "Label",
    "Poiname",
    "EventKey",
    "ScanResult",
];

const SECTION_START: &str = "<![CDATA[";
const SECTION_END: &str = "]]>";

/// The same XML with the words of each element as its text: one after the other, so that what looks like an element
/// in the words of another is not taken for one.
pub(super) fn escape_each(xml: &str) -> String {
    let mut escaped = String::with_capacity(xml.len());
    let mut rest = xml;
    while let Some((name, start)) = words_start(rest) {
        let (before, words) = rest.split_at(start);
        let Some(end) = words_end(words, name) else {
            break;
        };
        let (words, after) = words.split_at(end);
        escaped.push_str(before);
        push_words(&mut escaped, words);
        rest = after;
    }
    escaped.push_str(rest);
    escaped
}

/// The same XML with all that stands between the first start and the last end of users' words as the text of the
/// first element: of pages and places, the bot reads no words, and other messages have but one such element.
pub(super) fn escape_all(xml: &str) -> String {
    let ends = USERS_WORDS.iter().map(|name| words_end_tag(name));
    let last_end = ends
        .filter_map(|end_tag| Some((xml.rfind(&end_tag)?, end_tag)))
        .max();
    let Some(((name, start), (end, end_tag))) = words_start(xml).zip(last_end) else {
        return xml.to_owned();
    };
    let (Some(before), Some(words), Some(after)) = (
        xml.get(..start),
        xml.get(start..end),
        xml.get(end + end_tag.len()..),
    ) else {
        return xml.to_owned();
    };
    let mut escaped = before.to_owned();
    push_words(&mut escaped, words);
    escaped.push_str(&words_end_tag(name));
    escaped.push_str(after);
    escaped
}

/// The first element that holds words, and where they start.
fn words_start(xml: &str) -> Option<(&'static str, usize)> {
    xml.match_indices(SECTION_START).find_map(|(at, section)| {
        let open = xml.get(..at)?.strip_suffix('>')?;
        let opens = |name: &&str| {
            open.strip_suffix(name)
                .is_some_and(|tag| tag.ends_with('<'))
        };
        let name = USERS_WORDS.into_iter().find(|name| opens(name))?;
        Some((name, at + section.len()))
    })
}

/// Where an element's words end: at the first end that another element follows, or else at the last.
fn words_end(words: &str, name: &str) -> Option<usize> {
    let end_tag = words_end_tag(name);
    let mut last = None;
    for (end, _) in words.match_indices(&end_tag) {
        let after = words.get(end + end_tag.len()..).unwrap_or_default();
        let tag = after.trim_start_matches(BLANKS).strip_prefix('<');
        if tag.is_some_and(|tag| tag.starts_with(|char: char| char.is_ascii_alphabetic())) {
            return Some(end);
        }
        last = Some(end);
    }
    last
}

fn words_end_tag(name: &str) -> String {
    [SECTION_END, "</", name, ">"].concat()
}

/// Adds the inside of a section, with any end of a section in it divided between two.
fn push_words(xml: &mut String, words: &str) {
    xml.push_str(&words.replace(SECTION_END, "]]]]><![CDATA[>"));
}
