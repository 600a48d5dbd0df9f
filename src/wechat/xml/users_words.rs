//! What users write, taken out of a message: whatever they pasted ends no section and is no
//! element. Of `<Content><![CDATA[a]]></Content><MsgType>b]]></Content>`, the words are
//! `a]]></Content><MsgType>b`.

use std::{borrow::Cow, ops::Range};

use memchr::memchr_iter;

use super::{USUAL_CHILDREN, WHITESPACE};

/// The names of elements that follow each other.
type List = &'static [&'static str];

/// Which elements hold words of a user, or what a user scanned, by `MsgType`. `ScanResult` comes
/// before `EventKey`, since what was scanned may look like another one.
const WORDS: [(&str, &[List]); 5] = [
    ("text", &[&["Content"]]),
    ("voice", &[&["Recognition"]]),
    ("location", &[&["Label", "Poiname"]]),
    ("link", &[&["Title", "Description", "Url"]]),
    (
        "event",
        &[&["ScanResult"], &["Label", "Poiname"], &["EventKey"]],
    ),
];

/// Elements with their words, and the XML with something else in their place.
///
/// Words go from the first `<name><![CDATA[` to the last `]]></name>` of a list. Of a link or a
/// location, that makes one element out of several; the bot reads none of them.
pub(super) fn take_out(
    xml: &str,
    replacement: impl Fn(&str) -> String,
) -> (Vec<(&'static str, Cow<'static, str>)>, Cow<'_, str>) {
    let (mut words, mut rest) = (Vec::with_capacity(USUAL_CHILDREN), Cow::Borrowed(xml));
    let (start, lists) = lists(xml).unwrap_or_default();
    for list in lists {
        if let Some((name, text, element)) = find(&rest, start, list) {
            // The right way to write `]]>` divides it between two sections.
            let text = if text.contains(']') {
                text.replace("]]><![CDATA[", "")
            } else {
                text.to_owned()
            };
            words.push((name, text.into()));
            let (before, after) = rest.split_at_checked(element.start).unwrap_or_default();
            let (element, after) = after.split_at_checked(element.len()).unwrap_or_default();
            rest = [before, &replacement(element), after].concat().into();
        }
    }
    (words, rest)
}

/// Where the message's type is, which comes before all words, and the lists for it.
fn lists(xml: &str) -> Option<(usize, &'static [List])> {
    let start = tags(xml, 0, "<", "MsgType").next()?.end;
    let after = xml.get(start..)?;
    let msg_type = after.strip_prefix("<![CDATA[").unwrap_or(after);
    let (_, lists) = WORDS.iter().find(|(name, _)| {
        let end = msg_type.strip_prefix(name);
        end.is_some_and(|end| end.starts_with([']', '<']))
    })?;
    Some((start, lists))
}

/// The name of the first of the elements after the start, its words, and where all of it is.
fn find(xml: &str, start: usize, list: List) -> Option<(&'static str, &str, Range<usize>)> {
    let starts = list.iter().filter_map(|name| {
        let tag = tags(xml, start, "<", name).next()?;
        let inside = xml.get(tag.end..)?.trim_start_matches(WHITESPACE);
        let words = inside.strip_prefix("<![CDATA[")?;
        Some((tag.start, xml.len() - words.len(), *name))
    });
    let ends = list.iter().filter_map(|name| {
        let tag = tags(xml, start, "</", name).next_back()?;
        let inside = xml.get(..tag.start)?.trim_end_matches(WHITESPACE);
        let words = inside.strip_suffix("]]>")?;
        Some((words.len(), tag.end))
    });
    let (element_start, words_start, name) = starts.min()?;
    let (words_end, element_end) = ends.max()?;
    let words = xml.get(words_start..words_end)?;
    Some((name, words, element_start..element_end))
}

/// Where tags of that name are after the start.
fn tags(
    xml: &str,
    start: usize,
    begin: &str,
    name: &str,
) -> impl DoubleEndedIterator<Item = Range<usize>> {
    let after = xml.get(start..).unwrap_or_default();
    memchr_iter(b'<', after.as_bytes()).filter_map(move |at| {
        let tag = after.get(at..)?.strip_prefix(begin)?;
        let behind = tag.strip_prefix(name)?.strip_prefix('>')?;
        Some(start + at..xml.len() - behind.len())
    })
}
