//! Where jokes come from: the known sources and a custom one.

use super::{
    formats::{
        charset::Charset,
        selector::{Selector, SelectorError},
    },
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

/// The known sources, in the order in which they are tried: name, URL, and the selectors of item,
/// title and content; none of them for plain text.
const KNOWN: [(&str, &str, Option<[&str; 3]>); 4] = [
    (
        "qiushidabaike",
        "https://qiushidabaike.com/text_{1-50}.html",
        Some(["dl.main-list", "dt span.title a", "dd.content"]),
    ),
    (
        "zol",
        "https://xiaohua.zol.com.cn/lengxiaohua/{1-50}.html",
        Some([
            "li.article-summary",
            "span.article-title a",
            "div.summary-text",
        ]),
    ),
    (
        "biedoul",
        "https://www.biedoul.com/wenzi/{1-50}/",
        Some(["dl.xhlist", "strong", "> dd"]),
    ),
    ("60s", "https://60s.viki.moe/v2/duanzi?encoding=text", None),
];

impl Source {
    /// All known sources, in the order in which they are tried.
    pub fn known() -> Vec<Source> {
        let source = |(name, url, selectors): (_, &str, Option<[&str; 3]>)| {
            Some(Source {
                name,
                url: url.parse().ok()?,
                rules: match selectors {
                    Some(selectors) => Some(Rules::parse(selectors).ok()?),
                    None => None,
                },
                charset: None,
            })
        };
        // A test sees to it that each can be parsed.
        KNOWN.into_iter().filter_map(source).collect()
    }
}

impl Rules {
    fn parse([item, title, content]: [&str; 3]) -> Result<Rules, SelectorError> {
        Ok(Rules {
            item: Selector::for_page(item)?,
            title: Some(Selector::for_item(title)?),
            content: Some(Selector::for_item(content)?),
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
