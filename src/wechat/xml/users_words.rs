//! What users write, taken out of a message: whatever they pasted ends no section and is no
//! element.

use std::{borrow::Cow, ops::Range};

use memchr::memchr_iter;

use super::{USUAL_CHILDREN, WHITESPACE};

/// An element that holds words: its name and its tags.
type Element = (&'static str, &'static str, &'static str);

macro_rules! elements {
    ($($name:literal),+) => {
        &[$(($name, concat!("<", $name, ">"), concat!("</", $name, ">"))),+]
    };
}

/// Which elements hold words of a user, or what a user scanned, by `MsgType`; those of one list
/// stand beside each other. What was scanned is looked for before the `EventKey`, for it may hold
/// another one.
const WORDS: [(&str, &[&[Element]]); 5] = [
    ("text", &[elements!("Content")]),
    ("voice", &[elements!("Recognition")]),
    ("location", &[elements!("Label", "Poiname")]),
    ("link", &[elements!("Title", "Description", "Url")]),
    (
        "event",
        &[
            elements!("ScanResult"),
            elements!("Label", "Poiname"),
            elements!("EventKey"),
        ],
    ),
];

/// Elements with their words, and the XML with something else in their place.
///
/// Words begin with the first section and go up to the last end of an element in the list. Of a
/// page or a place, that makes one element out of all of its words, of which the bot reads none.
pub(super) fn take_out(
    xml: &str,
    instead_of: impl Fn(&str) -> Cow<'static, str>,
) -> (Vec<(&'static str, Cow<'static, str>)>, Cow<'_, str>) {
    let (mut words, mut rest) = (Vec::with_capacity(USUAL_CHILDREN), Cow::Borrowed(xml));
    let (start, lists) = lists(xml).unwrap_or_default();
    for list in lists {
        if let Some((name, text, element)) = find(&rest, start, list) {
            // Whoever knows how divides a `]]>` in words between two sections.
            let text = if text.contains(']') {
                text.replace("]]><![CDATA[", "")
            } else {
                text.to_owned()
            };
            words.push((name, text.into()));
            let (before, behind) = rest.split_at_checked(element.start).unwrap_or_default();
            let (element, behind) = behind.split_at_checked(element.len()).unwrap_or_default();
            rest = [before, &instead_of(element), behind].concat().into();
        }
    }
    (words, rest)
}

/// The lists for the message's type, and where it stands: before all words.
fn lists(xml: &str) -> Option<(usize, &'static [&'static [Element]])> {
    let start = places(xml, "<MsgType>").next()? + "<MsgType>".len();
    let after = xml.get(start..)?;
    let msg_type = after.strip_prefix("<![CDATA[").unwrap_or(after);
    let (_, lists) = WORDS.iter().find(|(name, _)| {
        let end = msg_type.strip_prefix(name);
        end.is_some_and(|end| end.starts_with([']', '<']))
    })?;
    Some((start, lists))
}

/// The name of the first of the elements behind the start, its words, and where all of it is.
fn find<'x>(
    xml: &'x str,
    start: usize,
    list: &[Element],
) -> Option<(&'static str, &'x str, Range<usize>)> {
    let behind = xml.get(start..)?;
    let starts = list.iter().filter_map(|(name, tag, _)| {
        let at = start + places(behind, tag).next()?;
        let inside = xml.get(at + tag.len()..)?.trim_start_matches(WHITESPACE);
        let words = inside.strip_prefix("<![CDATA[")?;
        Some((at, xml.len() - words.len(), *name))
    });
    let ends = list.iter().filter_map(|(_, _, tag)| {
        let at = start + places(behind, tag).next_back()?;
        let inside = xml.get(..at)?.trim_end_matches(WHITESPACE);
        let words = inside.strip_suffix("]]>")?;
        Some((words.len(), at + tag.len()))
    });
    let (element_start, words_start, name) = starts.min()?;
    let (words_end, element_end) = ends.max()?;
    let words = xml.get(words_start..words_end)?;
    Some((name, words, element_start..element_end))
}

/// Where a tag stands.
fn places(xml: &str, tag: &str) -> impl DoubleEndedIterator<Item = usize> {
    let places = memchr_iter(b'<', xml.as_bytes());
    places.filter(move |at| xml.get(*at..).is_some_and(|rest| rest.starts_with(tag)))
}
