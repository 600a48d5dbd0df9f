//! Where jokes come from: the known sources and a custom one.

use std::fmt;
use std::ops::RangeInclusive;

use super::charset::Charset;
use super::selector::{Selector, SelectorError};
use super::url::{Url, UrlError};

/// The names of the known sources, in the order in which they are tried.
pub const KNOWN_SOURCES: [&str; 4] = ["qiushidabaike", "zol", "biedoul", "60s"];

/// A site with jokes, and how to find them on its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    url: Url,
    rules: Option<Rules>,
    charset: Option<Charset>,
}

/// What is a joke on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) item: Selector,
    pub(super) title: Option<Selector>,
    pub(super) content: Option<Selector>,
}

impl Source {
    /// The known source with this name.
    #[must_use]
    pub fn known(name: &str) -> Option<Source> {
        let (url, [item, title, content]) = match name {
            "qiushidabaike" => (
                "https://qiushidabaike.com/text_{1-50}.html",
                ["dl.main-list", "dt span.title a", "dd.content"],
            ),
            "zol" => (
                "https://xiaohua.zol.com.cn/lengxiaohua/{1-50}.html",
                [
                    "li.article-summary",
                    "span.article-title a",
                    "div.summary-text",
                ],
            ),
            "biedoul" => (
                "https://www.biedoul.com/wenzi/{1-50}/",
                ["dl.xhlist", "strong", "> dd"],
            ),
            "60s" => ("https://60s.viki.moe/v2/duanzi?encoding=text", [""; 3]),
            _ => return None,
        };
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let mut source =
            Source::custom(url, given(item), given(title), given(content), None).ok()?;
        name.clone_into(&mut source.name);
        Some(source)
    }

    /// A source of one's own. Without an item selector only `text/plain` pages can be read;
    /// without a content selector all of an item but its title is the joke.
    pub fn custom(
        url: &str,
        item: Option<&str>,
        title: Option<&str>,
        content: Option<&str>,
        charset: Option<&str>,
    ) -> Result<Source, SourceError> {
        let url = Url::parse(url).map_err(SourceError::Url)?;
        let title = inner(title).map_err(SourceError::Title)?;
        let content = inner(content).map_err(SourceError::Content)?;
        let rules = match item {
            Some(item) => Some(Rules {
                item: Selector::for_page(item).map_err(SourceError::Item)?,
                title,
                content,
            }),
            None if title.is_some() || content.is_some() => return Err(SourceError::NoItem),
            None => None,
        };
        let charset = charset
            .map(|name| Charset::named(name).ok_or_else(|| SourceError::Charset(name.to_owned())))
            .transpose()?;
        Ok(Source {
            name: "custom".to_owned(),
            url,
            rules,
            charset,
        })
    }

    /// The name of a known source, or `custom`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of one of its pages; `choose` picks a number from the page range, if it has one.
    pub fn url(&self, choose: impl FnOnce(RangeInclusive<u32>) -> u32) -> String {
        self.url.page(choose)
    }

    pub(super) fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    pub(super) fn charset(&self) -> Option<Charset> {
        self.charset
    }
}

fn inner(selector: Option<&str>) -> Result<Option<Selector>, SelectorError> {
    selector.map(Selector::for_item).transpose()
}

/// Which part of a custom source is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The URL.
    Url(UrlError),
    /// The item selector.
    Item(SelectorError),
    /// The title selector.
    Title(SelectorError),
    /// The content selector.
    Content(SelectorError),
    /// A title or content selector without an item selector.
    NoItem,
    /// The charset; its name is not known.
    Charset(String),
}

impl SourceError {
    /// The part that is wrong: `url`, `item`, `title`, `content` or `charset`.
    #[must_use]
    pub fn part(&self) -> &'static str {
        match self {
            SourceError::Url(_) => "url",
            SourceError::Item(_) | SourceError::NoItem => "item",
            SourceError::Title(_) => "title",
            SourceError::Content(_) => "content",
            SourceError::Charset(_) => "charset",
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SourceError::Url(error) => Some(error),
            SourceError::Item(error) | SourceError::Title(error) | SourceError::Content(error) => {
                Some(error)
            }
            SourceError::NoItem | SourceError::Charset(_) => None,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Url(error) => error.fmt(f),
            SourceError::Item(error) | SourceError::Title(error) | SourceError::Content(error) => {
                error.fmt(f)
            }
            SourceError::NoItem => {
                f.write_str("an item selector is needed to look for a title or content inside it")
            }
            SourceError::Charset(name) => write!(
                f,
                "no charset is called {name:?}; known are utf-8, gb2312, gbk, gb18030, big5 and \
                 the other names of the WHATWG encoding standard"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_source_is_known() {
        for name in KNOWN_SOURCES {
            let source = Source::known(name).unwrap();
            assert_eq!(source.name(), name);
            assert!(source.url(|pages| *pages.start()).starts_with("https://"));
            assert_eq!(source.rules().is_none(), name == "60s");
        }
        assert_eq!(Source::known("qiubai"), None);
    }

    #[test]
    fn known_sources_have_fifty_pages() {
        let source = Source::known("zol").unwrap();
        let url = source.url(|pages| {
            assert_eq!(pages, 1..=50);
            7
        });
        assert_eq!(url, "https://xiaohua.zol.com.cn/lengxiaohua/7.html");
    }

    #[test]
    fn a_custom_source_needs_only_a_url() {
        let source = Source::custom("http://x.cn/", None, None, None, None).unwrap();
        assert_eq!(source.name(), "custom");
        assert_eq!(source.url(|_| 1), "http://x.cn/");
        assert!(source.rules().is_none());
    }

    #[test]
    fn a_wrong_part_is_named() {
        let custom = |url, item, title, content, charset| {
            let error = Source::custom(url, item, title, content, charset).unwrap_err();
            (error.part(), error)
        };
        let url = "http://x.cn/";
        assert_eq!(
            custom("x.cn", None, None, None, None),
            ("url", SourceError::Url(UrlError::Scheme))
        );
        assert_eq!(custom(url, Some("a+"), None, None, None).0, "item");
        assert_eq!(custom(url, Some("> a"), None, None, None).0, "item");
        assert_eq!(custom(url, Some("a"), Some("b:"), None, None).0, "title");
        assert_eq!(custom(url, Some("a"), None, Some("> "), None).0, "content");
        assert_eq!(
            custom(url, None, None, Some("p"), None),
            ("item", SourceError::NoItem)
        );
        assert_eq!(
            custom(url, None, None, None, Some("martian")),
            ("charset", SourceError::Charset("martian".to_owned()))
        );
    }
}
