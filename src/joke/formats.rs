//! The jokes of a page: bytes in, texts out. The format of a page is detected here; each format has
//! a module that reads it. Examples for the rules about texts: `tests/fixtures/jokes/cases.json`.

use serde_json::Value;
use thiserror::Error;

use self::{
    charset::{CharsetReason, Decoded},
    item::{Item, has_one_of, is_one_of, visible_count, without_beginning},
    judge::{Unwanted, judge, read_again},
    selector::Selector,
    text::{split_at_numbers, split_block, split_item, split_long_list},
};
use crate::printable::printable;

pub(super) mod charset;
mod data;
mod element;
mod html;
mod item;
mod json;
pub(super) mod judge;
mod limits;
pub(super) mod selector;
mod text;
mod xml;

pub use self::{
    judge::{LeftOut, Reason},
    limits::TooComplex,
};

/// Jokes taken from one page at most; more than are told before the next page is fetched.
const MAX_JOKES: usize = 500;

/// Bytes of a page at most, without pictures inside it. List pages have 30 to 200 KB.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// Characters of an error at most; a longer text is a joke.
const MAX_ERROR_CHARACTERS: usize = 40;

/// Bytes at most of an answer with an error status that is searched for a message.
const MAX_ERROR_BYTES: usize = 1 << 14;

/// What API errors that are sent as jokes are about; [`FAULTS`] says what is wrong with it.
const ERROR_SUBJECTS: &str = "\
    接口 密钥 key apikey api 参数 签名 sign 请求 访问 额度 次数 余额 权限 token ip 白名单 登录 服务器 系统 \
    数据 网络 域名 验证 验证码 会员 获取 时间戳 套餐 账户 账号 实名 内容 站点";
const FAULTS: &str = "\
    错误 失败 无效 失效 过期 到期 不足 不存在 缺少 不能为空 非法 异常 超时 超限 超过 上限 用完 频繁 太快 \
    出错 繁忙 开小差 维护 封禁 禁止访问 拒绝访问 被拒绝 无权 没有权限 没有数据 没有更多 没有找到 没有笑话 \
    暂无 未加入 未授权 请先 请稍后 已关闭 已停 下线 用尽 过多 拦截 欠费 拉黑 不在白名单 请输入 请传入 请使用 \
    请完成 需要实名 已被删除 已下架 审核中 不合法 暂停 停用 未备案 正在升级 没有找到站点";

/// Beginnings of the titles of pages that are shown instead of a site's own.
const ERROR_PAGES: &str = "\
    没有找到站点|恭喜，站点创建成功|网站防火墙|提示信息|安全验证|访问被拒绝|环境异常|attention required|\
    just a moment|web server is down|apache2 |iis windows|please wait";

/// What a story has, and no error of an API.
const STORY: &str = "我|他|她|说|不是|爸|妈|老|最怕|“|”|？";

/// Beginnings of such errors in English. Anything may follow those with a star.
const ENGLISH_ERRORS: &str = "\
    too many requests|rate limit exceeded*|api rate limit exceeded*|invalid api key*|invalid key|\
    unauthorized|forbidden|access denied|bad request|bad gateway|gateway time*|not found|\
    internal server error*|service unavailable|service temporarily unavailable|file not found|\
    no input file specified|the requested url*|no healthy upstream|upstream connect error*|\
    application error*|database connection failed|database error*|sqlstate*|fatal error*|\
    error code*|connection refused|connection timed out|maintenance mode|traceback*|typeerror*|\
    referenceerror*|syntaxerror*|java.lang.*|panic: *|connect econnrefused*|cannot get /*|ora-*|\
    you have an error in your sql syntax*|php warning*|php notice*|parse error*|page not found|\
    no jokes found*|no more jokes*|you have exceeded your*|quota exceeded*|no api key*|\
    please provide a valid*|your account has been suspended*|this endpoint is*|welcome to nginx*|\
    this serverless function has crashed*|hello world|\
    error establishing a database*|could not connect to*|the page could not be found|\
    an error occurred*|a server error has occurred|no available server|default backend*|\
    backend not found|function not found|the service is unavailable|\
    the server encountered an internal error*|dns resolution error|blocked due to abuse";

/// What a joke in English has, and no error of an API.
const ENGLISH_STORY: &str = " said| my | i ";

/// Characters of an error in English at most.
const MAX_ENGLISH_ERROR: usize = 200;

/// Characters of what a site says that an error shows at most.
pub(crate) const MAX_SHOWN: usize = 200;

/// A site's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its URL, after redirects.
    pub url: String,
    /// The value of `Content-Type`, if there was one.
    pub content_type: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Page {
    /// Returns the message of an API, if the page is JSON with one.
    pub(super) fn api_message(&self) -> Option<String> {
        if self.body.len() > MAX_ERROR_BYTES {
            return None;
        }
        let text = charset::decode(&self.body, "", None).text;
        json::message(&json::parse(&text, false)?.ok()?)
    }
}

/// The jokes of a page, at least one, and how many of its items are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The jokes, each once, in the page's order.
    pub jokes: Vec<String>,
    /// Numbers of items that are not among the jokes, by reason.
    pub left_out: LeftOut,
}

/// Reason why a page gave no joke.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PageError {
    /// The page is empty.
    #[error("the page is empty")]
    Empty,
    /// The page is over the limit even without pictures.
    #[error("the page is larger than {} KiB", MAX_PAGE_BYTES >> 10)]
    TooLarge,
    /// The page has a media type without jokes, such as a picture's.
    #[error("the page is {0:?}, in which there are no jokes")]
    Type(String),
    /// A page in this format needs an item selector, and the source has none.
    #[error("the page is {0}: --joke-item has to say what holds a joke, as li.joke does")]
    NoSelector(&'static str),
    /// An HTML page that a link led to needs a content selector, and the source has none.
    #[error("the page that the link leads to is HTML: --joke-content has to say what the joke is")]
    NoContentSelector,
    /// The page is plain text, and the source has an item selector.
    #[error(
        "the page is plain text, and the item selector has nothing to be looked for in; plain \
         text needs none"
    )]
    NoMarkup,
    /// The page is a table, a program or YAML.
    #[error(
        "the page is a table or a program, in which no jokes are looked for; JSON, feeds, HTML and \
         plain text are read"
    )]
    Data,
    /// The page could cost the parser too much time or memory.
    #[error("the page has {0}")]
    TooComplex(#[from] TooComplex),
    /// The page is nested too deeply.
    #[error("the page is nested more than {} deep", element::MAX_DEPTH)]
    TooDeep,
    /// The page looks like JSON and cannot be parsed, or is nested too deeply.
    #[error("the page looks like JSON and cannot be read: {0}")]
    BrokenJson(String),
    /// The page looks like XML and cannot be parsed.
    #[error("the page is XML and cannot be read: {0}")]
    BrokenXml(String),
    /// The page is the error of an API.
    #[error("the answer is an error: {}", printable(.0, MAX_SHOWN))]
    ApiError(String),
    /// The item selector matches nothing.
    #[error("the item selector matches nothing on the page")]
    NoItems,
    /// This selector finds nothing in JSON.
    #[error(
        "the page is JSON, in which {0} leads to nothing: --joke-item is a path such as \
         data.list, --joke-content one in it"
    )]
    NoPath(String),
    /// Without selectors, no joke is found under the usual keys of JSON.
    #[error(
        "the page is JSON, and nothing in it is named as jokes usually are: --joke-item is a path \
         such as data.list, --joke-content one in it"
    )]
    NoUsualPath,
    /// The link selector matches nothing.
    #[error("the link selector matches no link on the page")]
    NoLinks,
    /// All the items were left out.
    #[error("{total} items matched and all were left out: {0}", total = .0.total())]
    NothingLeft(LeftOut),
}

/// A page's text, with its format and charset.
#[derive(Clone, Debug)]
pub struct PageText {
    format: Format,
    decoded: Decoded,
}

#[derive(Clone, Debug)]
enum Format {
    Html,
    Json(Result<Value, String>),
    Xml,
    Text,
}

/// Format and charset of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{format} in {charset} ({reason})")]
pub(crate) struct ReadAs {
    pub(crate) format: &'static str,
    pub(crate) charset: &'static str,
    /// Reason for the choice of the charset.
    pub(crate) reason: CharsetReason,
}

/// How the pages of a source are laid out: their charset, and selectors of the jokes on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Charset of the pages, where they declare a wrong one.
    pub(crate) charset: Option<charset::Charset>,
    /// Selects links on the page, of which one is followed.
    pub(crate) link: Option<Selector>,
    /// Selects each item on the page; without it, only plain text, feeds and JSON can be read.
    pub(crate) item: Option<Selector>,
    /// Selects the title in an item.
    pub(crate) title: Option<Selector>,
    /// Selects the text in an item; without it, all but the title is the joke.
    pub(crate) content: Option<Selector>,
}

impl Layout {
    /// Returns true if the page is to be searched by selectors.
    pub(super) fn has_selectors(&self) -> bool {
        self.item.is_some() || self.link.is_some()
    }
}

impl PageText {
    /// Decodes a page and detects its format: JSON or XML by its beginning or its type; HTML if it
    /// has tags, and if its type, its beginning or a selector suggests it; else plain text.
    pub fn read(page: &Page, layout: &Layout) -> Result<Self, PageError> {
        let content_type = page.content_type.as_deref().unwrap_or_default();
        let mut decoded = charset::decode(&page.body, content_type, layout.charset);
        let is_margin = |c: char| c.is_whitespace() || c == '\u{feff}';
        decoded.text = limits::without_pictures(decoded.text.trim_matches(is_margin));
        if decoded.text.len() > MAX_PAGE_BYTES {
            return Err(PageError::TooLarge);
        }
        let text = decoded.text.as_str();
        let media_type = content_type.split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Err(PageError::Empty);
        }
        let has_selectors = layout.has_selectors();
        let is_html = media_type.ends_with("html") || has_selectors;
        let format = if let Some(value) = json::parse(text, media_type.ends_with("json")) {
            Format::Json(value.map_err(|error| error.to_string()))
        } else if xml::is_xml(text, &media_type) {
            Format::Xml
        } else if has_no_text(&media_type) {
            return Err(PageError::Type(media_type));
        } else if (is_html || text.starts_with('<')) && html::is_page(text, has_selectors) {
            Format::Html
        } else {
            Format::Text
        };
        Ok(Self { format, decoded })
    }

    /// Returns the format and charset of the page.
    pub(super) fn read_as(&self) -> ReadAs {
        ReadAs {
            format: match self.format {
                Format::Html => "HTML",
                Format::Json(_) => "JSON",
                Format::Xml => "XML",
                Format::Text => "plain text",
            },
            charset: self.decoded.charset,
            reason: self.decoded.reason,
        }
    }

    /// Returns the base of a page's links, itself relative to the page's URL, and the URLs of those
    /// that a selector matches.
    pub(super) fn links(&self, selector: &Selector) -> Result<(String, Vec<String>), PageError> {
        let text = &self.decoded.text;
        let (base, links) = match &self.format {
            Format::Html => html::links(text, selector)?,
            Format::Xml => (String::new(), xml::links(text, selector)?),
            Format::Json(Ok(value)) => (String::new(), json::links(value, selector)),
            Format::Json(Err(_)) | Format::Text => (String::new(), Vec::new()),
        };
        if links.is_empty() {
            return Err(PageError::NoLinks);
        }
        Ok((base, links))
    }

    /// Extracts the jokes by the source's selectors. Needs the stack that `limits.rs` counts on.
    pub fn jokes(&self, layout: &Layout, unwanted: &Unwanted<'_>) -> Result<Extracted, PageError> {
        let text = &self.decoded.text;
        if matches!(self.format, Format::Html)
            && let Some(title) = html::title(text).filter(|title| is_error_page(title))
        {
            return Err(PageError::ApiError(title.to_owned()));
        }
        let items = match &self.format {
            Format::Html => html::items(text, layout)?,
            Format::Xml => xml::items(text, layout)?,
            Format::Json(Ok(value)) => json::items(value, layout)?,
            Format::Json(Err(error)) => return Err(PageError::BrokenJson(error.clone())),
            Format::Text if layout.item.is_some() => return Err(PageError::NoMarkup),
            Format::Text if data::is_data(text) => return Err(PageError::Data),
            Format::Text => text::items(text),
        };
        // With a content selector, the owner has said what a joke is.
        let has_content_selector = layout.content.is_some();
        let items: Vec<Item> = items.into_iter().map(read_again).collect();
        if let [Item { title, content, .. }, others @ ..] = items.as_slice() {
            let is_plain = matches!(self.format, Format::Text);
            let is_error = !has_content_selector && is_api_error(content, others.len(), is_plain)
                || others.is_empty() && is_error_page(title.trim_matches(is_blank));
            if is_error {
                return Err(PageError::ApiError(content.trim().to_owned()));
            }
        }
        let is_block = items.len() == 1;
        let parts = |item: Item| match self.format {
            Format::Text => vec![item],
            Format::Html if is_block && !has_content_selector => split_block(item),
            Format::Html if is_block || !has_content_selector => split_item(item, split_at_numbers),
            _ if !has_content_selector => split_item(item, split_long_list),
            _ => vec![item],
        };
        let items: Vec<Item> = items.into_iter().flat_map(parts).collect();
        gather(&items, unwanted)
    }
}

/// Reads the jokes in the owner's file, in UTF-8 or GBK; returns `None` if it is in neither.
pub(crate) fn own_jokes(file: &[u8]) -> Option<Vec<String>> {
    let text = charset::decode(file, "", None).text;
    (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| text::own_jokes(&text))
}

/// Returns true for whitespace, and for the control characters that stand for headings and breaks.
fn is_blank(c: char) -> bool {
    c.is_control() || c.is_whitespace()
}

/// Returns true for a text, and how many others after it, that is the error of an API or a server.
fn is_api_error(text: &str, others: usize, is_plain: bool) -> bool {
    let text = text.trim_matches(is_blank).to_lowercase();
    let line = text.lines().next().unwrap_or_default();
    // As `Error 106: No matching joke found`, with its cause below or in the next paragraph.
    let has_cause = others > 0 || text.contains('\n');
    let is_plain_error = || line.strip_prefix("error ").is_some_and(begins_with_code);
    others == 0 && (is_chinese_error(&text) || is_english_error(line))
        || others <= 2 && is_plain && has_cause && is_plain_error()
}

/// Returns true for the title of a page that a firewall, a server or a forum shows instead of its
/// own.
fn is_error_page(title: &str) -> bool {
    let title = title.to_lowercase();
    without_beginning(&title, ERROR_PAGES).is_some() || is_english_error(&title)
}

fn begins_with_code(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.len() - rest.len() == 3
}

/// Returns true for a short text of what is wrong with a key, a server or the like, without speech:
/// `请求过于频繁，请稍后再试`, unlike `ATM说余额不足`.
fn is_chinese_error(text: &str) -> bool {
    let is_in = |word: &str, clause: &str| {
        let mut parts = clause.split(|c: char| !c.is_ascii_alphanumeric());
        clause.contains(word) && (!word.is_ascii() || parts.any(|part| part == word))
    };
    let has = |list: &str, clause: &str| list.split(' ').any(|word| is_in(word, clause));
    let mut clauses = text.split(['，', ',', '。', '：', ':']);
    visible_count(text) <= MAX_ERROR_CHARACTERS
        && !text.is_ascii()
        && !text.contains('\n')
        && !has_one_of(text, STORY)
        && clauses.any(|clause| has(ERROR_SUBJECTS, clause) && has(FAULTS, clause))
}

/// Returns true for a line that is an error of a server, perhaps after its number:
/// `502 Bad Gateway`, unlike `Forbidden fruit is …`.
fn is_english_error(line: &str) -> bool {
    let named = line
        .strip_prefix("error")
        .unwrap_or(line)
        .trim_start_matches([':', ' ']);
    let is_numbered = begins_with_code(named);
    let error = named.trim_start_matches(|c: char| is_numbered && (c.is_ascii_digit() || c == ' '));
    let ends = |rest: &str| !rest.starts_with(|c: char| c == ' ' || c.is_alphanumeric());
    let begins = |begin: &str| {
        let is_open = is_numbered || begin.ends_with('*');
        let begin = begin.trim_end_matches('*');
        let mut rests = [line, error]
            .into_iter()
            .filter_map(|text| text.strip_prefix(begin));
        rests.any(|rest| is_open || ends(rest))
    };
    visible_count(line) <= MAX_ENGLISH_ERROR
        && line.is_ascii()
        && !has_one_of(line, ENGLISH_STORY)
        && ENGLISH_ERRORS.split('|').any(begins)
}

/// Returns true for a media type without text to read, such as `image/png` or `text/css`.
fn has_no_text(media_type: &str) -> bool {
    let (kind, format) = media_type.split_once('/').unwrap_or_default();
    is_one_of(kind, "image audio video font") || has_one_of(format, "css|javascript|pdf|zip")
}

/// Collects the jokes among the items, each once, and counts the other items.
fn gather(items: &[Item], unwanted: &Unwanted<'_>) -> Result<Extracted, PageError> {
    if items.is_empty() {
        return Err(PageError::NoItems);
    }
    let (mut jokes, mut left_out) = (Vec::new(), LeftOut::default());
    for item in items {
        match judge(item, unwanted) {
            Ok(joke) if jokes.contains(&joke) => left_out.count(Reason::Twice),
            Ok(_) if jokes.len() == MAX_JOKES => left_out.count(Reason::More),
            Ok(joke) => jokes.push(joke),
            Err(reason) => left_out.count(reason),
        }
    }
    if jokes.is_empty() {
        return Err(PageError::NothingLeft(left_out));
    }
    Ok(Extracted { jokes, left_out })
}

#[cfg(test)]
mod tests {
    use proptest::arbitrary::any;
    use proptest::collection::vec;
    use proptest::sample::select as select_one;
    use proptest::{prop_assert, proptest};

    use select::{document::Document, node::Data};

    use super::{judge::Reason, limits::MAX_LEVELS, selector::Selector, *};
    use crate::joke::fetch::STACK_BYTES;

    const NO_SELECTORS: [Option<&str>; 3] = [None; 3];

    fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Page {
        let content_type = (!content_type.is_empty()).then(|| content_type.to_owned());
        let body = body.into();
        Page {
            content_type,
            body,
            ..Page::default()
        }
    }

    fn layout_of([item, title, content]: [Option<&str>; 3]) -> Layout {
        let inside =
            |selector: Option<&str>| selector.map(|text| Selector::for_item(text).unwrap());
        Layout {
            charset: None,
            link: None,
            item: item.map(|item| Selector::for_page(item).unwrap()),
            title: inside(title),
            content: inside(content),
        }
    }

    fn extract(page: &Page, layout: &Layout, skip: &[String]) -> Result<Extracted, PageError> {
        let unwanted = |joke: &str| judge::has_skipped_word(joke, skip).then_some(Reason::Skipped);
        PageText::read(page, layout)?.jokes(layout, &unwanted)
    }

    fn known(name: &str) -> crate::joke::Source {
        let mut known = crate::joke::Source::known().into_iter();
        known.find(|source| source.name == name).unwrap()
    }

    fn jokes(body: &str, layout: [&str; 3]) -> Vec<String> {
        let layout = layout.map(|rule| (!rule.is_empty()).then_some(rule));
        extract(&page("text/html", body), &layout_of(layout), &[])
            .unwrap()
            .jokes
    }

    fn counts(pairs: &[(Reason, usize)]) -> LeftOut {
        let mut left_out = LeftOut::default();
        for (reason, count) in pairs {
            (0..*count).for_each(|_| left_out.count(*reason));
        }
        left_out
    }

    #[test]
    fn reads_a_page_as_qiushidabaike_has_them() {
        let body = r#"<!DOCTYPE html><html><head><meta charset="utf-8"><title>笑话</title></head><body class="list">
          <div class="box"><dl class="main-list"><dt><a href="/u/1"><img src="1.jpg"></a>
            <span class="title"><a href="/detail/1.html" target="_blank">买  菜</a></span></dt>
            <dd class="content"><p>妈妈让我去买菜，&nbsp;&nbsp;我去了。<br/>回来忘了菜。</p>&#8203;</dd></dl>
          <dl class="main-list"><dt><span class="title"><a href="/detail/2.html">直接</a></span></dt>
            <dd class="content">　　这里的字直接在 dd 里。<b>加粗</b>也是字。</dd></dl>
          <dl class="main-list"><dt><span class="title"><a href="/detail/3.html">长的</a></span></dt>
            <dd class="content"><p>很久很久以前……</p><a href="/detail/3.html">>>查看更多</a></dd></dl>
          <dl class="main-list"><dt><span class="title"><a href="/detail/4.html">图</a></span></dt>
            <dd class="content-pic"><a href="/detail/4.html"><img src="4.jpg"></a></dd></dl></div></body></html>"#;
        let source = known("qiushidabaike").layout;
        assert_eq!(
            extract(&page("text/html", body), &source, &[]).unwrap(),
            Extracted {
                jokes: vec![
                    "《买 菜》\n妈妈让我去买菜， 我去了。\n回来忘了菜。".to_owned(),
                    "《直接》\n这里的字直接在 dd 里。加粗也是字。".to_owned(),
                ],
                left_out: counts(&[(Reason::Empty, 1), (Reason::Cut, 1)]),
            }
        );
    }

    #[test]
    fn reads_a_page_as_zol_has_them_in_gbk_by_its_meta_alone() {
        let body = r#"<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312" /></head><body>
          <ul class="article-list"><li class="article-summary"><span class="article-title"><a href="/d/1.html">冷笑话</a></span>
          <div class="summary-text"><p>第一段话。</p><p>第二段话。</p><script>var ad = "<p>广告</p>";</script></div>
          <a class="all-read" href="/d/1.html">查看全文</a></li></ul></body></html>"#;
        let gbk = encoding_rs::GBK.encode(body).0.into_owned();
        let source = known("zol").layout;
        assert_eq!(
            extract(&page("text/html", gbk), &source, &[])
                .unwrap()
                .jokes,
            ["《冷笑话》\n第一段话。\n第二段话。"]
        );
    }

    #[test]
    fn an_item_that_trails_off_beside_a_link_to_the_rest_is_cut() {
        let body = "<li><p>从前有个人……</p><a href=/1>查看全文</a>\
                    <li><p>从前有座山...</p><b><A href=/2>&gt;&gt;查看更多</A></b>\
                    <li><p>从前有条河…</p><span>查看更多</span>\
                    <li><p>从前有口井……</p><a href=/4>评论</a>\
                    <li><p>从前有棵树。</p><a href=/5>展开全文</a>";
        assert_eq!(
            jokes(body, ["li", "", "p"]),
            ["从前有口井……", "从前有棵树。"]
        );
    }

    #[test]
    fn reads_a_page_as_biedoul_has_them() {
        let body = r#"<div class="wz"><dl class="xhlist"><span><dd>2023-01-01</dd><a href="/1.html"><strong>题目</strong></a></span>
          <dd>第一行的字，<br>第二行的字。</dd></dl></div>"#;
        let source = known("biedoul").layout;
        assert_eq!(
            extract(&page("text/html; charset=utf-8", body), &source, &[])
                .unwrap()
                .jokes,
            ["《题目》\n第一行的字，\n第二行的字。"]
        );
    }

    #[test]
    fn plain_text_is_one_joke_or_several_by_blank_lines() {
        let plain = |kind: &str, body: &str, layout| {
            extract(&page(kind, body), &layout_of(layout), &[])
                .unwrap()
                .jokes
        };
        let body = "  一个很短的笑话，\r\n有两行 <br>。\n";
        let joke = "一个很短的笑话，\n有两行\n。";
        assert_eq!(
            plain("text/plain; charset=utf-8", body, NO_SELECTORS),
            [joke]
        );
        assert_eq!(plain("Text/Plain", body, NO_SELECTORS), [joke]);
        assert_eq!(plain("", body, NO_SELECTORS), [joke]);
        assert_eq!(
            plain(
                "text/plain",
                "\n第一个笑话。\n \n\n第二个笑话。\n",
                NO_SELECTORS
            ),
            ["第一个笑话。", "第二个笑话。"]
        );
    }

    #[test]
    fn html_that_is_called_plain_text_is_read_with_a_selector_and_refused_without() {
        let li = [Some("li"), None, None];
        let read = |kind: &str, body: &str, layout| {
            extract(&page(kind, body), &layout_of(layout), &[]).map(|found| found.jokes)
        };
        let body = " <ul><li>一二三四五六</ul>";
        let jokes = Ok(vec!["一二三四五六".to_owned()]);
        assert_eq!(read("text/plain", body, li), jokes);
        assert_eq!(read("", body, li), jokes);
        let refused = Err(PageError::NoSelector("HTML"));
        assert_eq!(read("text/plain", body, NO_SELECTORS), refused);
        let nothing = Err(PageError::NothingLeft(counts(&[(Reason::Empty, 1)])));
        assert_eq!(read("", "\u{feff}<!-- x -->", NO_SELECTORS), nothing);
        let refused = Err(PageError::NoMarkup);
        assert_eq!(read("text/plain", "一二三 <四五六 1 < 2", li), refused);
    }

    #[test]
    fn without_a_content_selector_all_but_the_title_is_the_joke() {
        let body = "<li><h3>标题</h3>正文在这里，<i>很短</i>。<li><h3>又一个</h3>又一段正文。";
        assert_eq!(
            jokes(body, ["li", "h3", ""]),
            ["《标题》\n正文在这里，很短。", "《又一个》\n又一段正文。"]
        );
    }

    #[test]
    fn several_contents_are_joined_and_nested_matches_are_read_once() {
        let body = "<div class=j><p>第一段<p>第二段<div class=j><p>里面的一段</p></div></div>";
        assert_eq!(jokes(body, [".j", "", "p"]), ["第一段\n第二段\n里面的一段"]);
        let body = "<div class=j>外面<div class=c>一二三<div class=c>四五六</div></div></div>";
        assert_eq!(jokes(body, [".j", "", ".c"]), ["一二三\n四五六"]);
    }

    #[test]
    fn breaks_and_blocks_end_lines_and_unseen_elements_are_left_out() {
        let body = "<article>一<br>二<div>三</div>四<style>x</style><template>y</template>\
                    <noscript>z</noscript><!-- w -->五\n六<span> 七</span>&amp;<h2>八</h2></article>";
        assert_eq!(
            jokes(body, ["article", "", ""]),
            ["一\n二\n三\n四五 六 七&\n八"]
        );
    }

    #[test]
    fn cells_are_apart_and_the_lines_of_pre_are_kept_and_every_block_ends_a_line() {
        let body = "<article><table><tr><th>一</th><th>二</th><tr><td>三<td>四</table>\
                    <pre>五\n<b>六\r\n七</b></pre>八\n九</article>";
        assert_eq!(
            jokes(body, ["article", "", ""]),
            ["一 二\n三 四\n五\n六\n七\n八 九"]
        );
        for name in [
            "nav", "fieldset", "details", "summary", "menu", "dialog", "legend",
        ] {
            let body = format!("<article>一二三<{name}>四五六</{name}>七八九</article>");
            assert_eq!(
                jokes(&body, ["article", "", ""]),
                ["一二三\n四五六\n七八九"],
                "{name}"
            );
        }
    }

    #[test]
    fn a_joke_that_is_there_twice_is_taken_once() {
        let body = "<li>一二三四五六</li>".repeat(3);
        let found = extract(&page("", body), &layout_of([Some("li"), None, None]), &[]).unwrap();
        assert_eq!(found.jokes, ["一二三四五六"]);
        assert_eq!(found.left_out, counts(&[(Reason::Twice, 2)]));
    }

    #[test]
    fn no_more_than_500_jokes_are_taken_and_all_are_counted() {
        let body = (0..600)
            .map(|n| format!("<li>笑话第 {n} 号在此</li>"))
            .collect::<Vec<_>>()
            .concat();
        let body = body + "<li>短<li>笑话第 7 号在此";
        let found = extract(&page("", body), &layout_of([Some("li"), None, None]), &[]).unwrap();
        assert_eq!(found.jokes.len(), 500);
        let left_out = counts(&[(Reason::More, 100), (Reason::Short, 1), (Reason::Twice, 1)]);
        assert_eq!(found.left_out, left_out);
        let told = "1 under 6 characters, 1 there twice, 100 more than 500";
        assert_eq!(found.left_out.to_string(), told);
    }

    #[test]
    fn a_page_without_jokes_says_why() {
        let why = |kind: &str, body: &[u8], layout| {
            extract(&page(kind, body), &layout_of(layout), &["坏".to_owned()]).unwrap_err()
        };
        let li = [Some("li"), None, None];
        assert_eq!(why("text/html", b" \n", li), PageError::Empty);
        assert_eq!(why("text/html", b"", NO_SELECTORS), PageError::Empty);
        assert_eq!(why("text/html", b"<p>x", li), PageError::NoItems);
        assert_eq!(
            why("Text/HTML; charset=x", b"<div>x", NO_SELECTORS),
            PageError::NoSelector("HTML")
        );
        assert_eq!(
            why("", "<li>坏的一个笑话<li>短".as_bytes(), li),
            PageError::NothingLeft(counts(&[(Reason::Skipped, 1), (Reason::Short, 1)]))
        );
        assert_eq!(
            why(
                "text/plain",
                b"\x89PNG\r\n\x1a\n\0\0\0\xffIHDR",
                NO_SELECTORS
            ),
            PageError::NothingLeft(counts(&[(Reason::Garbled, 1)]))
        );
        assert_eq!(
            why("text/html", &b"<div>".repeat(200_000), li),
            PageError::TooComplex(TooComplex::Levels)
        );
        assert_eq!(
            why("text/html", &b"<div>".repeat(600), li),
            PageError::TooDeep
        );
    }

    #[test]
    fn the_reason_is_told_in_a_sentence() {
        let left_out = counts(&[(Reason::Short, 2), (Reason::Cut, 1)]);
        for (error, text) in [
            (PageError::TooDeep, "the page is nested more than 512 deep"),
            (
                PageError::TooComplex(TooComplex::Levels),
                "the page has more than 12000 start tags",
            ),
            (
                PageError::NoSelector("HTML"),
                "the page is HTML: --joke-item has to say what holds a joke, as li.joke does",
            ),
            (
                PageError::NoMarkup,
                "the page is plain text, and the item selector has nothing to be looked for in; \
                 plain text needs none",
            ),
            (
                PageError::NothingLeft(left_out),
                "3 items matched and all were left out: 2 under 6 characters, 1 cut short by the site",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    /// Counts the nodes of a page, parsed on a stack as large as a fetch has.
    fn nodes(page: &str) -> usize {
        limits::check(page).unwrap();
        let page = limits::rename_tags(page);
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || Document::from(page.as_str()).nodes.len())
            .unwrap()
            .join()
            .unwrap()
    }

    #[test]
    fn the_deepest_page_that_is_parsed_fits_on_the_stack() {
        assert_eq!(nodes(&"<table><td>".repeat(MAX_LEVELS / 4)), MAX_LEVELS + 3);
    }

    #[test]
    fn misnested_formatting_does_not_multiply() {
        let body = (0..3_000)
            .map(|n| format!("<p><b a{n}>"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(nodes(&body), 6_003);
    }

    proptest! {
        #[test]
        fn no_element_of_a_tame_page_is_one_that_multiplies(
            pieces in vec(
                select_one(vec![
                    "<b", "<a", "</i", "<p", "<table", "<td", "<svg", "<title", "<!--", "-->", "<",
                    ">", "/", " ", "\n", "\r", "\0", "x", "=", "\"", "'", "<script", "</script",
                    "&lt;b>", "<body", "<html",
                ]),
                0..40,
            ),
        ) {
            let body = pieces.concat();
            let document = Document::from(limits::rename_tags(&body).as_str());
            for (n, node) in document.nodes.iter().enumerate() {
                let Data::Element(name, attributes) = &node.data else { continue };
                let name = &*name.local;
                let by_the_parser = attributes.is_empty() && ["html", "body"].contains(&name);
                let renamed = limits::rename_tags(&format!("<{name}>")) != format!("<{name}>");
                prop_assert!(by_the_parser || !renamed, "{body:?} has {name} at {n}");
            }
        }

        #[test]
        fn any_bytes_are_a_found_or_a_reason(
            body in vec(any::<u8>(), 0..200),
            kind in "(text/(html|plain))?(; charset=(gbk|big5|utf-8))?",
        ) {
            for layout in [NO_SELECTORS, [Some("*"), Some("*"), Some("> *")]] {
                if let Ok(found) = extract(&page(&kind, body.clone()), &layout_of(layout), &[]) {
                    prop_assert!(!found.jokes.is_empty());
                }
            }
        }

        #[test]
        fn any_part_of_a_page_gives_only_parts_of_its_jokes(cut in 0_usize..170) {
            let body = "<ul class=l><li><h3>标题</h3><p>一二三四五六<br>七八九</p></li>\
                        <li><h3>又是标题</h3><p>甲乙丙丁戊己庚辛</p></li></ul>";
            let part = body.as_bytes().get(..cut).unwrap_or(body.as_bytes());
            let layout = layout_of([Some("ul.l > li"), Some("h3"), Some("p")]);
            if let Ok(found) = extract(&page("", part), &layout, &[]) {
                let whole = ["《标题》\n一二三四五六\n七八九", "《又是标题》\n甲乙丙丁戊己庚辛"];
                for (joke, whole) in found.jokes.iter().zip(whole) {
                    // A tag that is cut off after `<` or `</` is text.
                    let joke = joke.trim_end_matches(['<', '/']);
                    prop_assert!(whole.starts_with(joke), "{joke}");
                }
            }
        }
    }
}
