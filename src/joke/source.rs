//! Sources of jokes: the known ones and a custom one.

use super::{
    formats::{Layout, selector::Selector},
    url::PageUrl,
};

/// A site with jokes, and how to find them on its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of a known source, or `custom`.
    pub(crate) name: &'static str,
    /// URL of its pages.
    pub(crate) url: PageUrl,
    /// Charset of its pages, and selectors of the jokes on them.
    pub layout: Layout,
}

/// The known sources, in the order in which they are tried: name, URL, and the selectors of item,
/// title and content, of which an empty one is none.
const KNOWN: [(&str, &str, [&str; 3]); 4] = [
    (
        "qiushidabaike",
        "https://qiushidabaike.com/text_{1-50}.html",
        ["dl.main-list", "dt span.title a", "dd.content"],
    ),
    (
        "zol",
        "https://xiaohua.zol.com.cn/lengxiaohua/{1-50}.html",
        [
            "li.article-summary",
            "span.article-title a",
            "div.summary-text",
        ],
    ),
    (
        "biedoul",
        "https://www.biedoul.com/wenzi/{1-50}/",
        ["dl.xhlist", "strong", "> dd"],
    ),
    (
        "60s",
        "https://60s.viki.moe/v2/duanzi?encoding=json",
        ["data.duanzi", "", ""],
    ),
];

impl Source {
    /// Returns all known sources, in the order in which they are tried.
    pub fn known() -> Vec<Source> {
        let source = |(name, url, [item, title, content]): (_, &str, [&str; 3])| {
            Some(Source {
                name,
                url: url.parse().ok()?,
                layout: Layout {
                    charset: None,
                    link: None,
                    item: Selector::for_page(item).ok(),
                    title: Selector::for_item(title).ok(),
                    content: Selector::for_item(content).ok(),
                },
            })
        };
        // A test checks that each can be parsed.
        KNOWN.into_iter().filter_map(source).collect()
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
