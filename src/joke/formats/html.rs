//! Jokes on an HTML page.

use std::{collections::HashSet, ops::Range};

use select::{
    document::Document,
    node::{Data, Node},
    predicate::Name,
};

use super::{
    Layout, PageError,
    element::{Element, is_too_deep, name, outermost},
    item::{
        BREAK, HEADING, Item, LONG_MARK_BYTES, MAX_MARK_BYTES, MIN_JOKE_CHARACTERS, Truncation,
        are_more_words, ends_sentence, is_more_link, is_one_of, says_full_text, trails_off,
        visible_count,
    },
    limits,
    selector::Selector,
};

/// Elements whose text is not for readers.
const UNSEEN: &str = "\
    script style title noscript template textarea select svg iframe audio video object canvas";

/// Classes of elements with advertising or tools.
const UNSEEN_CLASSES: &str = "\
    ad ads advert advertisement adsbygoogle guanggao share bdsharebuttonbox pagination pager \
    breadcrumb";

/// Elements that begin and end a line.
pub(super) const BLOCKS: &str = "\
    address article aside blockquote caption center dd details dialog div dl dt \
    fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li \
    main menu nav ol p pre section summary table tr ul";

/// Elements that are headings of what follows. A single one divides nothing.
const HEADINGS: &str = "h1 h2 h3 h4 h5 h6 dt";

/// The other elements of HTML: none of them begins a line. A text with tags of either is HTML.
pub(super) const OTHER_ELEMENTS: &str = "\
    a abbr b big body br button cite code del em font head html i iframe img input ins kbd label \
    link mark meta nobr noscript option q rp rt ruby s script select small span strike strong \
    style sub sup svg tbody td tfoot th thead time title tt u var video wbr";

/// Tags that do not make a page of a text, since plain texts have them, too.
const IN_TEXTS: &str = "b br em font i p small span strong u";

/// Words in links at a joke's end that do not lead to the rest of it: comments, sharing, likes.
const TOOLS: &str = "评论 分享 收藏 赞 回复 举报 转发 复制 顶 踩 comment share reply";

/// Matches the element around all others.
const ROOT: Name<&str> = Name("html");

/// Characters at most of the name of a face that a page shows as a picture.
const MAX_FACE_CHARACTERS: usize = 10;

/// Characters of a label such as `看答案` at most, behind a question.
const MAX_LABEL_CHARACTERS: usize = 10;

/// Characters of a title at most, in a link or in bold; a longer text is a joke.
const MAX_LINK_CHARACTERS: usize = 30;

/// Rows of a table from which on each is an item.
const MIN_ROWS: usize = 3;

/// Rules of a page's style sheets followed at most; each is tried on every element.
const MAX_STYLE_RULES: usize = 20;

/// Returns the items on a page. If only one list or table is selected, its lines are the items. A
/// page that a link has led to is one item.
pub(super) fn items(html: &str, layout: &Layout) -> Result<Vec<Item>, PageError> {
    match (&layout.link, &layout.item, &layout.content) {
        (Some(_), _, None) => return Err(PageError::NoContentSelector),
        (None, None, _) => return Err(PageError::NoSelector("HTML")),
        _ => {}
    }
    let document = parse(html, " ")?;
    let mut nodes = match &layout.item {
        Some(item) if layout.link.is_none() => outermost(item.find(nodes(&document))),
        _ => document.find(ROOT).collect(),
    };
    if let [list] = nodes.as_slice() {
        let lines = lines(list);
        // Two rows may be a title and its joke.
        if lines.len() >= MIN_ROWS || !lines.is_empty() && !list.is_called("table") {
            nodes = lines;
        }
    }
    let is_block = nodes.len() == 1;
    // Classes that all items have are the site's names for jokes.
    let is_other = |node: &Node<'_>| is_unseen(node) || is_hidden(node);
    let has_others = layout.content.is_none() && !nodes.iter().all(is_other);
    let read = |node: &Node<'_>| {
        if has_others && is_other(node) {
            Item::default()
        } else {
            read_item(node, layout, is_block)
        }
    };
    Ok(nodes.iter().map(read).collect())
}

fn lines<'a>(list: &Node<'a>) -> Vec<Node<'a>> {
    let is_line = |node: &Node<'_>| node.is_called("li");
    match name(list) {
        "ol" | "ul" => list.children().filter(is_line).collect(),
        "table" => list.find(Name("tr")).collect(),
        _ => Vec::new(),
    }
}

/// Returns the title of a page.
pub(super) fn title(html: &str) -> Option<&str> {
    let is_title = |tag: &&str| is_one_of(tag.get(..5).unwrap_or_default(), "title");
    let (_, title) = html.split('<').skip(1).find(is_title)?.split_once('>')?;
    Some(title.trim())
}

/// Returns the page's base of URLs, and the URLs of the selected elements, or of the first link in
/// each.
pub(super) fn links(html: &str, selector: &Selector) -> Result<(String, Vec<String>), PageError> {
    let document = parse(html, " ")?;
    let found = outermost(selector.find(nodes(&document))).into_iter();
    let href = |node: &Node<'_>| node.attr("href").map(str::to_owned);
    let links =
        found.filter_map(|node| href(&node).or_else(|| href(&node.find(is_hyperlink).next()?)));
    let base = document.find(Name("base")).find_map(|base| href(&base));
    Ok((base.unwrap_or_default(), links.collect()))
}

/// Reads a piece of HTML as an item. Line ends in it are kept.
pub(super) fn fragment(html: &str) -> Item {
    // An HTML parser takes a CDATA section for a comment.
    let html = html.replace("<![CDATA[", "").replace("]]>", "");
    let Ok(document) = parse(&html, "\n") else {
        return Item::of(html);
    };
    let mut reader = Reader::default();
    for root in document.find(ROOT) {
        reader.read(&root);
    }
    reader.item()
}

/// Returns true if a text is a page, with a doctype or a tag. Without selectors, tags that plain
/// texts have as well, such as `<br>`, do not count.
pub(super) fn is_page(text: &str, has_selectors: bool) -> bool {
    let is_of_page = |tag: &str| {
        let (name, _) = split_name(tag.trim_start_matches('/'));
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && (has_selectors || !is_one_of(name, IN_TEXTS))
    };
    text.starts_with("<!d") || text.starts_with("<!D") || text.split('<').skip(1).any(is_of_page)
}

/// Returns true if a text has HTML in it: a known tag, or an entity.
pub(super) fn has_markup(text: &str) -> bool {
    let is_entity = |piece: &str| {
        let (name, rest) = split_name(piece);
        // Browsers read these without a `;`, too.
        let needs_no_end = name.starts_with("nbsp") || name.starts_with("quot");
        let is_number = piece.starts_with('#') && piece.len() > 2;
        needs_no_end || is_number || rest.starts_with(';') && (2..=8).contains(&name.len())
    };
    has_known_tag(text) || text.split('&').skip(1).any(is_entity)
}

/// Returns true if a text has a known tag, or one with a prefix as Word's `<o:p>`; `<3` is none.
pub(super) fn has_known_tag(text: &str) -> bool {
    let is_known = |tag: &str| {
        let (name, rest) = split_name(tag.trim_start_matches('/'));
        let attribute = rest.trim_start();
        let is_tag = attribute.starts_with(['/', '>'])
            || attribute.len() < rest.len() && attribute.starts_with(char::is_alphabetic);
        !name.is_empty() && rest.starts_with(':')
            || is_tag && (is_one_of(name, BLOCKS) || is_one_of(name, OTHER_ELEMENTS))
    };
    let is_other = |piece: &str| piece.starts_with("!--") || piece.starts_with("![CDATA[");
    let mut pieces = text.split('<').skip(1);
    text.contains('>') && pieces.any(|piece| is_other(piece) || is_known(piece))
}

/// Returns true if the tags in a text are its words, as in `The <div> was lonely.`: each is between
/// a space and another one or punctuation, and none is closed.
pub(super) fn speaks_of_tags(text: &str) -> bool {
    let is_word = |(at, _): (usize, &str)| {
        let (before, tag) = text.split_at(at);
        let goes_on = |(_, rest): (&str, &str)| rest.starts_with([' ', '.', ',', '?', '!']);
        before.ends_with([' ', '，', '、', '。'])
            && !tag.starts_with("</")
            && tag.split_once('>').is_some_and(goes_on)
    };
    has_known_tag(text) && text.match_indices('<').all(is_word)
}

/// Splits a text behind the letters and digits that it begins with, as the name of a tag.
fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric());
    text.split_at(end.unwrap_or(text.len()))
}

/// Parses a page. A line end in its texts becomes a [`BREAK`] where lines are kept, and `line_end`
/// elsewhere.
fn parse(html: &str, line_end: &str) -> Result<Document, PageError> {
    limits::check(html)?;
    let mut document = Document::from(limits::rename_tags(html).as_str());
    if is_too_deep(nodes(&document)) {
        return Err(PageError::TooDeep);
    }
    let preformatted = preformatted(&document);
    for node in &mut document.nodes {
        if let Data::Text(text) = &mut node.data {
            let is_preformatted = preformatted.contains(&node.index);
            let line_end = if is_preformatted {
                BREAK.to_string()
            } else {
                line_end.to_owned()
            };
            let unix = text.replace("\r\n", "\n");
            *text = unix.replace(['\n', '\r'], &line_end).into();
        }
    }
    Ok(document)
}

/// Yields all nodes, parents before their children.
pub(super) fn nodes(document: &Document) -> impl Iterator<Item = Node<'_>> + Clone {
    (0..document.nodes.len()).filter_map(|n| document.nth(n))
}

/// Returns the indexes of the nodes in which lines are kept: by `pre`, or `white-space: pre` or the
/// like in an attribute or a style sheet of the page, and all that is inside.
fn preformatted(document: &Document) -> HashSet<usize> {
    let sheets = document.find(Name("style"));
    let sheets: String = sheets.map(|sheet| sheet.text()).collect();
    let rules = sheets.split('}').filter_map(|rule| rule.split_once('{'));
    let selectors = rules
        .filter(|(_, declarations)| keeps_lines(declarations))
        .take(MAX_STYLE_RULES)
        .filter_map(|(selector, _)| Selector::for_page(selector.rsplit("*/").next()?).ok());
    let chosen = selectors.flat_map(|selector| selector.find(nodes(document)));
    let mut preformatted: HashSet<usize> = chosen.map(|node| node.index()).collect();
    for node in nodes(document) {
        let mut parent = node.parent().into_iter();
        let is_inside = parent.any(|parent| preformatted.contains(&parent.index()));
        if is_inside || is_preformatted(&node) {
            preformatted.insert(node.index());
        }
    }
    preformatted
}

fn keeps_lines(declarations: &str) -> bool {
    let declarations = declarations.to_lowercase().replace(char::is_whitespace, "");
    declarations.contains("white-space:pre") || declarations.contains("white-space:break-spaces")
}

/// Returns true for an `a` element that leads somewhere.
fn is_hyperlink(node: &Node<'_>) -> bool {
    node.is_called("a") && node.attr("href").is_some()
}

fn has_class(node: &Node<'_>, is_wanted: impl Fn(&str) -> bool) -> bool {
    let classes = node.attr("class").unwrap_or_default();
    classes.split_ascii_whitespace().any(is_wanted)
}

/// Reads the title and the content of an item. In the only item of a page, without a content
/// selector, several titles are headings of several jokes.
fn read_item(item: &Node<'_>, layout: &Layout, is_block: bool) -> Item {
    let chosen = |selector: &Selector| selector.find(item.descendants());
    let titles = layout.title.as_ref().map(chosen).unwrap_or_default();
    let contents = match &layout.content {
        Some(selector) => outermost(chosen(selector)),
        None => vec![*item],
    };
    let are_headings = is_block && titles.len() > 1 && layout.content.is_none();
    let (mut title_reader, mut reader) = (Reader::default(), Reader::default());
    if are_headings {
        reader.headings = titles.iter().map(Node::index).collect();
    } else if let Some(title) = titles.first() {
        title_reader.read(title);
        reader.without = Some(title.index());
    }
    for content in &contents {
        reader.text.push('\n');
        reader.read(content);
    }
    let mut found = reader.item();
    found.title = title_reader.text;
    // On a page that a link has led to, such a link leads elsewhere.
    let contents = contents.iter().map(Node::index).collect();
    if layout.link.is_none() && has_mark_beside(item, &contents) {
        found.truncation = found.truncation.max(Truncation::Possible);
    }
    found
}

/// Returns true if an item has a mark of the rest of the joke outside its contents.
fn has_mark_beside(node: &Node<'_>, contents: &HashSet<usize>) -> bool {
    let is_mark = || match node.data() {
        Data::Text(text) => are_more_words(text),
        _ => is_hyperlink(node) && is_more_link(&node.text()),
    };
    let is_beside = |child: Node<'_>| has_mark_beside(&child, contents);
    !contents.contains(&node.index()) && (is_mark() || node.children().any(is_beside))
}

fn is_preformatted(node: &Node<'_>) -> bool {
    node.is_called("pre")
        || node.attr("style").is_some_and(keeps_lines)
        // Classes of Tailwind, whose style sheets are elsewhere.
        || has_class(node, |class| class.starts_with("whitespace-pre"))
}

/// Returns true for an element that has something else than a joke in it.
fn is_unseen(node: &Node<'_>) -> bool {
    is_one_of(name(node), UNSEEN) || has_class(node, |class| is_one_of(class, UNSEEN_CLASSES))
}

/// Returns true for an element that a page hides.
fn is_hidden(node: &Node<'_>) -> bool {
    let style = node.attr("style").unwrap_or_default().replace(' ', "");
    node.attr("hidden").is_some() || style.contains("display:none")
}

/// What may lead to the rest of a joke.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Words such as `查看全文`.
    Words,
    /// A link or a button.
    Link,
    /// A link that a blog puts behind an excerpt, or that shows an answer.
    More,
}

/// Collects the text that a reader of the page sees.
#[derive(Default)]
struct Reader {
    text: String,
    /// Index of an element to leave out.
    without: Option<usize>,
    /// Indexes of elements that are headings, in addition to those with the name of one.
    headings: Vec<usize>,
    /// Marks, each with its range in the text.
    marks: Vec<(Range<usize>, Mark)>,
}

impl Reader {
    /// Reads a node that a selector has chosen, or that is seen.
    fn read(&mut self, node: &Node<'_>) {
        match node.data() {
            Data::Element(..) if Some(node.index()) != self.without => self.read_element(node),
            Data::Element(..) | Data::Comment(_) => {}
            Data::Text(data) => {
                let begin = self.text.len();
                self.text.push_str(data);
                if are_more_words(data) {
                    self.marks.push((begin..self.text.len(), Mark::Words));
                }
            }
        }
    }

    /// Returns a part of the text that is read.
    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn read_element(&mut self, node: &Node<'_>) {
        let name = name(node);
        let is_chosen_heading = self.headings.contains(&node.index());
        let around = match name {
            "br" => return self.text.push(BREAK),
            "hr" => return self.text.extend([BREAK, BREAK]),
            "img" => return self.text.push_str(face(node)),
            // Cells of a row share a line.
            "td" | "th" => " ",
            _ if is_chosen_heading || is_one_of(name, BLOCKS) => "\n",
            _ => "",
        };
        self.text.push_str(around);
        let begin = self.text.len();
        if is_chosen_heading || is_one_of(name, HEADINGS) || is_bold_line(node) {
            self.text.push(HEADING);
        }
        // The readings of characters, without brackets (`rp`) of their own.
        let is_bare_ruby = name == "ruby" && !node.children().any(|child| child.is_called("rp"));
        for child in node.children().filter(|child| !is_unseen(child)) {
            let is_reading = is_bare_ruby && child.is_called("rt");
            let is_seen = !is_reading && (!is_hidden(&child) || self.take_answer_label());
            if is_seen {
                self.read(&child);
            }
        }
        let content = self.part(begin..self.text.len());
        match name {
            "a" | "button" => {
                let leads_on = |href: &str| href.contains("#more-");
                let is_more = names_answer(content) || node.attr("href").is_some_and(leads_on);
                let mark = if is_more { Mark::More } else { Mark::Link };
                self.marks.push((begin..self.text.len(), mark));
            }
            // Editors make `<p>&nbsp;</p>` or `<p><br></p>` of an empty line.
            "p" if content.trim().is_empty() && content.contains(['\u{a0}', BREAK]) => {
                self.text.extend([BREAK, BREAK]);
            }
            _ => {}
        }
        self.text.push_str(around);
    }

    /// Removes `看答案` or the like from the text's end, and returns true if a question is before it:
    /// what is hidden next is the answer.
    fn take_answer_label(&mut self) -> bool {
        let mut end = self.text.char_indices().rev().take(MAX_LABEL_CHARACTERS);
        let asked = end.find(|(_, c)| "？?".contains(*c));
        let label = asked.map(|(at, c)| at + c.len_utf8());
        let Some(label) = label.filter(|at| {
            let label = self.part(*at..self.text.len());
            label.contains('答') || names_answer(label)
        }) else {
            return false;
        };
        self.text.truncate(label);
        self.text.push(BREAK);
        while self.marks.pop_if(|(range, _)| range.end > label).is_some() {}
        true
    }

    /// Returns the item without links at its end. Such a link has only digits and symbols after it,
    /// and
    ///
    /// - is a mark, as in `说到一半…<a>查看全文</a>`, or comes after dots and is none of [`TOOLS`]: then
    ///   the item has a link to the rest;
    /// - or is apart from a text that is long enough, as in `很完整的一个笑话。<a>评论</a> (12)`, or has only
    ///   Reddit's `submitted by` before it.
    ///
    /// A link that is a part of a sentence stays: `他说的是：<a>你好</a>`.
    fn item(mut self) -> Item {
        let is_link = self.is_link();
        let mut truncation = if self.is_excerpt() {
            Truncation::Certain
        } else {
            Truncation::No
        };
        while let Some((range, mark)) = self.marks.pop() {
            // It was inside a link that is removed.
            if range.start >= self.text.len() {
                continue;
            }
            let Some((end, found)) = self.end_before(range, mark) else {
                break;
            };
            truncation = truncation.max(found);
            self.text.truncate(end);
        }
        Item {
            truncation,
            is_link,
            ..Item::of(self.text)
        }
    }

    /// Yields the ranges of links and buttons.
    fn links(&self) -> impl Iterator<Item = Range<usize>> {
        let links = self.marks.iter().filter(|(_, mark)| *mark != Mark::Words);
        links.map(|(range, _)| range.clone())
    }

    /// Returns true if all of the text is a link and trails off: `<a>从前有座山...</a>`.
    fn is_excerpt(&self) -> bool {
        let text = self.text.trim();
        trails_off(text) && self.links().any(|link| self.part(link).trim() == text)
    }

    /// Returns where the text ends before a mark, and what the mark says of the rest of the joke;
    /// `None` if it stays.
    fn end_before(&self, range: Range<usize>, mark: Mark) -> Option<(usize, Truncation)> {
        let (start, end) = (range.start, range.end.min(self.text.len()));
        let is_filler =
            |c: char| c.is_whitespace() || c.is_ascii_digit() || "|·/-,[]()".contains(c);
        if !self.part(end..self.text.len()).chars().all(is_filler) {
            return None;
        }
        let whole = self.part(0..start).trim_end();
        let before = whole.trim_end_matches("submitted by").trim_end();
        let text = self.part(start..end).to_lowercase();
        // As words alone it may be the joke's end: `你的爱好是什么？` `阅读`.
        let stands_out = mark != Mark::Words
            || trails_off(before)
            || text.len() >= LONG_MARK_BYTES && !before.ends_with(['？', '?']);
        let leads_to_rest = mark == Mark::More || stands_out && is_more_link(&text);
        let name = text.trim_matches(|c: char| !c.is_alphabetic());
        let goes_on = |c: char| c.is_alphanumeric() || "，,、：:；;（(“‘《".contains(c);
        let is_apart = !before.ends_with(goes_on)
            || is_one_of(name, TOOLS)
            || self.part(before.len()..start).contains(['\n', BREAK]);
        let is_all = before.is_empty() && !whole.is_empty();
        // Stops counting early: there may be many links.
        let mut seen = before.chars().filter(|c| !c.is_whitespace());
        let is_joke = seen.nth(MIN_JOKE_CHARACTERS - 1).is_some();
        if !leads_to_rest && !(mark == Mark::Link && is_apart && (is_all || is_joke)) {
            return None;
        }
        let is_tool = TOOLS.split(' ').any(|tool| text.contains(tool));
        // Authors write `……`, sites `...` or `…`.
        let is_cut =
            trails_off(before) && !before.ends_with("……") && !is_tool || text.contains("下一页");
        let rest = match mark {
            _ if !leads_to_rest && !is_cut => Truncation::No,
            Mark::More => Truncation::Certain,
            Mark::Link if says_full_text(&text) => Truncation::Certain,
            Mark::Link | Mark::Words => Truncation::Possible,
        };
        Some((before.len(), rest))
    }

    /// Returns true if the text is a link that reads like a title, and hardly anything else but a
    /// date, a number or more such links: `<a>买菜记</a> 2024-01-02`.
    fn is_link(&self) -> bool {
        let letters = |range: Range<usize>| {
            let text = self.part(range).chars();
            text.filter(|c| c.is_alphabetic()).count()
        };
        let is_title = |range: Range<usize>| {
            let link = self.part(range).trim();
            link.ends_with(|c: char| c.is_alphanumeric() || c == '》')
                && !link.contains(['\n', BREAK])
                && visible_count(link) <= MAX_LINK_CHARACTERS
        };
        let linked: usize = self.links().map(letters).sum();
        let others = letters(0..self.text.len()).saturating_sub(linked);
        let first_letter = self.text.find(char::is_alphabetic);
        let is_first = |link: Range<usize>| first_letter.is_none_or(|at| link.start <= at);
        others < MIN_JOKE_CHARACTERS && self.links().any(is_first) && self.links().all(is_title)
    }
}

/// Returns true for the few words of a button or a link that shows an answer.
fn names_answer(label: &str) -> bool {
    let words = ["答案", "谜底", "nswer", "unchline"];
    label.len() <= MAX_MARK_BYTES && words.iter().any(|word| label.contains(word))
}

/// Returns true for a heading made by hand, a short text in bold alone: `<p><b>第一则</b></p>`.
fn is_bold_line(node: &Node<'_>) -> bool {
    let is_filled = |child: &Node<'_>| match child.as_text() {
        Some(text) => !text.trim().is_empty(),
        None => child.is_element() && !child.is_called("br"),
    };
    let filled: Vec<Node<'_>> = node.children().filter(is_filled).collect();
    let [only] = filled.as_slice() else {
        return false;
    };
    is_one_of(name(node), "p div") && is_one_of(name(only), "b strong") && {
        let text = only.text();
        visible_count(&text) <= MAX_LINK_CHARACTERS && !ends_sentence(text.trim())
    }
}

/// Returns the text of a picture that is a face, `[笑哭]` or an emoji; of others, nothing.
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
