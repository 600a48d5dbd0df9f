//! The elements below `<xml>`, out of what WeChat calls XML.
//!
//! WeChat puts what users write into CDATA sections as it is: with control characters, which XML forbids, and with
//! `]]>`, which ends a section early. So every message is read in three steps: what XML forbids is dropped; users'
//! words are taken out, up to the last end that they can have; and the rest, which is WeChat's own, goes through the
//! parser, and must be well-formed.

mod users_words;

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use roxmltree::{Document, Node, ParsingOptions, TextPos};
use thiserror::Error;

/// More elements below `<xml>` than WeChat sends: some 30, in an event about a menu.
const MAX_CHILDREN: usize = 64;
/// Deeper than WeChat nests: 5 levels, in an event about a mass message.
const MAX_LEVELS: usize = 64;
/// More nodes than WeChat sends: some 300, in an event about a mass message of 8 articles.
const MAX_NODES: u32 = 1_024;
/// WeChat sends no attributes, and some 100 `=` in the URLs of a mass message. The parser compares every attribute
/// of an element with every other one.
const MAX_EQUAL_SIGNS: usize = 256;

/// What XML calls whitespace.
const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The elements below `<xml>`: names and texts, users' words first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what WeChat sends.
    pub fn parse(xml: &str) -> Result<Self, XmlError> {
        let xml = xml_text(xml);
        let (words, rest) = users_words::take_out(&xml);
        Self(words).with_elements_of(&rest)
    }

    /// Reads XML with no pardon for what XML forbids.
    pub(crate) fn parse_strictly(xml: &str) -> Result<Self, XmlError> {
        Self(Vec::new()).with_elements_of(&xml.replace("\r\n", "\n"))
    }

    fn with_elements_of(mut self, xml: &str) -> Result<Self, XmlError> {
        if xml.bytes().filter(|byte| *byte == b'=').count() > MAX_EQUAL_SIGNS {
            return Err(XmlError::TooComplex);
        }
        let options = ParsingOptions {
            nodes_limit: MAX_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(xml, options)?;
        let root = document.root_element();
        if root.tag_name() != "xml".into() {
            return Err(XmlError::Root);
        }
        // A node of that level comes after all that it is in, which are as many.
        let mut deep = document.descendants().skip(MAX_LEVELS);
        if deep.any(|node| node.ancestors().nth(MAX_LEVELS + 1).is_some()) {
            return Err(XmlError::TooComplex);
        }
        let elements = root.children().filter(Node::is_element);
        // WeChat uses no namespaces: `<a:MsgType>` is not its MsgType.
        let plain = elements.filter(|element| element.tag_name().namespace().is_none());
        let fields =
            plain.map(|element| (element.tag_name().name().to_owned(), text(element, xml)));
        self.0.extend(fields);
        if self.0.len() > MAX_CHILDREN {
            return Err(XmlError::TooComplex);
        }
        Ok(self)
    }

    /// The text of the only element of that name, unless there is none or it is empty.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, XmlError> {
        let mut found = self.0.iter().filter(|(found, _)| found == name);
        let text = found.next().map(|(_, text)| text.as_str());
        match found.next() {
            Some(_) => Err(XmlError::Twice(name)),
            None => Ok(text.filter(|text| !text.is_empty())),
        }
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// A number for all of them together, but for the encrypted form of the same, which differs from try to try.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for field in self.0.iter().filter(|(name, _)| name != "Encrypt") {
            field.hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The text without what XML forbids, and with the line breaks that a reader of XML makes of it.
pub(crate) fn xml_text(text: &str) -> Cow<'_, str> {
    if text.chars().all(|char| is_xml_char(char) && char != '\r') {
        return Cow::Borrowed(text);
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(lines.chars().filter(|char| is_xml_char(*char)).collect())
}

/// Whether XML 1.0 has the character at all, even escaped.
fn is_xml_char(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

/// All text in an element. Whitespace around CDATA sections is layout; inside of them it is content.
fn text(element: Node<'_, '_>, xml: &str) -> String {
    let nodes = element.descendants().filter(Node::is_text);
    let text: String = nodes.filter_map(|node| node.text()).collect();
    if text.starts_with(WHITESPACE) || text.ends_with(WHITESPACE) {
        trim_layout(&text, source(element, xml).unwrap_or_default()).to_owned()
    } else {
        text
    }
}

/// What the XML has between an element's tags.
fn source<'x>(element: Node<'_, '_>, xml: &'x str) -> Option<&'x str> {
    let start = element.first_child()?.range().start;
    let (source, _) = xml.get(start..element.range().end)?.rsplit_once("</")?;
    Some(source)
}

fn trim_layout<'t>(text: &'t str, source: &str) -> &'t str {
    let (begins, ends) = (
        source.trim_start_matches(WHITESPACE),
        source.trim_end_matches(WHITESPACE),
    );
    let text = if begins.starts_with("<![CDATA[") {
        text.get(source.len() - begins.len()..).unwrap_or_default()
    } else {
        text.trim_start_matches(WHITESPACE)
    };
    if ends.ends_with("]]>") {
        let length = text.len().saturating_sub(source.len() - ends.len());
        text.get(..length).unwrap_or_default()
    } else {
        text.trim_end_matches(WHITESPACE)
    }
}

/// Why a text is not the XML that WeChat sends; it repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum XmlError {
    /// The text is not well-formed from here on.
    #[error("the body is not XML at line {row}, character {column}")]
    NotWellFormed {
        /// The line, from 1.
        row: u32,
        /// The character in the line, from 1.
        column: u32,
    },
    /// There is a document type declaration.
    #[error("the body has a document type declaration")]
    Dtd,
    /// The root is not `<xml>`.
    #[error("the body's root is not <xml>")]
    Root,
    /// The named element stands twice.
    #[error("the body has {0} twice")]
    Twice(&'static str),
    /// There are more elements, levels or attributes than WeChat ever sends.
    #[error("the body has more elements, levels or attributes than WeChat sends")]
    TooComplex,
}

impl From<roxmltree::Error> for XmlError {
    fn from(error: roxmltree::Error) -> Self {
        let TextPos { row, col: column } = error.pos();
        match error {
            roxmltree::Error::DtdDetected => Self::Dtd,
            roxmltree::Error::NodesLimitReached => Self::TooComplex,
            _ => Self::NotWellFormed { row, column },
        }
    }
}

#[cfg(test)]
mod tests;
