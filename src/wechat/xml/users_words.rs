//! What users write, taken out of a message: whatever they pasted ends no section and is no
//! element.

use std::{borrow::Cow, ops::Range};

use super::WHITESPACE;

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

/// Elements with their words, and the XML with whitespace in their place.
///
/// Words begin with the first section and go up to the last end of an element in the list. Of a
/// page or a place, that makes one element out of all of its words, of which the bot reads none.
pub(super) fn take_out(xml: &str) -> (Vec<(&'static str, String)>, Cow<'_, str>) {
    let (mut words, mut rest) = (Vec::new(), Cow::Borrowed(xml));
    let (start, lists) = lists(xml).unwrap_or_default();
    for list in lists {
        if let Some((name, text, element)) = find(&rest, start, list) {
            // Whoever knows how divides a `]]>` in words between two sections.
            words.push((name, text.replace("]]><![CDATA[", "")));
            rest = Cow::Owned(without(&rest, element));
        }
    }
    (words, rest)
}

/// The lists for the message's type, and where it stands: before all words.
fn lists(xml: &str) -> Option<(usize, &'static [&'static [Element]])> {
    let start = xml.find("<MsgType>")? + "<MsgType>".len();
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
        let at = start + behind.find(tag)?;
        let inside = xml.get(at + tag.len()..)?.trim_start_matches(WHITESPACE);
        let words = inside.strip_prefix("<![CDATA[")?;
        Some((at, xml.len() - words.len(), *name))
    });
    let ends = list.iter().filter_map(|(_, _, tag)| {
        let at = start + behind.rfind(tag)?;
        let inside = xml.get(..at)?.trim_end_matches(WHITESPACE);
        let words = inside.strip_suffix("]]>")?;
        Some((words.len(), at + tag.len()))
    });
    let (element_start, words_start, name) = starts.min()?;
    let (words_end, element_end) = ends.max()?;
    let words = xml.get(words_start..words_end)?;
    Some((name, words, element_start..element_end))
}

/// The XML with whitespace instead of an element, so that an error is found at the line and the
/// character at which it is in the message.
fn without(xml: &str, element: Range<usize>) -> String {
    let blank = |char| if char == '\n' { '\n' } else { ' ' };
    let (before, rest) = xml.split_at_checked(element.start).unwrap_or_default();
    let (element, after) = rest.split_at_checked(element.len()).unwrap_or_default();
    let mut without = String::with_capacity(xml.len());
    without.push_str(before);
    without.extend(element.chars().map(blank));
    without.push_str(after);
    without
}
