//! Cleans the raw text of a joke and judges whether it can be told.

use std::{collections::BTreeMap, fmt, iter};

use thiserror::Error;
use unicode_normalization::char::is_combining_mark;

use super::{
    charset::{decoded_again, is_garbled},
    html,
    item::{
        BREAK, Item, LONG_MARK_BYTES, MAX_LINES, MIN_JOKE_CHARACTERS, Truncation, are_more_words,
        ends_sentence, ends_truncated, has_one_of, is_question, visible_count, without_beginning,
        words_of,
    },
    json,
    text::without_number,
};
use crate::{printable::is_direction_mark, wechat::reply::MAX_CONTENT_BYTES, words::find::fold};

/// Combining marks on one character at most; more run into the lines above and below.
const MAX_MARKS: usize = 2;

/// Times that a text is read as HTML at most; some sites escape twice.
const MAX_READINGS: usize = 3;

/// Beginnings of lines that are about a joke and no part of it, before a number or colon.
const ASIDES: &str = "\
    上一篇|下一篇|上一条|下一条|上一则|下一则|标签|分类|栏目|来源|出处|责任编辑|本文地址|\
    发布|浏览|阅读|点击|人气|分享到|顶|踩|赞|tags|rating";

/// Words of lines with nothing but navigation, tools and counts: `上一页 1 2 下一页`, `12 好笑 · 3 评论`.
const TOOL_WORDS: &str = "\
    返回首页 首页 上一页 下一页 尾页 末页 上页 下页 共 页 第 上一篇 下一篇 上一条 下一条 返回 列表 关闭窗口 \
    关闭 打印 收藏 举报 点赞 不好笑 好笑 评论 分享 转发 回复 复制 小时前 分钟前 天前 points comments votes \
    likes share";

/// Beginnings of lines that are advertising, unless they are sentences.
const ADVERTISING: &str = "\
    关注公众号|关注微信公众号|欢迎关注|公众号：|公众号:|微信公众号：|微信搜索公众号|扫码关注|长按二维码|\
    扫一扫关注|更多笑话|更多段子|更多精彩|转载请注明|版权所有|声明：本站|猜你喜欢|相关推荐|相关文章|相关笑话|扫描上方|扫描下方|filed under|related posts|tips:|©|share this|\
    posted by |submitted by |powered by ";

/// What a line asks to follow, if it is advertising.
const FOLLOWED: &str = "公众号|微信|微博|本站|我们";

/// Letters of a text that stands where jokes are still to be loaded.
const LOADING: &str = "正在 加载 载入 中 请 稍候 稍等 稍后 loading please wait";

/// Marks of entities, templates, JSON, and of what scripts print of an array (`[0] => `).
const LEFTOVERS: &str = "&lt;|&amp;|&#|&nbsp|&quot|<%=|{$|#{|['|{\"|{'|[\"|[{|\":\"|\": \"|] => ";

/// Digits of the number of a QQ group at least.
const MIN_QQ_DIGITS: usize = 5;

/// Characters of a line about a joke at most.
const MAX_ASIDE_CHARACTERS: usize = 40;

/// Characters of a line with a date at least.
const MIN_DATE_CHARACTERS: usize = 7;

/// Characters of a line with an author's name at most; a longer one may be a dialogue.
const MAX_AUTHOR_CHARACTERS: usize = 6;

/// Reason why an item is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Reason {
    /// It has no text, such as a picture.
    #[error("without text")]
    Empty,
    /// It has under 6 characters.
    #[error("under {MIN_JOKE_CHARACTERS} characters")]
    Short,
    /// It does not fit into a reply.
    #[error("too long for a reply")]
    Long,
    /// It fills several screens.
    #[error("over {MAX_LINES} lines")]
    Lines,
    /// The site cut it short.
    #[error("cut short by the site")]
    Cut,
    /// It is a link with nothing but a title in it.
    #[error("only a link (--joke-link follows it)")]
    OnlyLink,
    /// It has a word that the owner does not want.
    #[error("with a word to skip")]
    Skipped,
    /// It has a word that the owner has banned.
    #[error("with a banned word")]
    Banned,
    /// It has a part that WeChat would show as a link.
    #[error("with a link")]
    Link,
    /// It still has tags, entities or JSON in it after all reading.
    #[error("with tags in it")]
    Markup,
    /// It repeats a secret of the URL, as errors do.
    #[error("with a key of the URL")]
    Secret,
    /// Some of it is not in the charset of the page.
    #[error("garbled (is the charset right?)")]
    Garbled,
    /// The page has it twice.
    #[error("there twice")]
    Twice,
    /// The page has enough other jokes.
    #[error("more than {}", super::MAX_JOKES)]
    More,
}

/// The owner's reason to leave a joke out, if there is one.
pub(super) type Unwanted<'a> = dyn Fn(&str) -> Option<Reason> + 'a;

/// Numbers of items that were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, usize>);

impl LeftOut {
    /// Counts one more item that is left out, for this reason.
    pub fn count(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// Yields each reason with its number of items.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Reason, usize)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Returns the number of items that were left out in all.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |(reason, count)| format!("{count} {reason}");
        let counts: Vec<String> = self.iter().map(count).collect();
        f.write_str(&counts.join(", "))
    }
}

/// Returns the joke to tell, below its title as `《…》`. `unwanted` is asked last.
pub(super) fn judge(item: &Item, unwanted: &Unwanted<'_>) -> Result<String, Reason> {
    let content = clean(&item.content);
    let content = without_number(without_asides(&content));
    let title = clean(&item.title).replace('\n', " ");
    let is_asked = is_question(&title);
    let joke = titled(without_number(&title), content);
    let is_loading = || words_of(content, LOADING).is_some();
    let is_short = || visible_count(content) < MIN_JOKE_CHARACTERS;
    let reasons: [(&dyn Fn() -> bool, Reason); 10] = [
        (&|| content.is_empty() || is_loading(), Reason::Empty),
        (&|| item.is_link, Reason::OnlyLink),
        (&|| !is_asked && is_short(), Reason::Short),
        (&|| !is_asked && !has_words(content), Reason::Empty),
        (&|| joke.len() > MAX_CONTENT_BYTES, Reason::Long),
        (&|| is_truncated(&joke, item.truncation), Reason::Cut),
        (&|| is_unreadable(&joke), Reason::Garbled),
        (&|| has_link(&joke), Reason::Link),
        (&|| has_leftover_markup(&joke), Reason::Markup),
        (&|| joke.lines().count() > MAX_LINES, Reason::Lines),
    ];
    let first = reasons.into_iter().find(|(applies, _)| applies());
    let reason = first.map(|(_, reason)| reason).or_else(|| unwanted(&joke));
    reason.map_or(Ok(joke), Err)
}

/// Returns false for punctuation only, and for a single word of ASCII, such as a number or a path.
fn has_words(content: &str) -> bool {
    let is_word = content.is_ascii() && !content.contains([' ', '\n']);
    !is_word && content.contains(char::is_alphanumeric)
}

/// Returns true for a joke that the site has cut short.
fn is_truncated(joke: &str, truncation: Truncation) -> bool {
    let leads_on = |line: &str| line.len() >= LONG_MARK_BYTES && are_more_words(line);
    truncation == Truncation::Certain
        || truncation == Truncation::Possible && !ends_sentence(joke)
        || ends_truncated(joke)
        || joke.lines().any(leads_on)
}

fn is_unreadable(joke: &str) -> bool {
    // `~{…~}` is HZ, a 7-bit encoding of GB2312.
    let is_hz = joke.contains("~{") && joke.contains("~}");
    is_hz || is_garbled(joke) || joke.contains(char::REPLACEMENT_CHARACTER)
}

/// Returns true for a joke in which tags, entities, `[/b]`, a template, JSON or a warning of PHP is
/// left.
fn has_leftover_markup(joke: &str) -> bool {
    // `[/b]` ends BBCode; `[笑]` is a face, and stays.
    let mut codes = joke.split("[/").skip(1);
    let is_warning = |line: &str| line.contains(" in /") && line.contains(" on line ");
    codes.any(|code| code.starts_with(|c: char| c.is_ascii_alphabetic()))
        || joke.contains("{{") && joke.contains("}}")
        || has_one_of(joke, LEFTOVERS)
        || html::has_known_tag(joke) && !html::speaks_of_tags(joke)
        || joke.lines().any(is_warning)
}

/// Removes lines about the joke at its end: dates, counts, neighbours (`上一篇：…`), advertising.
fn without_asides(joke: &str) -> &str {
    let mut rest = joke;
    while let Some(line) = rest.lines().next_back().filter(|line| is_aside(line)) {
        let before = rest.strip_suffix(line).unwrap_or_default().trim_end();
        // The line is what somebody says, and no aside.
        if before.ends_with(['：', ':', '，', ',']) {
            break;
        }
        rest = before;
    }
    rest
}

fn is_aside(line: &str) -> bool {
    let line = line.trim_start_matches(['(', '（', '【']).to_lowercase();
    let is_value = |value: &str| {
        let value = value.trim_start_matches(['时', '间', '日', '期', '于', '次', '数', '量']);
        // `阅读3小时` is no count of readers: nothing divides it.
        value.starts_with([' ', '：', ':', '(', '（'])
            && value
                .trim_start()
                .starts_with(|c: char| "：:(（".contains(c) || c.is_ascii_digit())
            && !ends_sentence(value.trim_end_matches([')', '）']))
    };
    let about = without_beginning(&line, ASIDES);
    let is_separator = |c: char| "-/:.年月日 ".contains(c);
    // `5201314` is no date: it has no separator in it.
    let is_date = line.chars().all(|c| c.is_ascii_digit() || is_separator(c))
        && line.chars().filter(|c| is_separator(*c)).count() > 1;
    let length = visible_count(&line);
    length <= MAX_ASIDE_CHARACTERS
        && (about.is_some_and(is_value)
            || length >= MIN_DATE_CHARACTERS && is_date
            || length <= MAX_AUTHOR_CHARACTERS && line.starts_with("作者：")
            || are_tools(&line)
            || is_advertising(&line))
}

/// Returns true for a line of navigation, tools, counts or hash tags.
fn are_tools(line: &str) -> bool {
    let has_letters = line.contains(char::is_alphabetic);
    let has_digits = line.contains(|c: char| c.is_ascii_digit());
    let are_words = words_of(line, TOOL_WORDS)
        .is_some_and(|count| count > 1 || has_digits || line.ends_with('页'));
    // `#真事#` is a tag; `#真事#他说……` goes on, and is none.
    let is_tag = |word: &str| word.trim_end_matches('#').rfind('#') == Some(0);
    if has_letters {
        !ends_sentence(line.trim_end_matches([')', '）']))
            && (are_words || line.split(' ').all(is_tag))
    } else {
        has_digits && line.contains(['👍', '👎', '❤'])
    }
}

/// Returns true for a line of advertising: `更多笑话请关注…`, `QQ群：123456`, or what blogs add, but not
/// `小明：都在QQ群里。`
fn is_advertising(line: &str) -> bool {
    let is_group = line.rsplit_once("qq群").is_some_and(|(_, group)| {
        let group = group.trim_start_matches(['：', ':', '号', ' ']);
        let rest = group.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_all = rest.trim_end_matches([')', '）']).is_empty() || line.starts_with('加');
        group.len() - rest.len() >= MIN_QQ_DIGITS && is_all
    });
    let followed = line.split_once("请关注");
    without_beginning(line, ADVERTISING).is_some() && !ends_sentence(line)
        || followed.is_some_and(|(_, followed)| has_one_of(followed, FOLLOWED))
        || is_group
        || line.starts_with("the post ") && line.contains(" appeared first on ")
}

/// Puts the title above a joke, unless it only repeats the beginning: `一二三...` of `一二三四五六`.
fn titled(title: &str, content: &str) -> String {
    let begin = title.trim_end_matches(['.', '…']);
    let is_begin = begin.len() < title.len() && content.starts_with(begin);
    if title.is_empty() || is_begin || title == content {
        return content.to_owned();
    }
    let bare = title
        .strip_prefix('《')
        .and_then(|title| title.strip_suffix('》'));
    format!("《{}》\n{content}", bare.unwrap_or(title))
}

/// Returns true if WeChat would show a part of a joke as a link, or take it for a command, however
/// wide it is written and whatever else decodes it once more.
fn has_link(joke: &str) -> bool {
    let joke = fold(joke);
    // However often its `&` is escaped, and with or without `;`.
    let decoded = joke.replace("amp;", "").replace("amp", "");
    let decoded = decoded.replace("&lt;", "<").replace("&lt", "<");
    let is_link = |tag: &str| {
        let rest = tag.trim_start().strip_prefix('a').unwrap_or_default();
        !rest.starts_with(char::is_alphanumeric) && rest.contains("href")
    };
    let is_site = |site: &str| site.starts_with(|c: char| c.is_ascii_alphanumeric());
    joke.contains("://")
        || joke.contains("weixin:")
        || joke.split("www.").skip(1).any(is_site)
        || decoded.split('<').skip(1).any(is_link)
}

/// Decodes the texts of an item, and reads them as HTML for as long as there is HTML in them: APIs
/// and feeds send HTML in a text, and some sites escape twice.
pub(super) fn read_again(mut item: Item) -> Item {
    for text in [&mut item.title, &mut item.content] {
        let decoded = iter::successors(decoded_again(text), |once| decoded_again(once));
        let read = decoded.take(2).last().or_else(|| unescaped(text));
        // Chat scripts write `{br}` for a line break.
        *text = read.as_ref().unwrap_or(text).replace("{br}", "\n");
    }
    for _ in 0..MAX_READINGS {
        let has_markup = html::has_markup(&item.content) || html::has_markup(&item.title);
        if !has_markup || html::speaks_of_tags(&item.content) {
            break;
        }
        let content = html::fragment(&item.content);
        item = Item {
            title: html::fragment(&item.title).content,
            truncation: item.truncation.max(content.truncation),
            is_link: item.is_link || content.is_link,
            ..content
        };
    }
    item
}

/// Undoes JSON's escapes in a text, such as `\n`; but `C:\new` is a path.
fn unescaped(text: &str) -> Option<String> {
    // A `\n` that divides lines follows punctuation; one in a sentence about it does not.
    let follows_punctuation = |line: &str| !line.trim_end().ends_with(char::is_alphanumeric);
    let has_lines = text.contains("\\n") && text.rsplit("\\n").skip(1).all(follows_punctuation);
    let is_escaped = has_lines || has_one_of(text, r#"\r\n|\u|\"|\/"#);
    if !is_escaped || text.contains(":\\") {
        return None;
    }
    let lines = text
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\t', "\\t");
    json::parse_string(&format!("\"{lines}\""))
}

/// Cleans a raw text: without empty lines or whitespace around lines, with single spaces inside,
/// and without the colors of a terminal, characters that cannot be seen, or more than two combining
/// marks on one.
fn clean(raw: &str) -> String {
    let mut pieces = raw.split("\u{1b}[");
    let mut seen = pieces.next().unwrap_or_default().to_owned();
    seen.extend(pieces.map(|piece| {
        // Colors of a terminal: numbers, and the letter of the command.
        let code = piece.trim_start_matches(|c: char| c.is_ascii_digit() || ";:?".contains(c));
        let text = code.strip_prefix(|c: char| c.is_ascii_alphabetic());
        text.unwrap_or(code)
    }));
    seen.split(['\n', '\r', BREAK])
        .map(clean_line)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn clean_line(line: &str) -> String {
    let mut marks = 0;
    let seen: String = line
        .chars()
        .filter(|c| c.is_whitespace() || !is_unseen(*c))
        .filter(|c| {
            marks = match *c {
                // A joiner takes no place.
                '\u{200c}' | '\u{200d}' => marks,
                c if is_combining_mark(c) => marks + 1,
                _ => 0,
            };
            marks <= MAX_MARKS
        })
        .collect();
    // `split_whitespace` knows U+00A0 and U+3000 too.
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns true for control characters, zero-width spaces, byte order marks, characters of a page's
/// own font, and characters that change the direction of writing, which would affect the text
/// around a joke, too. Joiners stay: emoji are made with them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || is_direction_mark(c)
        || matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}')
        || matches!(c, '\u{2060}'..='\u{2065}' | '\u{e000}'..='\u{f8ff}')
}

/// Returns true if a joke has one of the words that the owner skips, in any case.
pub(in crate::joke) fn has_skipped_word(joke: &str, words: &[String]) -> bool {
    let joke = joke.to_lowercase();
    words
        .iter()
        .any(|word| !word.is_empty() && joke.contains(&word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::{super::item::is_more_link, *};

    fn judged(title: &str, content: &str) -> Result<String, Reason> {
        let skip = ["坏词".to_owned(), "Spam".to_owned(), String::new()];
        let item = Item {
            title: title.to_owned(),
            ..Item::of(content.to_owned())
        };
        judge(&read_again(item), &|joke| {
            has_skipped_word(joke, &skip).then_some(Reason::Skipped)
        })
    }

    #[test]
    fn whitespace_becomes_one_space_and_empty_lines_and_unseen_characters_go() {
        assert_eq!(
            clean("\u{feff} a\u{a0}\u{3000} b\t\r\n\n \u{200b}\n c\u{200b}d\u{7}\0 "),
            "a b\ncd"
        );
        assert_eq!(clean("👨‍👩‍👧"), "👨‍👩‍👧");
        assert_eq!(clean(" \u{3000}\n"), "");
    }

    #[test]
    fn the_title_goes_above_in_its_brackets() {
        assert_eq!(
            judged("标 题\n一", "一二三四五六").unwrap(),
            "《标 题 一》\n一二三四五六"
        );
        assert_eq!(
            judged("《标题》", "一二三四五六").unwrap(),
            "《标题》\n一二三四五六"
        );
        assert_eq!(judged(" ", "一二三四五六").unwrap(), "一二三四五六");
        assert_eq!(
            judged("一二三四五六", "一二三四五六\n").unwrap(),
            "一二三四五六"
        );
    }

    #[test]
    fn what_is_not_fit_is_left_out_with_the_reason() {
        assert_eq!(judged("标题", " \n"), Err(Reason::Empty));
        assert_eq!(judged("一二三四五六", "一二三 四五"), Err(Reason::Short));
        assert_eq!(judged("", "一二三四五六坏词"), Err(Reason::Skipped));
        assert_eq!(judged("有坏词", "一二三四五六"), Err(Reason::Skipped));
        assert_eq!(judged("", "some sPAM here"), Err(Reason::Skipped));
        assert_eq!(judged("", "一二三四\u{fffd}五六"), Err(Reason::Garbled));
    }

    #[test]
    fn a_joke_of_2047_bytes_fits_with_its_title_and_one_more_does_not() {
        let content = "笑".repeat(682);
        assert_eq!(content.len(), 2_046);
        assert!(judged("", &(content.clone() + "x")).is_ok());
        assert_eq!(judged("", &(content + "xx")), Err(Reason::Long));
        let content = "笑".repeat(678);
        assert_eq!(judged("题目", &content).unwrap().len(), MAX_CONTENT_BYTES);
        assert_eq!(judged("题目x", &content), Err(Reason::Long));
    }

    #[test]
    fn marks_that_change_the_direction_of_writing_go_and_of_heaped_accents_two_stay() {
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}d\u{61c}"), "abcd");
        assert_eq!(clean("e\u{301}\u{302}\u{303}\u{304}x"), "e\u{301}\u{302}x");
        let joined = clean("e\u{301}\u{200d}\u{302}\u{200b}\u{303}\u{200d}\u{304}x");
        assert_eq!(joined, "e\u{301}\u{200d}\u{302}x");
        assert_eq!(clean("1\u{fe0f}\u{20e3}👩🏽‍❤️‍👨"), "1\u{fe0f}\u{20e3}👩🏽‍❤️‍👨");
    }

    #[test]
    fn a_joke_has_30_lines_at_most() {
        assert!(judged("", &"一二三\n".repeat(30)).is_ok());
        assert_eq!(judged("", &"一二三\n".repeat(31)), Err(Reason::Lines));
        assert_eq!(judged("题", &"一二三\n".repeat(30)), Err(Reason::Lines));
    }

    #[test]
    fn a_joke_that_ends_in_a_mark_is_cut_and_one_that_speaks_of_it_is_not() {
        for cut in [
            "说到一半……查看全文",
            "说到一半……>>查看更多",
            "说到一半，查看更多",
            "说到一半的话。展开全文",
            "说到一半的话...[详细]",
            "说到一半的话……全文",
            "说到一半的话\n点击阅读全文",
            "half of what was said... Read more »",
            "half of what was said... (continue reading)",
        ] {
            assert_eq!(judged("", cut), Err(Reason::Cut), "{cut}");
        }
        for whole in [
            "他的简历也写了：点击查看全文。",
            "小编写标题总爱写“点击查看全文”",
            "他说他想知道更多",
            "他想继续阅读",
            "He wanted to see more",
            "He wanted it all... more",
            "从前有座山……",
        ] {
            assert_eq!(judged("", whole).as_deref(), Ok(whole));
        }
    }

    #[test]
    fn the_text_of_a_link_to_the_rest_is_made_of_few_words() {
        for mark in [
            "查看更多",
            "全文",
            "[详细]",
            "[…]",
            "»",
            "Read more",
            "read more »",
            "点击阅读全文",
        ] {
            assert!(is_more_link(mark), "{mark}");
        }
        for other in ["", " ", "评论", "北京", "more jokes", "12"] {
            assert!(!is_more_link(other), "{other}");
        }
    }

    #[test]
    fn what_was_escaped_once_more_is_read_once_more_and_no_tag_is_told() {
        assert_eq!(
            judged("", "3&lt;5对吗？<br />看心情。").unwrap(),
            "3<5对吗？\n看心情。"
        );
        assert_eq!(
            judged("", "&amp;amp;ldquo;早起&amp;amp;rdquo;了吗").unwrap(),
            "“早起”了吗"
        );
        assert_eq!(
            judged("", "AT&T 和 a<b 都在 R&D; 里").unwrap(),
            "AT&T 和 a<b 都在 R&D; 里"
        );
        let deep = "&amp;amp;amp;lt;b&amp;amp;amp;gt;一二三四五六";
        assert_eq!(judged("", deep), Err(Reason::Markup));
    }

    #[test]
    fn a_joke_with_a_link_is_not_told_however_it_is_written() {
        for link in [
            "点这里 weixin://bizmsgmenu?msgid=1",
            "看 http://x.cn/ 吧，真好笑",
            "&lt;a href=&quot;x.cn&quot; 一二三四五六",
            "&#119;eixin://dl/chat 一二三四五六",
            "一二三 <A\u{a0}\nHREF='x' 四五六",
            "&LTa href=\"//x.cn\">点我一二三&LT/a>",
            "&amp;LTa href=&quot;x.cn/x&quot;&gt;点我一二三",
            "&ampLTa href=//x.cn>点我一二三",
            "&ampampLTa href=//x.cn>点我一二三",
            "&amp;amp;AMPlt;a href=//x.cn>点我一二三",
            "< a href=\"x.cn\">点我一二三",
            "&lt;\ta href=x.cn>点我一二三",
            "＜a href=x.cn＞点我一二三",
            "ｗｅｉｘｉｎ：／／dl/chat 一二三",
        ] {
            assert_eq!(judged("", link), Err(Reason::Link), "{link}");
        }
    }

    #[test]
    fn a_number_before_a_joke_goes_and_numbers_in_it_stay() {
        for (numbered, joke) in [
            ("12、一二三四五六", "一二三四五六"),
            ("（3） 一二三四五六", "一二三四五六"),
            ("③一二三四五六", "一二三四五六"),
            ("3.5米高的人来了", "3.5米高的人来了"),
            ("3、2、1，木头人", "3、2、1，木头人"),
            ("2024年的笑话", "2024年的笑话"),
            ("1、我很帅\n2、我很诚实", "1、我很帅\n2、我很诚实"),
        ] {
            assert_eq!(judged("", numbered).as_deref(), Ok(joke));
        }
        assert_eq!(
            judged("7、题目", "一二三四五六").unwrap(),
            "《题目》\n一二三四五六"
        );
    }

    #[test]
    fn lines_at_the_end_that_are_about_a_joke_go_and_its_own_stay() {
        for aside in [
            "浏览 123 次",
            "发布时间：2024-01-02",
            "上一篇：猫和老鼠",
            "2024-01-02 10:20",
        ] {
            assert_eq!(
                judged("", &format!("一二三四五六\n{aside}")).as_deref(),
                Ok("一二三四五六")
            );
        }
        for own in [
            "阅读 使我快乐",
            "来源：不知道。",
            "编辑：我不要了",
            "公众号我不看",
        ] {
            let joke = format!("一二三四五六\n{own}");
            assert_eq!(judged("", &joke).as_deref(), Ok(&*joke));
        }
    }

    #[test]
    fn a_title_that_repeats_the_beginning_is_left_away() {
        assert_eq!(judged("一二三...", "一二三四五六").unwrap(), "一二三四五六");
        assert_eq!(
            judged("一二三", "一二三四五六").unwrap(),
            "《一二三》\n一二三四五六"
        );
        assert_eq!(
            judged("四五六...", "一二三四五六").unwrap(),
            "《四五六...》\n一二三四五六"
        );
    }

    #[test]
    fn reasons_are_counted_and_listed() {
        let mut left_out = LeftOut::default();
        for reason in [Reason::Cut, Reason::Empty, Reason::Cut] {
            left_out.count(reason);
        }
        assert_eq!(left_out.total(), 3);
        assert_eq!(
            left_out.to_string(),
            "1 without text, 2 cut short by the site"
        );
    }
}
