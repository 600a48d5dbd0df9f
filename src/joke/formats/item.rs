//! What a format finds: the raw texts of a joke, and the marks by which sites cut one short.

/// In a raw text, a line break that was asked for, and not only the end of a block.
pub(super) const BREAK: char = '\u{b}';

/// In a raw text, the beginning of a heading.
pub(super) const HEADING: char = '\u{2}';

/// Under so many characters, whitespace not counted, it is a heading, a number or a stray word.
pub(super) const MIN_JOKE_CHARACTERS: usize = 6;

/// Words of which links to the rest of a joke are made.
const CUT_WORDS: [&str; 30] = [
    "点击", "点此", "查看", "阅读", "浏览", "显示", "展开", "继续", "更多", "全部", "全文", "完整",
    "剩余", "余下", "内容", "详情", "详细", "原文", "下文", "read", "more", "continue", "reading",
    "full", "story", "show", "view", "see", "all", "the",
];

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
pub(super) fn is_cut_mark(link: &str) -> bool {
    let words: String = link.chars().filter(|c| c.is_alphanumeric()).collect();
    let words = words.to_lowercase();
    let mut rest = words.as_str();
    while let Some(shorter) = CUT_WORDS.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    rest.is_empty() && !link.trim().is_empty()
}

/// Whether a joke ends in dots, as one that is cut short does.
pub(super) fn trails_off(joke: &str) -> bool {
    joke.ends_with('…') || joke.ends_with("...")
}

/// Whether a text ends as a sentence does, and not in the middle of one.
pub(super) fn ends_sentence(text: &str) -> bool {
    let ends = [
        '。', '！', '？', '!', '?', '.', '”', '"', '」', '』', '）', ')', '~', '～',
    ];
    text.ends_with(ends) && !trails_off(text)
}

/// Whether a joke ends in words that led to the rest of it. Inside a sentence they are its words.
pub(super) fn ends_in_cut_mark(joke: &str) -> bool {
    let is_symbol = |c: char| c.is_whitespace() || ">»›→[]【】()（）".contains(c);
    let joke = joke.to_lowercase();
    let marked = joke.trim_end_matches(is_symbol);
    let mut rest = marked;
    while let Some(shorter) = CUT_WORDS.iter().find_map(|word| rest.strip_suffix(word)) {
        rest = shorter.trim_end_matches(' ');
    }
    let mark_bytes = marked.len() - rest.len();
    let text = rest.trim_end_matches(is_symbol);
    let is_apart = text.len() < rest.len() || text.ends_with(['，', ',', '。', '！', '？']);
    let is_long = mark_bytes >= LONG_MARK_BYTES;
    mark_bytes > 0
        && (is_long && is_apart
            || trails_off(text) && (is_long || !marked.ends_with(|c: char| c.is_ascii())))
}

/// Characters that are no whitespace.
pub(super) fn characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
