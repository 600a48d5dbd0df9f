//! The raw texts of a joke, and the marks by which sites cut one short, as `查看全文` (read the rest).
//!
//! Lists of words are texts: divided by spaces for [`is_one_of`] and [`words_of`], and by `|`, so
//! that an entry may have a space, for [`has_one_of`] and [`without_beginning`]. What is
//! `inline(never)`, here and elsewhere, is called in many places, where it would make the program
//! larger.

/// A line break in a raw text, as by `<br>`; `\n` ends a block. Cleaned texts have only `\n`.
pub(super) const BREAK: char = '\u{b}';

/// The beginning of a heading in a raw text; removed when the text is cleaned.
pub(super) const HEADING: char = '\u{2}';

/// Characters of a joke at least, without whitespace; fewer are a heading or a stray word.
pub(super) const MIN_JOKE_CHARACTERS: usize = 6;

/// Lines of a joke at most; more fill several screens.
pub(super) const MAX_LINES: usize = 30;

/// Words of which a link to the rest of a joke has at least one. The `c` is a site's arrow.
const MORE_WORDS: &str = "\
    查看 阅读 浏览 显示 展开 继续 更多 全部 全文 全文c 展开c 完整 剩余 余下 详情 详细 原文 下文 未完待续 \
    閱讀 瀏覽 顯示 展開 繼續 詳情 詳細 reading read more continue full rest entire complete see";

/// Other words that such a link may have.
const OTHER_WORDS: &str = "\
    点击 点此 点我 这里 此处 内容 部分 笑话 段子 看 版 请登录后 登录后 登陆后 打开app 點擊 點此 內容 剩餘 餘下 \
    笑話 story show view all the keep click tap here to of this joke post article on go";

/// Ends of a joke whose rest is elsewhere, if anywhere.
const END_MARKS: &str = "\
    [removed]|[deleted]|[truncated]|(continued)|to be continued|（待续）|(待续)|未完待续|未完，请看下一页）|查看答案|显示答案|\
    \n答案：|\n谜底：|？答案：|\n答：|\na:|\nanswer:|答案见评论）|\
    …下一页|..下一页|… 下一页|.. 下一页";

/// Beginnings of such links, without spaces, after which the title of the joke may follow.
const LINK_BEGINNINGS: &str = "continuereading|readmore|继续阅读|阅读全文|查看全文|繼續閱讀";

/// Words of a link that sites put behind a joke only if they have cut it.
const CUT_WORDS: &str = "全文|展开|展開|继续|繼續|完整|readmore|continue|full|rest";

/// Ends of a sentence, in speech or brackets, too.
const SENTENCE_ENDS: [char; 14] = [
    '。', '！', '？', '!', '?', '.', '”', '"', '」', '』', '）', ')', '~', '～',
];

/// Bytes of the words in such a link at most.
pub(super) const MAX_MARK_BYTES: usize = 120;

/// Bytes of a mark from which on it counts after punctuation, too, and not only after dots.
pub(super) const LONG_MARK_BYTES: usize = 8;

/// The raw texts of one joke, as a format found them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) title: String,
    pub(super) content: String,
    pub(super) truncation: Truncation,
    /// Set if it is nothing but links.
    pub(super) is_link: bool,
}

/// Whether a site has cut a joke short, by what the page says of the rest of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truncation {
    /// It says nothing.
    #[default]
    No,
    /// A link may lead to the rest, as `更多` does, or to other jokes.
    Possible,
    /// A link behind the joke names the rest, as `全文` does: the joke is cut there.
    Certain,
}

impl Item {
    pub(super) fn of(content: String) -> Item {
        Item {
            content,
            ..Item::default()
        }
    }

    pub(super) fn titled(title: &str, content: String) -> Item {
        Item {
            title: title.to_owned(),
            ..Item::of(content)
        }
    }
}

/// Returns true if the text of a link leads to the rest of a joke: `查看更多`, `Read more »` or symbols
/// alone as in `[…]`, but not `评论` or `more jokes`.
pub(super) fn is_more_link(link: &str) -> bool {
    let is_symbol = !link.trim().is_empty() && !link.contains(char::is_alphanumeric);
    is_symbol || are_more_words(link) || without_beginning(&words(link), LINK_BEGINNINGS).is_some()
}

/// Returns true if a link to the rest says that there is one, as `全文` does and `更多` may not.
pub(super) fn says_full_text(link: &str) -> bool {
    has_one_of(&words(link), CUT_WORDS)
}

/// Counts the words of a list that a text is made of, without regard to what is no letter; `None`
/// if it has other words. In the list, a word must come before any word that it ends with.
pub(super) fn words_of(text: &str, list: &str) -> Option<usize> {
    let words = words(text);
    let (mut rest, mut count) = (words.as_str(), 0);
    while let Some(left) = without_word(rest, list) {
        rest = left;
        count += 1;
    }
    (count > 0 && rest.is_empty()).then_some(count)
}

/// Returns true if a text has no other words than a link to the rest: `点击阅读全文`, but not `点击这里`,
/// which has none of [`MORE_WORDS`].
pub(super) fn are_more_words(text: &str) -> bool {
    let words = || words(text);
    text.len() <= MAX_MARK_BYTES && !words().is_empty() && without_more_words(&words()).is_empty()
}

fn words(text: &str) -> String {
    let words: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    words.to_lowercase()
}

/// Strips the words of a link to the rest from a text's end: `half... read more` gives `half...`.
/// Without one of [`MORE_WORDS`] among them, all of the text stays.
fn without_more_words(text: &str) -> &str {
    let (mut rest, mut leads_on) = (text, false);
    loop {
        let named = without_word(rest, MORE_WORDS);
        leads_on |= named.is_some();
        match named.or_else(|| without_word(rest, OTHER_WORDS)) {
            Some(left) => rest = left.trim_end_matches(' '),
            None if leads_on => return rest,
            None => return text,
        }
    }
}

/// Strips the first of the words in a list that a text ends with.
fn without_word<'t>(text: &'t str, list: &str) -> Option<&'t str> {
    let mut words = list.split(' ');
    words.find_map(|word| text.strip_suffix(word))
}

/// Returns true for a text that ends in dots, as a joke that is cut short does.
pub(super) fn trails_off(joke: &str) -> bool {
    joke.ends_with('…') || joke.ends_with("..")
}

/// Returns true for a text that ends as a sentence does, and not in dots.
pub(super) fn ends_sentence(text: &str) -> bool {
    text.ends_with(SENTENCE_ENDS) && !trails_off(text)
}

/// Returns true for a text that ends in a question mark.
pub(super) fn is_question(text: &str) -> bool {
    text.trim_end().ends_with(['?', '？'])
}

/// Returns true if a joke ends in a mark without a link: a long one after dots, punctuation or a
/// space (`说到一半，查看更多`), a short one after dots, in Chinese (`……全文`) or brackets (`...(more)`),
/// dots in brackets, a count (`[+99 chars]`), or Reddit's `[removed]`; or if it is only a mark.
/// In a sentence they are its words: `他想继续阅读`.
pub(super) fn ends_truncated(joke: &str) -> bool {
    let is_symbol = |c: char| c.is_whitespace() || ">»›→[]【】()（）".contains(c);
    let joke = joke.to_lowercase();
    let marked = joke.trim_end_matches(is_symbol);
    let rest = without_more_words(marked);
    let mark_bytes = marked.len() - rest.len();
    let text = rest.trim_end_matches(is_symbol);
    let is_apart = text.len() < rest.len() || text.ends_with(['，', ',', '。', '！', '？']);
    let is_long = mark_bytes >= LONG_MARK_BYTES;
    let is_removed = END_MARKS.split('|').any(|mark| joke.ends_with(mark));
    let is_counted = joke.contains("[+") && joke.ends_with(" chars]")
        || joke.contains("（共") && joke.ends_with("字）");
    let is_marked =
        is_long || !marked.ends_with(|c: char| c.is_ascii()) || joke.ends_with([')', ']']);
    is_removed
        || is_counted
        || trails_off(marked) && joke.ends_with([']', '】'])
        || mark_bytes > 0
            && (is_long && (is_apart || text.is_empty()) || trails_off(text) && is_marked)
}

/// Counts the characters of a text that are no whitespace.
#[inline(never)]
pub(super) fn visible_count(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Returns true if a text has one of the words in a list with a `|` between two.
#[inline(never)]
pub(super) fn has_one_of(text: &str, words: &str) -> bool {
    words.split('|').any(|word| text.contains(word))
}

/// Strips the first of the beginnings in a list with a `|` between two that a text has.
#[inline(never)]
pub(super) fn without_beginning<'t>(text: &'t str, beginnings: &str) -> Option<&'t str> {
    let mut beginnings = beginnings.split('|');
    beginnings.find_map(|beginning| text.strip_prefix(beginning))
}

/// Returns true if a name is in a list of names with a space between two, in any case.
#[inline(never)]
pub(super) fn is_one_of(name: &str, names: &str) -> bool {
    names.split(' ').any(|one| name.eq_ignore_ascii_case(one))
}
