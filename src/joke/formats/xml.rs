//! Jokes in feeds (RSS, Atom) and other XML.

use roxmltree::{Document, Error, Node, NodeType, ParsingOptions};

use super::{
    Layout, PageError,
    element::{Element, is_too_deep, outermost},
    html,
    item::{BREAK, Item, is_one_of},
    limits,
    selector::Selector,
};

/// Attempts to parse a document, each after one more mistake is repaired: a prefix, most often.
/// Feeds use up to ten.
const MAX_READINGS: usize = 20;

/// Elements of a feed that may hold a joke, best first. With a prefix, which `*` stands for, they
/// are mostly of something else, as `media:description` is.
const CONTENTS: &str = "*:encoded content description summary *:description *:summary";

/// Returns true if a text is XML, but not XHTML.
pub(super) fn is_xml(text: &str, media_type: &str) -> bool {
    let (at, root) = first_element(text).unwrap_or((text.len(), ""));
    let prolog = text.get(..at).unwrap_or_default().to_ascii_lowercase();
    let is_html = is_one_of(root, "html head meta body title link script style")
        || prolog.contains("<!doctype html");
    let is_xml = media_type.ends_with("xml")
        || prolog.contains("<?xml")
        || is_one_of(root, "rss feed rdf:rdf");
    text.starts_with('<') && is_xml && !is_html
}

/// Returns the place and the name of the first element, outside comments.
fn first_element(xml: &str) -> Option<(usize, &str)> {
    let mut comment_end = 0;
    let is_element = |(at, _): &(usize, &str)| {
        let tag = xml.get(at + 1..).unwrap_or_default();
        if *at >= comment_end && tag.starts_with("!--") {
            comment_end = at + tag.find("-->").unwrap_or(tag.len());
        }
        *at >= comment_end && tag.starts_with(char::is_alphabetic)
    };
    let at = xml.match_indices('<').find(is_element)?.0 + 1;
    let ends = |c: char| c.is_whitespace() || "/>".contains(c);
    Some((at, xml.get(at..)?.split(ends).next()?))
}

/// Returns the items of a document; without an item selector, those of a feed.
pub(super) fn items(xml: &str, layout: &Layout) -> Result<Vec<Item>, PageError> {
    let items: Vec<Item> = parse(xml, |document| {
        let of_feed = |node: &Node<'_, '_>| node.is_called("item") || node.is_called("entry");
        let items = match &layout.item {
            Some(item) => item.find(document.descendants()),
            None => document.descendants().filter(of_feed).collect(),
        };
        let items = outermost(items).into_iter();
        items.map(|node| read_item(node, layout)).collect()
    })?;
    if items.is_empty() && layout.item.is_none() {
        return Err(PageError::NoSelector("XML, and no feed"));
    }
    Ok(items)
}

/// Returns the URLs in the elements that a selector matches: their `href`, else their text.
pub(super) fn links(xml: &str, selector: &Selector) -> Result<Vec<String>, PageError> {
    parse(xml, |document| {
        let found = selector.find(document.descendants()).into_iter();
        let link = |node: Node<'_, '_>| {
            let href = node.attribute("href").map(str::to_owned);
            href.unwrap_or_else(|| text(node))
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
    let (at, name) = first_element(xml).unwrap_or_default();
    let (before, rest) = xml.split_at(at + name.len());
    format!("{before} xmlns:{prefix}='{prefix}'{rest}")
}

/// Escapes every `&` that begins no entity of XML, and removes the characters that XML forbids.
fn repair(xml: &str) -> String {
    let is_allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let xml: String = xml.chars().filter(is_allowed).collect();
    // `amp` comes last, so that `&amp;lt;` stays as it is.
    let entities = ["lt;", "gt;", "quot;", "apos;", "#", "amp;"].into_iter();
    entities.fold(xml.replace('&', "&amp;"), |xml, entity| {
        xml.replace(&format!("&amp;{entity}"), &format!("&{entity}"))
    })
}

fn read_item(item: Node<'_, '_>, layout: &Layout) -> Item {
    let namespace = item.tag_name().namespace();
    let first = |name: &str| {
        let local = name.trim_start_matches("*:");
        let is_wanted = |child: &Node<'_, '_>| {
            child.is_called(local) && (local != name || child.tag_name().namespace() == namespace)
        };
        let mut texts = item.children().filter(is_wanted).map(text);
        texts.find(|text| !text.trim().is_empty())
    };
    let chosen = |selector: &Selector| {
        let found = outermost(selector.find(item.descendants().skip(1)));
        found.into_iter().map(text).collect::<Vec<_>>().join("\n")
    };
    let title = match &layout.title {
        Some(title) => Some(chosen(title)),
        None if layout.content.is_none() => first("title"),
        None => None,
    };
    let content = match &layout.content {
        Some(content) => Some(chosen(content)),
        None => CONTENTS.split(' ').find_map(first),
    };
    match (title, content) {
        (Some(title), None) if layout.item.is_none() => Item::of(title),
        (title, content) => Item {
            title: title.unwrap_or_default(),
            ..Item::of(content.unwrap_or_else(|| text(item)))
        },
    }
}

/// Returns the text of an element. Elements of XHTML in it are read as those of HTML.
fn text(element: Node<'_, '_>) -> String {
    let mut found = String::new();
    push_text(element, &mut found);
    found
}

fn push_text(element: Node<'_, '_>, found: &mut String) {
    let is_filled = |child: Node<'_, '_>| {
        child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty())
    };
    // Elements with no text between them are fields.
    let has_text = element.children().any(is_filled);
    for child in element.children() {
        let name = child.tag_name().name();
        let is_apart =
            is_one_of(name, html::BLOCKS) || !has_text && !is_one_of(name, html::OTHER_ELEMENTS);
        match child.node_type() {
            NodeType::Text => found.push_str(child.text().unwrap_or_default()),
            NodeType::Element if child.is_called("br") => found.push(BREAK),
            NodeType::Element if is_apart => {
                found.push('\n');
                push_text(child, found);
                found.push('\n');
            }
            NodeType::Element => push_text(child, found),
            _ => {}
        }
    }
}
