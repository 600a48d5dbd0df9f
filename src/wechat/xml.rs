//! The elements below `<xml>`, out of what WeChat calls XML.
//!
//! WeChat puts what users write into CDATA sections as it is: with control characters, which XML
//! forbids, and with `]]>`, which ends a section early. So every message is read in three steps:
//! what XML forbids is dropped; users' words are taken out, up to the last end that they can have;
//! and the rest, which is WeChat's own, goes through the parser, and must be well-formed.

mod users_words;

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use memchr::{memchr, memchr_iter};
use roxmltree::{Document, Node, ParsingOptions, TextPos};
use thiserror::Error;

/// More elements below `<xml>` than WeChat sends: some 30, in an event about a menu.
const MAX_CHILDREN: usize = 64;
/// As many as most messages have.
const USUAL_CHILDREN: usize = 8;
/// As many bytes as most messages have without their tags.
const USUAL_BYTES: usize = 512;
/// Deeper than WeChat nests: 5 levels, in an event about a mass message.
const MAX_LEVELS: usize = 64;
/// More nodes than WeChat sends: some 300, in an event about a mass message of 8 articles.
const MAX_NODES: u32 = 1_024;
/// WeChat sends no attributes, and some 100 `=` in the URLs of a mass message. The parser compares
/// every attribute of an element with every other one.
const MAX_EQUAL_SIGNS: usize = 256;
/// WeChat sends no namespaces. The parser copies those of an element to all that is in it.
const MAX_NAMESPACES: usize = 16;

/// What XML calls whitespace.
const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];
/// What XML forbids beside control characters.
const NONCHARACTERS: [char; 2] = ['\u{fffe}', '\u{ffff}'];
/// Their first byte, which is also that of full-width forms.
const NONCHARACTERS_BEGIN: u8 = 0xef;

/// The elements below `<xml>`: names and texts, users' words first.
#[derive(Debug)]
pub(crate) struct Fields<'x>(Vec<(&'x str, Cow<'x, str>)>);

/// Reads what WeChat sends, and takes what is wanted of its elements.
pub(crate) fn read<T, E: From<XmlError>>(
    xml: &[u8],
    take: impl FnOnce(&Fields<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let xml = without_forbidden(str::from_utf8(xml).map_err(|_| XmlError::NotUtf8)?);
    let (words, rest) = users_words::take_out(&xml, |_| " ".to_owned());
    let document = parse(&rest).map_err(|error| {
        // Only now does it matter where in the message that is: at which line and character.
        let spaces = |words: &str| words.replace(|char| char != '\n', " ");
        let (_, rest) = users_words::take_out(&xml, spaces);
        parse(&rest).err().unwrap_or(error)
    })?;
    take(&fields(words, &document, without_layout)?)
}

/// The names and texts in a reply, for the simulator. Nothing is repaired, since nobody knows what
/// the platform makes of a reply that is not XML.
pub(crate) fn read_strictly(xml: &str) -> Result<Vec<(String, String)>, XmlError> {
    let document = parse(xml)?;
    let Fields(fields) = fields(Vec::new(), &document, |text| text)?;
    let owned = |(name, text): (&str, Cow<'_, str>)| (name.to_owned(), text.into_owned());
    Ok(fields.into_iter().map(owned).collect())
}

fn parse(xml: &str) -> Result<Document<'_>, XmlError> {
    let equal_signs = memchr_iter(b'=', xml.as_bytes()).count();
    let has_many_namespaces = || xml.matches("xmlns").count() > MAX_NAMESPACES;
    if equal_signs > MAX_EQUAL_SIGNS || equal_signs > MAX_NAMESPACES && has_many_namespaces() {
        return Err(XmlError::TooComplex);
    }
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Ok(Document::parse_with_options(xml, options)?)
}

/// Adds the elements below the root to those that there are.
fn fields<'x>(
    mut fields: Vec<(&'x str, Cow<'x, str>)>,
    document: &'x Document<'_>,
    clean: fn(Cow<'_, str>) -> Cow<'_, str>,
) -> Result<Fields<'x>, XmlError> {
    let root = document.root_element();
    if root.tag_name() != "xml".into() {
        return Err(XmlError::Root);
    }
    // A node comes after all that it is in, so the first ones need no look.
    let mut deep = document.descendants().skip(MAX_LEVELS);
    if deep.any(|node| node.is_element() && node.ancestors().nth(MAX_LEVELS + 1).is_some()) {
        return Err(XmlError::TooComplex);
    }
    for element in root.children().filter(Node::is_element) {
        if fields.len() == MAX_CHILDREN {
            return Err(XmlError::TooComplex);
        }
        let name = element.tag_name();
        // WeChat uses no namespaces: `<a:MsgType>` is not its MsgType.
        if name.namespace().is_none() {
            fields.push((name.name(), clean(text(element))));
        }
    }
    Ok(Fields(fields))
}

impl Fields<'_> {
    /// The text of the only element of that name, unless there is none or it is empty.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<&str>, XmlError> {
        let mut found = self.0.iter().filter(|(found, _)| *found == name);
        let text = found.next().map(|(_, text)| &**text);
        match found.next() {
            Some(_) => Err(XmlError::Twice(name)),
            None => Ok(text.filter(|text| !text.is_empty())),
        }
    }

    /// The hash of all elements but `Encrypt`, which differs between tries of one message.
    pub(crate) fn fingerprint(&self) -> u64 {
        let fields = self.0.iter().filter(|(name, _)| *name != "Encrypt");
        let mut all = String::with_capacity(USUAL_BYTES);
        // No text of XML has the character between them.
        all.extend(fields.flat_map(|(name, text)| [name, "\0", text, "\0"]));
        let mut hasher = DefaultHasher::new();
        all.hash(&mut hasher);
        hasher.finish()
    }
}

/// The text without what XML forbids, and with the line breaks that a reader of XML makes of it.
pub(crate) fn without_forbidden(text: &str) -> Cow<'_, str> {
    let is_forbidden = |char| match char {
        '\t' | '\n' => false,
        char => char < ' ' || NONCHARACTERS.contains(&char),
    };
    // `fold`, not `any`: without an early end, the compiler looks at many bytes at a time.
    let has_controls = text
        .bytes()
        .fold(false, |found, byte| found | is_forbidden(char::from(byte)));
    let has_noncharacters = memchr(NONCHARACTERS_BEGIN, text.as_bytes()).is_some()
        && NONCHARACTERS.iter().any(|char| text.contains(*char));
    if !has_controls && !has_noncharacters {
        return text.into();
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.replace(is_forbidden, "").into()
}

/// All text in an element.
fn text<'x>(element: Node<'x, '_>) -> Cow<'x, str> {
    let nodes = element.descendants().filter(Node::is_text);
    let mut texts = nodes.filter_map(|node| node.text());
    let first = texts.next().unwrap_or_default();
    texts.fold(Cow::Borrowed(first), |joined, text| joined + text)
}

/// The text without the whitespace around it.
fn without_layout(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => text.trim_matches(WHITESPACE).into(),
        Cow::Owned(text) => text.trim_matches(WHITESPACE).to_owned().into(),
    }
}

/// Why a text is not the XML that WeChat sends; it repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum XmlError {
    /// The bytes are not text.
    #[error("the body is not UTF-8")]
    NotUtf8,
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
