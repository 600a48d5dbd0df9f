//! Selectors that the owner writes: of elements of HTML and XML, or paths into JSON.

use std::{collections::HashSet, mem};

use super::element::Element;

mod parse;

pub(crate) use self::parse::{Mistake, SelectorError};

/// A parsed selector, such as `dl.list > dd` or, inside an item, `> dd`. On a page of JSON, its
/// text is read as paths instead, such as `data.list` or `a.x,a.y`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(super) text: String,
    /// Alternatives, divided by commas in the text.
    chains: Vec<Vec<Step>>,
}

impl Selector {
    /// Parses a selector for a whole page.
    pub(crate) fn for_page(text: &str) -> Result<Selector, SelectorError> {
        Self::parse(text, false)
    }

    /// Parses a selector for the inside of an item; it may begin with `>`.
    pub(crate) fn for_item(text: &str) -> Result<Selector, SelectorError> {
        Self::parse(text, true)
    }

    /// Parses a selector, without what JSON paths often have: `$.` first, or `[*]` for "each".
    fn parse(text: &str, is_in_item: bool) -> Result<Selector, SelectorError> {
        let text = text.strip_prefix("$.").unwrap_or(text).replace("[*]", "");
        Ok(Selector {
            text: text.trim().to_owned(),
            chains: parse::chains(&text, is_in_item)?,
        })
    }

    /// Returns the paths into JSON, each a list of keys: `data`, `0` and `a` for `data[0].a`.
    pub(super) fn paths(&self) -> Vec<Vec<&str>> {
        let paths = self.text.split(',').map(str::trim);
        let keys = paths.map(|path| path.split(['.', '[']));
        keys.map(|keys| keys.map(|key| key.trim_end_matches(']')).collect())
            .collect()
    }

    /// Returns the selected elements among these nodes, which are all those of a page or all those
    /// inside an item, parents before their children.
    pub(super) fn find<E: Element>(&self, nodes: impl Iterator<Item = E> + Clone) -> Vec<E> {
        let chains = self.chains.iter();
        let found = chains.flat_map(|steps| ends(steps, &nodes));
        let found: HashSet<_> = found.collect();
        let is_found = |node: &E| found.contains(&Some(node.index()));
        nodes.filter(is_found).collect()
    }
}

/// Returns the indexes of the nodes to which the steps lead, beginning around all the nodes. One
/// pass for each step costs less than trying what is around a node: that could cost its depth to
/// the power of steps.
fn ends<E: Element>(
    steps: &[Step],
    nodes: &(impl Iterator<Item = E> + Clone),
) -> HashSet<Option<usize>> {
    let parent = |node: E| node.parent().map(|parent| parent.index());
    let mut ends = HashSet::from([nodes.clone().next().and_then(parent)]);
    for step in steps {
        let mut around = mem::take(&mut ends);
        for node in nodes.clone() {
            let is_inside = around.contains(&parent(node));
            if is_inside && !step.is_child {
                around.insert(Some(node.index()));
            }
            if is_inside && step.fits(node) {
                ends.insert(Some(node.index()));
            }
        }
    }
    ends
}

/// One element of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Set if it is directly inside the one before or the scope.
    is_child: bool,
    /// Its name; empty for any.
    tag: String,
    /// Names of attributes, and what their values are compared with.
    attributes: Vec<(String, Operator, String)>,
}

impl Step {
    fn fits(&self, element: impl Element) -> bool {
        let mut attributes = self.attributes.iter();
        element.is_element()
            && (self.tag.is_empty() || element.is_called(&self.tag))
            && attributes.all(|(name, operator, value)| {
                let found = element.attribute(name);
                found.is_some_and(|found| operator.compares(found, value))
            })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Is,
    Begins,
    Contains,
    /// As classes do.
    HasWord,
}

impl Operator {
    fn compares(self, found: &str, value: &str) -> bool {
        match self {
            Operator::Is => found == value,
            Operator::Begins => found.starts_with(value),
            Operator::Contains => found.contains(value),
            Operator::HasWord => found.split_ascii_whitespace().any(|word| word == value),
        }
    }
}

#[cfg(test)]
mod tests {
    use select::document::Document;

    use super::{
        super::{html::nodes, limits},
        *,
    };

    const PAGE: &str = r#"<div id=top class="list  hot"><dl class=joke><dt><span class=title><a href="/detail/1">one</a></span><dd id=1 class=text>first<dd id=2><span><dd></span></dl></div>
        <p class=Hot data-kind="a b">x</p><ul><li><ul><li id=inner>y</ul></ul>"#;

    fn ids_and_names(selector: &str) -> Vec<String> {
        let document = Document::from(PAGE);
        let selector = Selector::for_page(selector).unwrap();
        let found = selector.find(nodes(&document)).into_iter();
        found
            .map(|node| match node.attr("id") {
                Some(id) => format!("{}#{id}", node.name().unwrap()),
                None => node.name().unwrap().to_owned(),
            })
            .collect()
    }

    #[test]
    fn finds_what_css_would_find() {
        for (selector, found) in [
            ("dl", vec!["dl"]),
            ("DL.joke", vec!["dl"]),
            (".list.hot", vec!["div#top"]),
            (".hot", vec!["div#top"]),
            ("#top", vec!["div#top"]),
            ("div#top.hot", vec!["div#top"]),
            ("[href]", vec![]),
            ("[data-kind]", vec!["p"]),
            ("[data-kind=a]", vec![]),
            ("[data-kind='a b']", vec!["p"]),
            ("[ data-kind = \"a b\" ]", vec!["p"]),
            ("[data-kind=a b]", vec!["p"]),
            ("[DATA-KIND^=a]", vec!["p"]),
            ("[data-kind*=' ']", vec!["p"]),
            ("[data-kind^=b]", vec![]),
            ("dl > dd", vec!["dd#1", "dd#2", "dd"]),
            ("div>dd", vec![]),
            ("div dd[id]", vec!["dd#1", "dd#2"]),
            ("div dt .title", vec!["span"]),
            ("ul > li > ul li", vec!["li#inner"]),
            ("ul li li", vec!["li#inner"]),
            ("ul li li li", vec![]),
            (
                "div *",
                vec!["dl", "dt", "span", "a", "dd#1", "dd#2", "span", "dd"],
            ),
        ] {
            let found: Vec<_> = found.into_iter().filter(|one| *one != "a").collect();
            let mut got = ids_and_names(selector);
            got.retain(|one| one != "a");
            assert_eq!(got, found, "{selector}");
        }
    }

    #[test]
    fn tags_that_are_renamed_before_parsing_are_found_under_their_own_name() {
        let page = limits::rename_tags("<B><i>x</i></B><body><a href=/y>z</a>");
        let document = Document::from(page.as_str());
        for selector in ["b", "b > i", "body a[href='/y']"] {
            let selector = Selector::for_page(selector).unwrap();
            assert_eq!(selector.find(nodes(&document)).len(), 1);
        }
    }

    #[test]
    fn html_and_body_are_found_where_the_parser_made_them() {
        for page in ["<p>x", "<html><head><title>t</title></head><body><p>x"] {
            let page = limits::rename_tags(page);
            let document = Document::from(page.as_str());
            for selector in ["body > p", "html body p", "HTML > * p"] {
                let selector = Selector::for_page(selector).unwrap();
                assert_eq!(selector.find(nodes(&document)).len(), 1, "{page}");
            }
        }
    }

    #[test]
    fn inside_an_item_only_what_is_inside_counts() {
        let document = Document::from("<dl class=x><dt><span><dd>a</span></dt><dd>b</dl><dd>c");
        let item = document.find(select::predicate::Name("dl")).next().unwrap();
        let count = |selector| {
            let selector = Selector::for_item(selector).unwrap();
            selector.find(item.descendants()).len()
        };
        assert_eq!(count("dd"), 2);
        assert_eq!(count("> dd"), 2);
        assert_eq!(count(" >dt span"), 1);
        assert_eq!(count("> span"), 0);
        assert_eq!(count("dl dd"), 0);
        assert_eq!(count(".x"), 0);
    }

    #[test]
    fn deep_pages_with_many_chances_are_walked_in_no_time() {
        let page = "<div class=a>".repeat(500);
        let document = Document::from(page.as_str());
        let selector = ".a ".repeat(20) + "> .b .a";
        let selector = Selector::for_page(&selector).unwrap();
        assert_eq!(selector.find(nodes(&document)).len(), 0);
    }
}
