//! Where jokes come from: the known sources and a custom one.

use super::{
    formats::{charset::Charset, selector::Selector},
    url::PageUrl,
};

/// A site with jokes, and how to find them on its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of a known source, or `custom`.
    pub(crate) name: &'static str,
    /// Where its pages are.
    pub(crate) url: PageUrl,
    /// How to find jokes on them; without, only plain text can be read.
    pub(crate) rules: Option<Rules>,
    /// The charset of its pages, where they say it wrongly.
    pub(crate) charset: Option<Charset>,
}

/// What is a joke on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Selects each item on the page.
    pub(crate) item: Selector,
    /// Selects the title in an item.
    pub(crate) title: Option<Selector>,
    /// Selects the text in an item; without, all of it but the title is the joke.
    pub(crate) content: Option<Selector>,
}

struct Known {
    name: &'static str,
    url: &'static str,
    /// Selectors of item, title and content.
    rules: Option<[&'static str; 3]>,
}

/// The known sources, in the order in which they are tried.
const KNOWN: [Known; 4] = [
    Known {
        name: "qiushidabaike",
        url: "https://qiushidabaike.com/text_{1-50}.html",
        rules: Some(["dl.main-list", "dt span.title a", "dd.content"]),
    },
    Known {
        name: "zol",
        url: "https://xiaohua.zol.com.cn/lengxiaohua/{1-50}.html",
        rules: Some([
            "li.article-summary",
            "span.article-title a",
            "div.summary-text",
        ]),
    },
    Known {
        name: "biedoul",
        url: "https://www.biedoul.com/wenzi/{1-50}/",
        rules: Some(["dl.xhlist", "strong", "> dd"]),
    },
    Known {
        name: "60s",
        url: "https://60s.viki.moe/v2/duanzi?encoding=text",
        rules: None,
    },
];

impl Source {
    /// All known sources, in the order in which they are tried.
    pub fn known() -> Vec<Source> {
        KNOWN.iter().filter_map(Known::source).collect()
    }
}

impl Known {
    /// The source, if its URL and selectors can be parsed; a test sees to that.
    fn source(&self) -> Option<Source> {
        let rules = match self.rules {
            Some([item, title, content]) => Some(Rules {
                item: Selector::for_page(item).ok()?,
                title: Some(Selector::for_item(title).ok()?),
                content: Some(Selector::for_item(content).ok()?),
            }),
            None => None,
        };
        Some(Source {
            name: self.name,
            url: self.url.parse().ok()?,
            rules,
            charset: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_source_can_be_parsed_and_has_pages() {
        let known = Source::known();
        assert_eq!(known.len(), KNOWN.len());
        for source in known {
            let url = source.url.page(|pages| {
                assert_eq!(pages, 1..=50);
                7
            });
            assert!(url.starts_with("https://"));
            assert_eq!(url.contains('7'), source.name != "60s", "{url}");
        }
    }
}
