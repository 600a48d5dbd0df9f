//! Jokes in feeds (RSS, Atom) and other XML.

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::{
    PageError, Rules,
    element::{Element, is_too_deep, outermost},
    html,
    item::{BREAK, Item, is_one_of},
    limits,
    selector::Selector,
};

/// Characters at a page's beginning in which XHTML is recognized.
const HEAD_BYTES: usize = 1_024;

/// Attempts to parse a document, each after one more mistake is repaired: a prefix, most often.
/// Feeds use up to ten.
const MAX_READINGS: usize = 20;

/// Elements of a feed that may hold a joke, best first, and whether with any prefix: names such as
/// `media:description` are mostly of something else.
const CONTENTS: [(&str, bool); 6] = [
    ("encoded", true),
    ("content", false),
    ("description", false),
    ("summary", false),
    ("description", true),
    ("summary", true),
];

/// Returns true if a text is XML, but not XHTML.
pub(super) fn is_xml(text: &str, media_type: &str) -> bool {
    let mut text = text.trim_start();
    while let Some((_, rest)) = text
        .strip_prefix("<!--")
        .and_then(|text| text.split_once("-->"))
    {
        text = rest.trim_start();
    }
    let head: String = text.chars().take(HEAD_BYTES).collect();
    let head = head.to_ascii_lowercase();
    let begins = ["<?xml", "<rss", "<feed", "<rdf:rdf"]
        .iter()
        .any(|begin| head.starts_with(begin));
    let is_called = media_type.ends_with("xml") && head.starts_with('<');
    (begins || is_called) && !head.contains("<html") && !head.contains("<!doctype html")
}

/// Returns the items of a document; without an item selector, those of a feed.
pub(super) fn items(xml: &str, rules: &Rules) -> Result<Vec<Item>, PageError> {
    let items: Vec<Item> = parse(xml, |document| {
        let of_feed = |node: &Node<'_, '_>| node.is_called("item") || node.is_called("entry");
        let items = match &rules.item {
            Some(item) => item.find(document.descendants()),
            None => document.descendants().filter(of_feed).collect(),
        };
        let items = outermost(items).into_iter();
        items.map(|node| read_item(node, rules)).collect()
    })?;
    if items.is_empty() && rules.item.is_none() {
        return Err(PageError::NoSelector("XML, and no feed"));
    }
    Ok(items)
}

/// Returns the URLs in the elements that a selector matches: their `href`, else their text.
pub(super) fn links(xml: &str, selector: &Selector) -> Result<Vec<String>, PageError> {
    parse(xml, |document| {
        let found = selector.find(document.descendants()).into_iter();
        let link = |node: Node<'_, '_>| match node.attribute("href") {
            Some(href) => href.to_owned(),
            None => text(node),
        };
        found.map(link).collect()
    })
}

/// Parses a document and applies `read` to it. Feeds are often malformed: prefixes that are not
/// declared get declared, and HTML entities and stray `&` are kept as text.
fn parse<T>(xml: &str, read: impl Fn(&Document<'_>) -> T) -> Result<T, PageError> {
    limits::check(xml)?;
    let mut xml = xml.trim().to_owned();
    let mut is_repaired = false;
    for _ in 0..MAX_READINGS {
        let options = ParsingOptions {
            allow_dtd: !xml.contains("<!ENTITY"),
            ..ParsingOptions::default()
        };
        xml = match Document::parse_with_options(&xml, options) {
            Ok(document) if is_too_deep(document.descendants()) => return Err(PageError::TooDeep),
            Ok(document) => return Ok(read(&document)),
            Err(Error::UnknownNamespace(prefix, _)) => declared(&xml, &prefix),
            Err(_) if !is_repaired => {
                is_repaired = true;
                repair(&xml)
            }
            Err(error) => return Err(PageError::BrokenXml(error.to_string())),
        };
    }
    Err(PageError::BrokenXml("too many mistakes".to_owned()))
}

/// Declares a prefix in the first element of a text.
fn declared(xml: &str, prefix: &str) -> String {
    let mut comment_end = 0;
    let is_element = |(at, _): &(usize, &str)| {
        let tag = xml.get(*at..).unwrap_or_default();
        if *at >= comment_end && tag.starts_with("<!--") {
            comment_end = at + tag.find("-->").unwrap_or(tag.len());
        }
        *at >= comment_end && tag.chars().nth(1).is_some_and(char::is_alphabetic)
    };
    let begin = xml.match_indices('<').find(is_element);
    let (before, element) = xml.split_at(begin.map_or(0, |(at, _)| at));
    let name = element.find(|c: char| c.is_whitespace() || "/>".contains(c));
    let (name, rest) = element.split_at(name.unwrap_or(element.len()));
    format!("{before}{name} xmlns:{prefix}='{prefix}'{rest}")
}

/// Escapes every `&` that begins no entity of XML, and removes the characters that XML forbids.
fn repair(xml: &str) -> String {
    let is_allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let xml: String = xml.chars().filter(is_allowed).collect();
    let mut pieces = xml.split('&');
    let mut repaired = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let name = piece.split(';').next().unwrap_or_default();
        let is_xml = ["amp", "lt", "gt", "quot", "apos"].contains(&name) || name.starts_with('#');
        repaired.push_str(if is_xml { "&" } else { "&amp;" });
        repaired.push_str(piece);
    }
    repaired
}

fn read_item(item: Node<'_, '_>, rules: &Rules) -> Item {
    let namespace = item.tag_name().namespace();
    let first = |name: &str, has_any_prefix: bool| {
        let is_wanted = |child: &Node<'_, '_>| {
            child.is_called(name) && (has_any_prefix || child.tag_name().namespace() == namespace)
        };
        let mut texts = item.children().filter(is_wanted).map(text);
        texts.find(|text| !text.trim().is_empty())
    };
    let chosen = |selector: &Selector| {
        let found = outermost(selector.find(item.descendants().skip(1)));
        found.into_iter().map(text).collect::<Vec<_>>().join("\n")
    };
    let title = match &rules.title {
        Some(title) => Some(chosen(title)),
        None if rules.content.is_none() => first("title", false),
        None => None,
    };
    let content = match &rules.content {
        Some(content) => Some(chosen(content)),
        None => CONTENTS
            .iter()
            .find_map(|(name, has_any_prefix)| first(name, *has_any_prefix)),
    };
    match (title, content) {
        (Some(title), None) if rules.item.is_none() => Item::of(title),
        (title, content) => Item {
            title: title.unwrap_or_default(),
            ..Item::of(content.unwrap_or_else(|| text(item)))
        },
    }
}

/// Returns the text of an element. Elements of XHTML in it are read as those of HTML.
fn text(node: Node<'_, '_>) -> String {
    let mut found = String::new();
    push_text(node, &mut found);
    found
}

fn push_text(node: Node<'_, '_>, found: &mut String) {
    // Elements with no text between them are fields.
    let is_filled = |text: &str| !text.trim().is_empty();
    let has_text = node
        .children()
        .any(|child| child.is_text() && child.text().is_some_and(is_filled));
    for child in node.children() {
        if child.is_text() {
            found.push_str(child.text().unwrap_or_default());
        } else if child.is_called("br") {
            found.push(BREAK);
        } else if child.is_element() {
            let name = child.tag_name().name();
            let is_apart =
                is_one_of(name, html::BLOCKS) || !has_text && !is_one_of(name, html::INLINE);
            let around = if is_apart { "\n" } else { "" };
            found.push_str(around);
            push_text(child, found);
            found.push_str(around);
        }
    }
}
