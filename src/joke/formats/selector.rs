//! Selectors that the owner writes: of elements of HTML and XML, or paths into JSON.

use std::{collections::HashSet, iter};

use select::{node::Node, predicate::Predicate};

use super::element::Element;

mod parse;

pub(crate) use self::parse::{Mistake, SelectorError};

/// A parsed selector, such as `dl.list > dd` or, inside an item, `> dd`. On a page of JSON, its
/// text is read as paths instead, such as `data.list` or `a.x,a.y`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    text: String,
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

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the paths into JSON, each a list of keys: `data`, `0` and `a` for `data[0].a`.
    pub(super) fn paths(&self) -> Vec<Vec<&str>> {
        let paths = self.text.split(',').map(str::trim);
        let keys = paths.map(|path| path.split(['.', '[']));
        keys.map(|keys| keys.map(|key| key.trim_end_matches(']')).collect())
            .collect()
    }

    /// Returns the predicate for the elements of a whole page.
    pub(super) fn on_page(&self) -> Within<'_> {
        Within {
            selector: self,
            scope: None,
        }
    }

    /// Returns the indexes of the selected elements of a whole page, in which parents come before
    /// their children. One pass costs less than asking for each element.
    pub(super) fn all<E: Element>(
        &self,
        page: &(impl Iterator<Item = E> + Clone),
    ) -> HashSet<usize> {
        let mut selected = HashSet::new();
        for steps in &self.chains {
            let mut all: Vec<Reached> = Vec::new();
            for element in page.clone() {
                let parent = element.parent().and_then(|parent| all.get(parent.index()));
                let reached = match parent {
                    Some(parent) => parent.enter(steps, element),
                    None => Reached::nothing(steps).enter(steps, element),
                };
                if reached.is_end() {
                    selected.insert(element.index());
                }
                all.push(reached);
            }
        }
        selected
    }

    /// Returns the predicate for the elements inside `item`; what is around it does not count.
    pub(super) fn inside(&self, item: &impl Element) -> Within<'_> {
        Within {
            selector: self,
            scope: Some(item.index()),
        }
    }
}

/// A selector together with the element it is confined to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within<'a> {
    selector: &'a Selector,
    scope: Option<usize>,
}

impl Within<'_> {
    pub(super) fn selects(&self, element: impl Element) -> bool {
        let mut chains = self.selector.chains.iter();
        chains.any(|steps| self.ends_at(steps, element))
    }

    /// Returns true if the steps lead from the scope to the element. Walks down to it once, at a
    /// cost of depth times steps; trying every ancestor for every step could cost depth to the
    /// power of steps.
    fn ends_at<E: Element>(&self, steps: &[Step], element: E) -> bool {
        if !steps.last().is_some_and(|last| last.fits(element)) {
            return false;
        }
        let mut path: Vec<E> = iter::successors(Some(element), E::parent)
            .take_while(|element| Some(element.index()) != self.scope)
            .collect();
        path.reverse();
        let reached = Reached::nothing(steps);
        path.into_iter()
            .fold(reached, |reached, element| reached.enter(steps, element))
            .is_end()
    }
}

/// The steps of a chain that lead down to an element. Entry n is true where the first n steps end,
/// entry 0 at the scope: in `above` if any ancestor or the element itself is such an element, in
/// `here` if it is itself. For `dl > dd`, a `dl` has entry 1.
struct Reached {
    above: Vec<bool>,
    here: Vec<bool>,
}

impl Reached {
    fn nothing(steps: &[Step]) -> Self {
        let here: Vec<bool> = iter::once(true)
            .chain(steps.iter().map(|_| false))
            .collect();
        Self {
            above: here.clone(),
            here,
        }
    }

    /// Returns the steps that lead to an element whose parent these lead to.
    fn enter(&self, steps: &[Step], element: impl Element) -> Self {
        let here: Vec<bool> = iter::once(false)
            .chain(steps.iter().zip(self.above.iter().zip(&self.here)).map(
                |(step, (above, parent))| match step.link {
                    Link::Descendant => *above && step.fits(element),
                    Link::Child => *parent && step.fits(element),
                },
            ))
            .collect();
        let above = self.above.iter().zip(&here);
        Self {
            above: above.map(|(above, here)| above | here).collect(),
            here,
        }
    }

    fn is_end(&self) -> bool {
        self.here.last().copied().unwrap_or(false)
    }
}

impl Predicate for Within<'_> {
    fn matches(&self, node: &Node<'_>) -> bool {
        self.selects(*node)
    }
}

/// One element of a chain, and its relation to the one before or to the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    link: Link,
    tests: Vec<Test>,
}

impl Step {
    fn fits(&self, element: impl Element) -> bool {
        element.is_element() && self.tests.iter().all(|test| test.passes(element))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Descendant,
    Child,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Tag(String),
    Class(String),
    Attr(String, Value),
}

impl Test {
    fn passes(&self, element: impl Element) -> bool {
        match self {
            Test::Tag(tag) => element.is_called(tag),
            Test::Class(class) => element
                .attribute("class")
                .is_some_and(|classes| classes.split_ascii_whitespace().any(|one| one == class)),
            Test::Attr(name, value) => element.attribute(name).is_some_and(|found| match value {
                Value::Any => true,
                Value::Is(wanted) => found == wanted,
                Value::Begins(wanted) => found.starts_with(wanted.as_str()),
                Value::Contains(wanted) => found.contains(wanted.as_str()),
            }),
        }
    }
}

/// Condition on an attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Any,
    Is(String),
    Begins(String),
    Contains(String),
}

#[cfg(test)]
mod tests {
    use select::document::Document;

    use super::{super::limits, *};

    const PAGE: &str = r#"<div id=top class="list  hot"><dl class=joke><dt><span class=title><a href="/detail/1">one</a></span><dd id=1 class=text>first<dd id=2><span><dd></span></dl></div>
        <p class=Hot data-kind="a b">x</p><ul><li><ul><li id=inner>y</ul></ul>"#;

    fn ids_and_names(selector: &str) -> Vec<String> {
        let document = Document::from(PAGE);
        let selector = Selector::for_page(selector).unwrap();
        document
            .find(selector.on_page())
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
            assert_eq!(document.find(selector.on_page()).count(), 1);
        }
    }

    #[test]
    fn html_and_body_are_found_where_the_parser_made_them() {
        for page in ["<p>x", "<html><head><title>t</title></head><body><p>x"] {
            let page = limits::rename_tags(page);
            let document = Document::from(page.as_str());
            for selector in ["body > p", "html body p", "HTML > * p"] {
                let selector = Selector::for_page(selector).unwrap();
                assert_eq!(document.find(selector.on_page()).count(), 1, "{page}");
            }
        }
    }

    #[test]
    fn inside_an_item_only_what_is_inside_counts() {
        let document = Document::from("<dl class=x><dt><span><dd>a</span></dt><dd>b</dl><dd>c");
        let item = document.find(select::predicate::Name("dl")).next().unwrap();
        let count = |selector| {
            let selector = Selector::for_item(selector).unwrap();
            item.find(selector.inside(&item)).count()
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
        assert_eq!(document.find(selector.on_page()).count(), 0);
    }
}
