//! Jokes on an HTML page.

use select::{
    document::Document,
    node::{Data, Node},
    predicate::Predicate,
};

use super::{
    PageError, Reason,
    limits::{self, original_name},
    rules::{has_cut_mark, judge, trails_off},
};
use crate::joke::source::Rules;

/// Levels of nesting that are walked through; browsers stop at 512 as well.
pub(super) const MAX_DEPTH: usize = 512;

/// Elements whose text is not for readers.
const UNSEEN: [&str; 5] = ["script", "style", "noscript", "template", "textarea"];

/// Elements that stand in lines of their own.
const BLOCKS: &str = "\
    address article aside blockquote caption center dd details dialog div dl dt \
    fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li \
    main menu nav ol p pre section summary table tr ul";

/// What becomes of each item on the page.
pub(super) fn jokes(
    html: &str,
    rules: &Rules,
    skip: &[String],
) -> Result<Vec<Result<String, Reason>>, PageError> {
    limits::check(html).map_err(PageError::TooComplex)?;
    let document = Document::from(limits::rename_tags(html).as_str());
    if is_too_deep(&document) {
        return Err(PageError::TooDeep);
    }
    let items = outermost(document.find(rules.item.on_page()));
    Ok(items.map(|item| joke(&item, rules, skip)).collect())
}

fn joke(item: &Node<'_>, rules: &Rules, skip: &[String]) -> Result<String, Reason> {
    let (title, content) = texts(item, rules);
    let joke = judge(&title, &content, skip)?;
    if trails_off(&joke) && links_to_the_rest(item) {
        return Err(Reason::Cut);
    }
    Ok(joke)
}

/// Whether an item has a link to all of it, be it outside the content.
fn links_to_the_rest(item: &Node<'_>) -> bool {
    outermost(item.find(Link)).any(|link| has_cut_mark(&text_of(&link)))
}

/// An `a` element.
struct Link;

impl Predicate for Link {
    fn matches(&self, node: &Node<'_>) -> bool {
        node.name().is_some_and(|name| original_name(name) == "a")
    }
}

/// Parents come before their children in a document, so one pass is enough.
fn is_too_deep(document: &Document) -> bool {
    let mut depths: Vec<usize> = Vec::with_capacity(document.nodes.len());
    for node in &document.nodes {
        let parent = node.parent.and_then(|parent| depths.get(parent));
        let depth = parent.map_or(1, |depth| depth + 1);
        if depth > MAX_DEPTH {
            return true;
        }
        depths.push(depth);
    }
    false
}

/// The nodes that are not inside one before them: a text within another is told once.
fn outermost<'a>(nodes: impl Iterator<Item = Node<'a>>) -> impl Iterator<Item = Node<'a>> {
    let mut last: Option<usize> = None;
    nodes.filter(move |node| {
        let mut around = std::iter::successors(node.parent(), Node::parent);
        let inside = around.any(|parent| Some(parent.index()) == last);
        if !inside {
            last = Some(node.index());
        }
        !inside
    })
}

/// The raw title and content of an item. The title is not part of the content around it.
fn texts(item: &Node<'_>, rules: &Rules) -> (String, String) {
    let title = rules
        .title
        .as_ref()
        .and_then(|selector| item.find(selector.inside(item)).next());
    let title_at = title.map(|node| node.index());
    let title_text = title.as_ref().map(text_of).unwrap_or_default();
    let mut content = String::new();
    match &rules.content {
        None => read(item, title_at, false, &mut content),
        Some(selector) => {
            for node in outermost(item.find(selector.inside(item))) {
                content.push('\n');
                read(&node, title_at, false, &mut content);
            }
        }
    }
    (title_text, content)
}

/// What a reader sees of a node.
fn text_of(node: &Node<'_>) -> String {
    let mut text = String::new();
    read(node, None, false, &mut text);
    text
}

/// Appends what a reader sees of a node, without the element at index `without`. In a `pre` the
/// lines of a text are lines for readers, too.
fn read(node: &Node<'_>, without: Option<usize>, pre: bool, text: &mut String) {
    match node.data() {
        Data::Text(data) if pre => text.push_str(data),
        Data::Text(data) => text.push_str(&data.replace(['\n', '\r'], " ")),
        Data::Comment(_) => {}
        Data::Element(..) => {
            let name = node.name().unwrap_or_default();
            if UNSEEN.contains(&name) || Some(node.index()) == without {
                return;
            }
            let around = match name {
                // Cells stand beside each other.
                "td" | "th" => " ",
                name if name == "br" || BLOCKS.split(' ').any(|block| block == name) => "\n",
                _ => "",
            };
            text.push_str(around);
            for child in node.children() {
                read(&child, without, pre || name == "pre", text);
            }
            text.push_str(around);
        }
    }
}
