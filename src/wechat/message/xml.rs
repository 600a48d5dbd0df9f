//! The children of `<xml>`, out of what WeChat calls XML.

mod envelope;
mod form;
mod pasted;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::iter;

use roxmltree::{Document, Node, StringStorage};

pub use self::envelope::agree;
use self::pasted::{USERS_WORDS, escape_all, escape_each};

/// More attributes than WeChat will ever send (it sends none).
///
/// The parser compares every attribute of an element with every other one, so 64 KiB of them would take seconds.
const MAX_ATTRIBUTES: usize = 64;

/// The elements that tell what a message is: none may stand twice.
const KNOWN: [&str; 11] = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "MsgId",
    "MsgID",
    "Content",
    "Recognition",
    "Event",
    "EventKey",
    "Encrypt",
];

/// Blanks that XML allows between elements.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// One child of the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The element's name; empty for text that stands beside the elements.
    pub name: Cow<'a, str>,
    /// The element's text: blanks around CDATA sections are layout and left out, those inside are kept.
    /// Of an element that holds others, the texts of all of them.
    pub text: Cow<'a, str>,
}

impl Field<'_> {
    fn into_owned(self) -> Field<'static> {
        Field {
            name: Cow::Owned(self.name.into_owned()),
            text: Cow::Owned(self.text.into_owned()),
        }
    }
}

/// The text of the first field of that name.
#[must_use]
pub fn find<'f>(fields: &'f [Field<'_>], name: &str) -> Option<&'f str> {
    let field = fields.iter().find(|field| field.name == name)?;
    Some(&field.text)
}

/// The children of the root `<xml>`.
///
/// WeChat sends control characters in texts, which XML forbids: they are left out.
pub fn fields(xml: &str) -> Result<Vec<Field<'_>>, XmlError> {
    if let Some(fields) = form::fields(xml) {
        return Ok(fields);
    }
    fields_or_pasted(xml).or_else(|error| {
        if xml.chars().all(is_xml_char) {
            return Err(error);
        }
        fields_or_pasted(&without_forbidden(xml)).map(into_owned)
    })
}

/// Whether XML 1.0 has the character at all, even escaped.
#[must_use]
pub fn is_xml_char(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

fn without_forbidden(xml: &str) -> String {
    xml.chars().filter(|char| is_xml_char(*char)).collect()
}

/// Reads strictly; where that fails or finds markup in a user's words, the user may have pasted XML, whose `]]>` ends
/// the section early.
fn fields_or_pasted(xml: &str) -> Result<Vec<Field<'_>>, XmlError> {
    let strict = read(xml);
    if let Ok((fields, IsMixed(false))) = strict {
        return Ok(fields);
    }
    unmixed(&escape_each(xml))
        .or_else(|| unmixed(&escape_all(xml)))
        .map_or_else(|| strict.map(|(fields, _)| fields), Ok)
}

/// The fields, if the XML is well-formed and no markup stands in a user's words.
fn unmixed(xml: &str) -> Option<Vec<Field<'static>>> {
    let (fields, is_mixed) = read(xml).ok()?;
    (is_mixed == IsMixed(false)).then(|| into_owned(fields))
}

fn into_owned(fields: Vec<Field<'_>>) -> Vec<Field<'static>> {
    fields.into_iter().map(Field::into_owned).collect()
}

/// The children of the root `<xml>`, with no pardon for what XML forbids.
pub fn strict_fields(xml: &str) -> Result<Vec<Field<'_>>, XmlError> {
    read(xml).map(|(fields, _)| fields)
}

/// Whether markup stands where a user's words should.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IsMixed(bool);

fn read(xml: &str) -> Result<(Vec<Field<'_>>, IsMixed), XmlError> {
    if has_many_attributes(xml) {
        return Err(XmlError::Attributes);
    }
    let document = Document::parse(xml)?;
    let root = document.root_element();
    if root.tag_name() != "xml".into() {
        return Err(XmlError::Root);
    }
    let mut fields: Vec<Field<'_>> = Vec::with_capacity(KNOWN.len());
    for child in root.children().filter(|child| !is_layout(*child)) {
        let field = field(child, xml);
        if find(&fields, &field.name).is_some()
            && let Some(known) = KNOWN.into_iter().find(|known| *known == field.name)
        {
            return Err(XmlError::Twice(known));
        }
        fields.push(field);
    }
    let holds_words = |node: &Node<'_, '_>| USERS_WORDS.contains(&node.tag_name().name());
    let holds_markup = |node: Node<'_, '_>| node.children().any(|child| !child.is_text());
    let is_mixed = root.descendants().filter(holds_words).any(holds_markup);
    Ok((fields, IsMixed(is_mixed)))
}

/// Whether the node is none of the elements and says nothing: blanks between them, or a comment.
fn is_layout(node: Node<'_, '_>) -> bool {
    match node.text() {
        Some(text) if node.is_text() => text.trim_matches(BLANKS).is_empty(),
        _ => !node.is_element(),
    }
}

fn field<'a>(child: Node<'_, 'a>, xml: &str) -> Field<'a> {
    let name = match child.tag_name().namespace() {
        None => child.tag_name().name(),
        // WeChat uses no namespaces: `<a:MsgType>` is not its MsgType.
        Some(_) => "",
    };
    let mut texts = child
        .descendants()
        .filter(Node::is_text)
        .map(|node| text_without_layout(node, xml))
        .filter(|text| !text.is_empty());
    let first = texts.next().unwrap_or_default();
    let text = texts.fold(first, |mut joined, text| {
        joined.to_mut().push_str(&text);
        joined
    });
    Field {
        name: Cow::Borrowed(name),
        text,
    }
}

/// The text of a node, which the parser has joined of texts and CDATA sections, without the blanks around sections.
fn text_without_layout<'a>(node: Node<'_, 'a>, xml: &str) -> Cow<'a, str> {
    let source = source(node, xml).unwrap_or_default();
    match node.text_storage() {
        Some(StringStorage::Borrowed(text)) => Cow::Borrowed(trim_layout(text, source)),
        Some(StringStorage::Owned(text)) => Cow::Owned(trim_layout(text, source).to_owned()),
        None => Cow::Borrowed(""),
    }
}

/// What the XML has between the beginning of the text node and the tag or comment after it.
fn source<'x>(node: Node<'_, '_>, xml: &'x str) -> Option<&'x str> {
    let start = node.range().start;
    if let Some(next) = node.next_sibling() {
        return xml.get(start..next.range().start);
    }
    let (source, _end_tag) = xml
        .get(start..node.parent()?.range().end)?
        .rsplit_once('<')?;
    Some(source)
}

fn trim_layout<'t>(text: &'t str, source: &str) -> &'t str {
    let begins = source.trim_start_matches(BLANKS);
    let text = if begins.starts_with("<![CDATA[") {
        let layout = source.strip_suffix(begins).unwrap_or_default();
        text.get(parsed_length(layout)..).unwrap_or_default()
    } else {
        text.trim_start_matches(BLANKS)
    };
    let ends = source.trim_end_matches(BLANKS);
    if ends.ends_with("]]>") {
        let layout = source.strip_prefix(ends).unwrap_or_default();
        let length = text.len().saturating_sub(parsed_length(layout));
        text.get(..length).unwrap_or_default()
    } else {
        text.trim_end_matches(BLANKS)
    }
}

/// How many bytes the parser has made of these blanks: it takes `\r\n` as one line break.
fn parsed_length(blanks: &str) -> usize {
    blanks.len() - blanks.matches("\r\n").count()
}

fn has_many_attributes(xml: &str) -> bool {
    let count = |text: &str| text.bytes().filter(|byte| *byte == b'=').count();
    count(xml) > MAX_ATTRIBUTES && markup(xml).map(count).sum::<usize>() > MAX_ATTRIBUTES
}

/// The stretches of the XML that lie outside CDATA sections, comments and processing instructions.
fn markup(xml: &str) -> impl Iterator<Item = &str> {
    let mut rest = xml;
    iter::from_fn(move || {
        while let Some(after) = after_opaque(rest) {
            rest = after;
        }
        let next_tag = rest.bytes().skip(1).position(|byte| byte == b'<');
        let (stretch, after) = rest.split_at(next_tag.map_or(rest.len(), |index| index + 1));
        rest = after;
        (!stretch.is_empty()).then_some(stretch)
    })
}

/// What follows the span at the beginning of the XML in which nothing is markup.
fn after_opaque(xml: &str) -> Option<&str> {
    const SPANS: [(&str, &str); 3] = [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")];
    let (inside, end) = SPANS
        .iter()
        .find_map(|(start, end)| Some((xml.strip_prefix(start)?, end)))?;
    Some(inside.split_once(end).map_or("", |(_, after)| after))
}

/// Why a text is not the XML that WeChat sends; it repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlError {
    /// The text is not well-formed from here on.
    NotWellFormed {
        /// The line, from 1.
        row: u32,
        /// The character in the line, from 1.
        column: u32,
    },
    /// There is a document type declaration.
    Dtd,
    /// The root is not `<xml>`.
    Root,
    /// The named element stands twice.
    Twice(&'static str),
    /// There are more attributes than WeChat will ever send.
    Attributes,
}

impl From<roxmltree::Error> for XmlError {
    fn from(error: roxmltree::Error) -> Self {
        match error {
            roxmltree::Error::DtdDetected => Self::Dtd,
            error => Self::NotWellFormed {
                row: error.pos().row,
                column: error.pos().col,
            },
        }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWellFormed { row, column } => {
                write!(f, "the body is no XML at line {row}, character {column}")
            }
            Self::Dtd => f.write_str("the body has a document type declaration"),
            Self::Root => f.write_str("the body's root is not <xml>"),
            Self::Twice(name) => write!(f, "the body has {name} twice"),
            Self::Attributes => f.write_str("the body has more attributes than WeChat sends"),
        }
    }
}

impl Error for XmlError {}

#[cfg(test)]
mod tests;
