//! What a format finds: the raw texts of a joke, and the marks by which sites cut one short.

/// In a raw text, a line break that was asked for, and not only the end of a block.
pub(super) const BREAK: char = '\u{b}';

/// In a raw text, the beginning of a heading.
pub(super) const HEADING: char = '\u{2}';

/// Under so many characters, whitespace not counted, it is a heading, a number or a stray word.
pub(super) const MIN_JOKE_CHARACTERS: usize = 6;

/// Lines of a joke; a reply of more fills several screens.
pub(super) const MAX_LINES: usize = 30;

/// Words for the rest of a joke, or for reading it, in links to it.
const REST_WORDS: &str = "\
    查看 阅读 浏览 显示 展开 继续 更多 全部 全文 完整 剩余 余下 详情 详细 原文 下文 未完待续 \
    閱讀 瀏覽 顯示 展開 繼續 詳情 詳細 reading read more continue full rest entire complete see";

/// Words that stand beside them.
const OTHER_WORDS: &str = "\
    点击 点此 点我 这里 此处 内容 笑话 段子 看 版 點擊 點此 內容 剩餘 餘下 笑話 story show view \
    all the keep click tap here to of this joke post article on go";

/// Beginnings of links to the rest that name what it is the rest of.
const LINK_BEGINNINGS: &str = "continuereading readmore 继续阅读 阅读全文 查看全文 繼續閱讀";

/// What is longer, in bytes, is no link to the rest.
const MAX_MARK_BYTES: usize = 120;

/// A mark so long, in bytes, that it needs no dots before it where no link is around it.
const LONG_MARK_BYTES: usize = 8;

/// The raw texts of one joke, as a format found them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) title: String,
    pub(super) content: String,
    /// Whether there is a link to the rest of it.
    pub(super) has_link_to_rest: bool,
    /// Whether it is nothing but a link.
    pub(super) is_link: bool,
}

impl Item {
    pub(super) fn of(content: String) -> Item {
        Item {
            content,
            ..Item::default()
        }
    }

    pub(super) fn titled(title: &[&str], content: &[&str]) -> Item {
        Item {
            title: title.join("\n"),
            ..Item::of(content.join("\n"))
        }
    }

    pub(super) fn has_text(&self) -> bool {
        !self.content.trim().is_empty()
    }
}

/// Whether the text of a link says that it leads to the rest of a joke. Symbols alone do, too.
#[inline(never)]
pub(super) fn is_cut_mark(link: &str) -> bool {
    let words = words(link);
    let names_it = LINK_BEGINNINGS
        .split(' ')
        .any(|begin| words.starts_with(begin));
    let is_symbol = !link.trim().is_empty() && !link.contains(char::is_alphanumeric);
    names_it || is_symbol || means_rest(link)
}

/// Whether a text is made of nothing but words for the rest of a joke.
#[inline(never)]
pub(super) fn means_rest(text: &str) -> bool {
    let words = || words(text);
    text.len() <= MAX_MARK_BYTES && !words().is_empty() && without_mark(&words()).is_empty()
}

fn words(text: &str) -> String {
    let words: String = text.chars().filter(|c| c.is_alphabetic()).collect();
    words.to_lowercase()
}

/// A text without the words at its end that led to the rest of it; all of it if none means that.
fn without_mark(text: &str) -> &str {
    let (mut rest, mut means_rest) = (text, false);
    loop {
        let without = |words: &str| words.split(' ').find_map(|word| rest.strip_suffix(word));
        let named = without(REST_WORDS);
        means_rest |= named.is_some();
        match named.or_else(|| without(OTHER_WORDS)) {
            Some(left) => rest = left.trim_end_matches(' '),
            None => break,
        }
    }
    if means_rest { rest } else { text }
}

/// Whether a joke ends in dots, as one that is cut short does.
#[inline(never)]
pub(super) fn trails_off(joke: &str) -> bool {
    joke.ends_with('…') || joke.ends_with("...")
}

/// Whether a text ends as a sentence does, and not in the middle of one.
#[inline(never)]
pub(super) fn ends_sentence(text: &str) -> bool {
    let ends = [
        '。', '！', '？', '!', '?', '.', '”', '"', '」', '』', '）', ')', '~', '～',
    ];
    text.ends_with(ends) && !trails_off(text)
}

/// Whether a joke ends in words that led to the rest of it, or in dots in brackets. Inside a
/// sentence they are its words.
pub(super) fn ends_in_cut_mark(joke: &str) -> bool {
    let is_symbol = |c: char| c.is_whitespace() || ">»›→[]【】()（）".contains(c);
    let joke = joke.to_lowercase();
    let marked = joke.trim_end_matches(is_symbol);
    let rest = without_mark(marked);
    let mark_bytes = marked.len() - rest.len();
    let text = rest.trim_end_matches(is_symbol);
    let is_apart = text.len() < rest.len() || text.ends_with(['，', ',', '。', '！', '？']);
    let is_long = mark_bytes >= LONG_MARK_BYTES;
    let is_removed = ["[removed]", "[deleted]"]
        .iter()
        .any(|mark| joke.ends_with(mark));
    is_removed
        || trails_off(marked) && joke.ends_with([']', '】'])
        || mark_bytes > 0
            && (is_long && is_apart
                || trails_off(text) && (is_long || !marked.ends_with(|c: char| c.is_ascii())))
}

/// Characters that are no whitespace.
#[inline(never)]
pub(super) fn characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Whether a name is one of those that a list has, with a space between two.
// Called in many places, where it would make the program larger.
#[inline(never)]
pub(super) fn is_one_of(name: &str, names: &str) -> bool {
    names.split(' ').any(|one| name.eq_ignore_ascii_case(one))
}
