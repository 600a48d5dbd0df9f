//! Jokes on an HTML page.

use std::{iter, ops::Range};

use select::{
    document::Document,
    node::{Data, Node},
    predicate::{Name, Predicate},
};

use super::{
    Links, PageError, Rules,
    element::{Element, is_too_deep, outermost},
    item::{
        BREAK, HEADING, Item, MIN_JOKE_CHARACTERS, characters, ends_sentence, is_cut_mark,
        is_one_of, means_rest, trails_off,
    },
    limits::{self, original_name},
    selector::Selector,
};

/// Elements whose text is not for readers.
const UNSEEN: &str = "script style noscript template textarea select svg iframe audio video";

/// Classes of elements with advertising or tools.
const UNSEEN_CLASSES: &str = "\
    ad ads advert advertisement adsbygoogle guanggao share bdsharebuttonbox";

/// Elements that stand in lines of their own.
const BLOCKS: &str = "\
    address article aside blockquote caption center dd details dialog div dl dt \
    fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li \
    main menu nav ol p pre section summary table tr ul";

/// Their text is a heading of what follows; one alone is none.
const HEADINGS: &str = "h1 h2 h3 h4 h5 h6 dt";

/// Other elements that a text which was escaped twice can have as well.
const INLINE: &str = "\
    a abbr b big body br button cite code del em font head html i iframe img input ins kbd label \
    link mark meta nobr noscript option q rp rt ruby s script select small span strike strong \
    style sub sup svg tbody td tfoot th thead time title tt u var video wbr";

/// Tags that texts have which are no pages.
const IN_TEXTS: &str = "b br em font i p small span strong u";

/// What links at the end of a joke are about that do not lead to the rest of it.
const TOOLS: &str = "评论 分享 收藏 赞 回复 举报 转发 复制 顶 踩 comment share reply";

/// A face that a page shows as a picture has a name no longer than this.
const MAX_FACE_CHARACTERS: usize = 10;

/// The longest title of a link, in characters; what is longer is a joke.
const MAX_LINK_CHARACTERS: usize = 30;

/// Rules of a page's own style sheets that are followed; each is tried on every element of an item.
const MAX_STYLE_RULES: usize = 20;

/// The items on a page. A single list is not one: its lines are.
pub(super) fn items(html: &str, rules: &Rules) -> Result<Vec<Item>, PageError> {
    let item = rules.item.as_ref().ok_or(PageError::NoSelector("HTML"))?;
    let document = parse(html)?;
    let preformatted = preformatted(&document);
    let mut nodes: Vec<Node<'_>> = outermost(document.find(item.on_page())).collect();
    if let [list] = nodes.as_slice()
        && (list.is_called("ol") || list.is_called("ul"))
    {
        nodes = list
            .children()
            .filter(|node| node.is_called("li"))
            .collect();
    }
    let is_block = nodes.len() == 1;
    let items = nodes.iter();
    Ok(items
        .map(|node| read_item(node, rules, &preformatted, is_block))
        .collect())
}

/// The page as one item, as where a link has led to it.
pub(super) fn whole(html: &str, rules: &Rules) -> Result<Vec<Item>, PageError> {
    if rules.content.is_none() {
        return Err(PageError::NoContentSelector);
    }
    let document = parse(html)?;
    let root = document.find(Root).next().ok_or(PageError::Empty)?;
    Ok(vec![read_item(
        &root,
        rules,
        &preformatted(&document),
        false,
    )])
}

/// Where the links lead that a selector means: the elements themselves, or the first in each.
pub(super) fn links(html: &str, selector: &Selector) -> Result<Links, PageError> {
    let document = parse(html)?;
    let found = outermost(document.find(selector.on_page()));
    let href = |node: &Node<'_>| node.attr("href").map(str::to_owned);
    let links = found.filter_map(|node| href(&node).or_else(|| href(&node.find(Link).next()?)));
    let base = document.find(Name("base")).find_map(|base| href(&base));
    Ok(Links {
        base: base.unwrap_or_default(),
        links: links.collect(),
    })
}

/// An item out of a piece of HTML in which the lines are lines already.
pub(super) fn fragment(html: &str) -> Item {
    // A parser of HTML takes what XML marks as text for a comment.
    let html = html.replace("<![CDATA[", "").replace("]]>", "");
    let Ok(document) = parse(&html) else {
        return Item::of(html);
    };
    let mut reader = Reader::new(&[]);
    for root in document.find(Root) {
        reader.read(&root, Whitespace::AsIs);
    }
    reader.item()
}

/// Whether a text is a page: it has a tag; without selectors for it, one that texts do not have.
pub(super) fn is_page(text: &str, has_selectors: bool) -> bool {
    let is_of_page = |name: &str| has_selectors || !is_one_of(name, IN_TEXTS);
    let mut names = text.split('<').skip(1).map(tag_name);
    text.starts_with("<!d")
        || text.starts_with("<!D")
        || names
            .any(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && is_of_page(&name))
}

/// Whether a text has something of HTML in it: a tag that is known, or an entity.
pub(super) fn has_markup(text: &str) -> bool {
    let is_entity = |rest: &str| {
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default();
        let is_ended = rest
            .get(name.len()..)
            .is_some_and(|rest| rest.starts_with(';'));
        // Browsers know these without an end, too.
        let needs_no_end = ["nbsp", "quot"].iter().any(|begin| rest.starts_with(begin));
        let is_number = rest.starts_with('#') && rest.len() > 2;
        needs_no_end || is_number || is_ended && (2..=8).contains(&name.len())
    };
    has_known_tag(text) || text.split('&').skip(1).any(is_entity)
}

/// Whether a text has a tag whose name is known, or has a prefix as those of Word.
pub(super) fn has_known_tag(text: &str) -> bool {
    let is_known = |piece: &str| {
        let name = tag_name(piece);
        let rest = piece.trim_start_matches('/').get(name.len()..);
        let rest = rest.unwrap_or_default();
        let has_prefix = !name.is_empty() && rest.starts_with(':');
        let attribute = rest.trim_start();
        let is_tag = attribute.starts_with(['/', '>'])
            || attribute.len() < rest.len() && attribute.starts_with(char::is_alphabetic);
        has_prefix || is_tag && (is_one_of(&name, BLOCKS) || is_one_of(&name, INLINE))
    };
    let is_other = |piece: &str| piece.starts_with("!--") || piece.starts_with("![CDATA[");
    let mut pieces = text.split('<').skip(1);
    text.contains('>') && pieces.any(|piece| is_other(piece) || is_known(piece))
}

/// The name of the tag that begins behind a `<`, in lower case.
fn tag_name(piece: &str) -> String {
    let name = piece.trim_start_matches('/').chars();
    let name: String = name.take_while(char::is_ascii_alphanumeric).collect();
    name.to_ascii_lowercase()
}

pub(super) fn is_block(name: &str) -> bool {
    is_one_of(name, BLOCKS)
}

fn parse(html: &str) -> Result<Document, PageError> {
    limits::check(html)?;
    let document = Document::from(limits::rename_tags(html).as_str());
    let nodes = (0..document.nodes.len()).filter_map(|n| document.nth(n));
    if is_too_deep(nodes) {
        return Err(PageError::TooDeep);
    }
    Ok(document)
}

/// The selectors by which the page's own style sheets keep the lines of a text.
fn preformatted(document: &Document) -> Vec<Selector> {
    let sheets: String = document
        .find(Name("style"))
        .map(|sheet| sheet.text())
        .collect();
    let rules = sheets.split('}').filter_map(|rule| rule.split_once('{'));
    rules
        .filter(|(_, declarations)| keeps_lines(declarations))
        .take(MAX_STYLE_RULES)
        .filter_map(|(selector, _)| Selector::for_page(selector.rsplit("*/").next()?).ok())
        .collect()
}

fn keeps_lines(declarations: &str) -> bool {
    let declarations = declarations.to_lowercase().replace(char::is_whitespace, "");
    ["white-space:pre", "white-space:break-spaces"]
        .iter()
        .any(|declared| declarations.contains(declared))
}

/// The element around all others.
struct Root;

impl Predicate for Root {
    fn matches(&self, node: &Node<'_>) -> bool {
        node.is_element() && node.parent().is_none()
    }
}

/// An `a` element that leads somewhere.
struct Link;

impl Predicate for Link {
    fn matches(&self, node: &Node<'_>) -> bool {
        node.is_called("a") && node.attr("href").is_some()
    }
}

/// The texts of an item. Of a block that may have several jokes, several titles are headings in it.
fn read_item(item: &Node<'_>, rules: &Rules, preformatted: &[Selector], is_block: bool) -> Item {
    let titles: Vec<Node<'_>> = match &rules.title {
        Some(selector) => item.find(selector.inside(item)).collect(),
        None => Vec::new(),
    };
    let are_headings = is_block && titles.len() > 1 && rules.content.is_none();
    let title = titles.first().filter(|_| !are_headings);
    let mut around = iter::successors(Some(*item), Element::parent);
    let whitespace = if around.any(|node| is_preformatted(&node, preformatted)) {
        Whitespace::Kept
    } else {
        Whitespace::Folded
    };
    let mut title_reader = Reader::new(preformatted);
    if let Some(title) = title {
        title_reader.read(title, whitespace);
    }
    let mut reader = Reader::new(preformatted);
    reader.without = title.map(Node::index);
    if are_headings {
        reader.headings = titles.iter().map(Node::index).collect();
    }
    let contents: Vec<Node<'_>> = match &rules.content {
        None => vec![*item],
        Some(selector) => outermost(item.find(selector.inside(item))).collect(),
    };
    for content in &contents {
        reader.text.push('\n');
        reader.read(content, whitespace);
    }
    let mut found = reader.item();
    found.title = title_reader.text;
    // On a page that a link has led to, such links lead to something else.
    found.has_link_to_rest |= rules.link.is_none() && has_link_beside(item, &contents);
    found
}

/// Whether there is a mark of the rest of a joke in its item, but outside its contents.
fn has_link_beside(item: &Node<'_>, contents: &[Node<'_>]) -> bool {
    let is_content = |node: Node<'_>| contents.iter().any(|one| one.index() == node.index());
    let is_mark = |node: &Node<'_>| match node.data() {
        Data::Text(text) => means_rest(text),
        _ => Link.matches(node) && is_cut_mark(&node.text()),
    };
    let mut marks = item.descendants().filter(is_mark);
    marks.any(|mark| !iter::successors(Some(mark), Element::parent).any(is_content))
}

fn is_preformatted(node: &Node<'_>, preformatted: &[Selector]) -> bool {
    let mut classes = node
        .attr("class")
        .unwrap_or_default()
        .split_ascii_whitespace();
    node.attr("style").is_some_and(keeps_lines)
        // Of a framework whose style sheets are elsewhere.
        || classes.any(|class| class.starts_with("whitespace-pre"))
        || preformatted
            .iter()
            .any(|selector| selector.on_page().selects(*node))
}

/// Whether a page shows an element to nobody, or something in it that is no joke.
fn is_unseen(node: &Node<'_>, name: &str) -> bool {
    let style = node.attr("style").unwrap_or_default().replace(' ', "");
    let mut classes = node
        .attr("class")
        .unwrap_or_default()
        .split_ascii_whitespace();
    is_one_of(name, UNSEEN)
        || node.attr("hidden").is_some()
        || style.contains("display:none")
        || classes.any(|class| is_one_of(class, UNSEEN_CLASSES))
}

/// What line breaks in the source are.
#[derive(Clone, Copy)]
enum Whitespace {
    Folded,
    Kept,
    AsIs,
}

/// Collects what a reader sees.
struct Reader<'a> {
    text: String,
    /// The index of an element that is left out.
    without: Option<usize>,
    /// The indexes of elements that are headings, beside those that are by their name.
    headings: Vec<usize>,
    preformatted: &'a [Selector],
    /// Where links stand in the text.
    links: Vec<Range<usize>>,
    /// Where they or marks of the rest of the text stand.
    marks: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn new(preformatted: &[Selector]) -> Reader<'_> {
        Reader {
            text: String::new(),
            without: None,
            headings: Vec::new(),
            preformatted,
            links: Vec::new(),
            marks: Vec::new(),
        }
    }

    fn read(&mut self, node: &Node<'_>, whitespace: Whitespace) {
        let begin = self.text.len();
        match node.data() {
            Data::Comment(_) => {}
            Data::Text(data) => match whitespace {
                Whitespace::AsIs => self.text.push_str(data),
                Whitespace::Folded => self.text.push_str(&data.replace(['\n', '\r'], " ")),
                Whitespace::Kept => {
                    let lines = data.replace("\r\n", "\n");
                    self.text
                        .push_str(&lines.replace(['\n', '\r'], &BREAK.to_string()));
                }
            },
            Data::Element(..) => return self.read_element(node, whitespace),
        }
        if self.text.get(begin..).is_some_and(means_rest) {
            self.marks.push(begin..self.text.len());
        }
    }

    fn read_element(&mut self, node: &Node<'_>, whitespace: Whitespace) {
        let name = original_name(node.name().unwrap_or_default());
        if is_unseen(node, name) || Some(node.index()) == self.without {
            return;
        }
        match name {
            "br" => return self.text.push(BREAK),
            "hr" => return self.text.extend([BREAK, BREAK]),
            "img" => return self.text.push_str(face(node)),
            _ => {}
        }
        let around = match name {
            // Cells stand beside each other.
            "td" | "th" => " ",
            name if is_block(name) || self.headings.contains(&node.index()) => "\n",
            _ => "",
        };
        let whitespace = if name == "pre" || is_preformatted(node, self.preformatted) {
            Whitespace::Kept
        } else {
            whitespace
        };
        self.text.push_str(around);
        let begin = self.text.len();
        let is_named = is_one_of(name, HEADINGS) || self.headings.contains(&node.index());
        if is_named || is_bold_line(node, name) {
            self.text.push(HEADING);
        }
        for child in node.children() {
            self.read(&child, whitespace);
        }
        if Link.matches(node) || name == "button" {
            self.links.push(begin..self.text.len());
            self.marks.push(begin..self.text.len());
        }
        let content = self.text.get(begin..).unwrap_or_default();
        // What editors make of an empty line.
        if name == "p" && content.trim().is_empty() && content.contains(['\u{a0}', BREAK]) {
            self.text.extend([BREAK, BREAK]);
        }
        self.text.push_str(around);
    }

    /// The item, without the links at its end that are no words of it.
    fn item(mut self) -> Item {
        let is_link = self.is_link();
        let mut has_link_to_rest = false;
        while let Some(mark) = self.marks.pop() {
            let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
            let end = mark.end.min(self.text.len());
            // Inside one that is gone.
            if mark.start >= end {
                continue;
            }
            let is_filler =
                |c: char| c.is_whitespace() || c.is_ascii_digit() || "|·/-,[]()".contains(c);
            let is_last = part(end..self.text.len()).chars().all(is_filler);
            let whole = part(0..mark.start).trim_end();
            let before = whole.trim_end_matches("submitted by").trim_end();
            let text = part(mark.start..end).to_lowercase();
            let name = text.trim_matches(|c: char| !c.is_alphabetic());
            let goes_on = |c: char| c.is_alphanumeric() || "，,、：:；;（(“‘《".contains(c);
            let is_apart = !before.ends_with(goes_on)
                || is_one_of(name, TOOLS)
                || part(before.len()..mark.start).contains(['\n', BREAK]);
            let is_all = before.is_empty() && !whole.is_empty();
            // Not counted to the end for each of many links.
            let mut seen = before.chars().filter(|c| !c.is_whitespace());
            let is_joke = seen.nth(MIN_JOKE_CHARACTERS - 1).is_some();
            if is_last && is_cut_mark(&text) {
                has_link_to_rest = true;
            } else if is_last && is_apart && (is_all || is_joke) {
                let is_tool = TOOLS.split(' ').any(|tool| text.contains(tool));
                has_link_to_rest |= trails_off(before) && !is_tool;
            } else {
                break;
            }
            let end = before.len();
            self.text.truncate(end);
        }
        Item {
            has_link_to_rest,
            is_link,
            ..Item::of(self.text)
        }
    }

    /// Whether the text begins with a link that reads like a title, and has hardly anything else:
    /// a date, a number, more such links.
    fn is_link(&self) -> bool {
        let Some(first) = self.links.iter().map(|link| link.start).min() else {
            return false;
        };
        let letters = |text: Option<&str>| {
            text.map_or(0, |text| text.chars().filter(|c| c.is_alphabetic()).count())
        };
        let links = || self.links.iter().map(|link| self.text.get(link.clone()));
        let is_title = |link: Option<&str>| {
            let link = link.unwrap_or_default().trim();
            link.ends_with(|c: char| c.is_alphanumeric() || c == '》')
                && !link.contains(['\n', BREAK])
                && characters(link) <= MAX_LINK_CHARACTERS
        };
        let linked: usize = links().map(letters).sum();
        let others = letters(Some(&self.text)).saturating_sub(linked);
        letters(self.text.get(..first)) == 0
            && others < MIN_JOKE_CHARACTERS
            && links().all(is_title)
    }
}

/// Whether a paragraph is nothing but a short text in bold, as headings are made by hand.
fn is_bold_line(node: &Node<'_>, name: &str) -> bool {
    let is_filled = |child: &Node<'_>| match child.as_text() {
        Some(text) => !text.trim().is_empty(),
        None => child.is_element() && !child.is_called("br"),
    };
    let mut children = node.children().filter(is_filled);
    let (Some(only), None) = (children.next(), children.next()) else {
        return false;
    };
    is_one_of(name, "p div") && (only.is_called("b") || only.is_called("strong")) && {
        let text = only.text();
        characters(&text) <= MAX_LINK_CHARACTERS && !ends_sentence(text.trim())
    }
}

/// The text of a picture that stands for a face: `[笑哭]` or an emoji.
fn face<'a>(picture: &Node<'a>) -> &'a str {
    let name = picture.attr("alt").unwrap_or_default().trim();
    let is_named = name.starts_with('[') && name.ends_with(']');
    let is_emoji = !name.is_ascii() && !name.contains(char::is_alphanumeric);
    if (is_named || is_emoji) && name.chars().count() <= MAX_FACE_CHARACTERS {
        name
    } else {
        ""
    }
}
