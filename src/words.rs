//! What the bot says, and to what: the defaults, and the owner's own.

mod file;
pub(crate) mod find;

use std::{borrow::Cow, fmt, iter, ops::Range};

pub(crate) use self::file::Reason;
pub use self::file::WordsError;
use self::find::{Finder, fold, squeeze};
use crate::{reverse::reverse, wechat::reply::Content};

const HELP: &str = "发我一句话，我倒着说给你听。\n发「笑话」，我给你讲一个笑话。";
const NO_WORDS: &str = "我只认得字，发句话给我吧。";
const REFUSAL: &str = "换句话说吧。";
/// No text that can be sent has it.
const BETWEEN_TEXTS: &str = "\0";

const JOKE_WORDS: [&str; 3] = ["笑话", "笑話", "joke"];
const HELP_WORDS: [&str; 10] = [
    "帮助",
    "幫助",
    "help",
    "?",
    "？",
    "怎么用",
    "怎麼用",
    "菜单",
    "菜單",
    "選單",
];
/// Asks for another joke, from a user who was just told one.
const AGAIN: [&str; 6] = [
    "再讲一个",
    "再講一個",
    "换一个",
    "換一個",
    "再来一个",
    "再來一個",
];
/// Punctuation allowed after a word that must be the whole text; folded.
const CLOSING: [char; 9] = ['。', '.', '!', '?', '~', '…', ',', ';', '、'];

/// What WeChat sends in place of a sticker: not words of the user.
const STICKERS: [&str; 4] = [
    "【收到不支持的消息类型，暂无法显示】",
    "【收到不支援的訊息類型，無法顯示】",
    "[Unsupported Message]",
    "[Unsupported message]",
];

/// What negates a joke word after it; [`FILLERS`] may stand between the two.
const NEGATIONS: [&str; 33] = [
    "不想要",
    "不需要",
    "不喜欢",
    "不喜歡",
    "不要",
    "不想",
    "不用",
    "不听",
    "不聽",
    "不看",
    "不讲",
    "不講",
    "不说",
    "不說",
    "不许",
    "不許",
    "不准",
    "不能",
    "不必",
    "不爱",
    "不愛",
    "不喜",
    "不需",
    "别",
    "別",
    "勿",
    "莫",
    "甭",
    "don't",
    "don’t",
    "do not",
    "not",
    "no",
];
const FILLERS: [&str; 39] = [
    " ", "再", "老是", "总是", "總是", "老", "总", "總", "给", "給", "跟", "对", "對", "和", "我",
    "你的", "你", "讲", "講", "说", "說", "听", "聽", "到", "看", "发", "發", "什么", "什麼",
    "任何", "个", "個", "一", " a", " any", " more", " tell", " me", " want",
];
/// What makes a question of a joke word before it, if what negates that begins with 不: 不能讲个笑话吗,
/// 不讲笑话了吗. `别笑话么` stays a refusal.
const ASKING: [char; 4] = ['吗', '嗎', '么', '麼'];
/// What makes a complaint, that is a wish, of a negation after it: 怎么不讲笑话.
const COMPLAINTS: [&str; 7] = ["怎么", "怎麼", "为什么", "為什麼", "为啥", "咋", "why "];

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Say this.
    Reply(Content),
    /// Tell the next joke.
    TellJoke,
    /// Tell WeChat that the message arrived, and the user nothing.
    Acknowledge,
}

/// The kind of input that words came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Text,
    /// Recognized speech, with punctuation that nobody spoke.
    Speech,
    /// The key of a menu item: what no rule knows is not answered.
    MenuKey,
}

/// What decided on an answer; shown as the owner's setting, if there is one for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Reply { number: usize, line: usize },
    JokeWords,
    HelpWords,
    Again,
    NoWords,
    Banned,
    Otherwise,
}

/// What the bot says, and to what.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the names are those in the file")]
pub struct Words {
    welcome: Content,
    help: Content,
    no_words: Content,
    /// Without it, other words are said backwards.
    otherwise: Option<Content>,
    /// Nothing, if it is banned itself.
    refusal: Option<Content>,
    help_words: Vec<String>,
    banned: Finder,
    replies: Vec<Reply>,
    /// The replies' `words`, by the replies' places, and the joke words, which come after them.
    words: Finder,
    /// The replies' `exactly`.
    exactly: Finder,
    /// What replies say, with [`BETWEEN_TEXTS`] between texts. With a string for each, a large file
    /// would keep the memory that reading it took: 18 times its size.
    says: String,
}

#[derive(Debug)]
struct Reply {
    line: usize,
    kind: ReplyKind,
}

#[derive(Debug)]
enum ReplyKind {
    /// One of the texts there at random.
    Say(Range<usize>),
    Joke,
    Nothing,
}

impl Default for Words {
    fn default() -> Self {
        Self::parse("").expect("an empty file sets nothing")
    }
}

impl Words {
    /// Answers a new follower.
    pub(crate) fn welcome(&self) -> Action {
        say(self.allowed(self.welcome.clone()))
    }

    /// Answers what has no words.
    pub(crate) fn no_words(&self) -> Action {
        say(self.allowed(self.no_words.clone()))
    }

    /// Answers words. `after_joke` tells that the user was just told one; `pick` chooses one of so
    /// many.
    pub(crate) fn hear(
        &self,
        input: Input,
        text: &str,
        after_joke: bool,
        pick: impl Fn(usize) -> usize,
    ) -> (Action, Rule) {
        match self.choose(input, text, after_joke, pick) {
            (Action::Reply(content), _) if self.is_banned(content.as_str()) => {
                (say(self.refusal.clone()), Rule::Banned)
            }
            chosen => chosen,
        }
    }

    /// The first reply in the order of the file that knows the words, or else a joke, help, or
    /// whatever there is otherwise.
    fn choose(
        &self,
        input: Input,
        text: &str,
        after_joke: bool,
        pick: impl Fn(usize) -> usize,
    ) -> (Action, Rule) {
        if STICKERS.contains(&text.trim()) {
            return (Action::Reply(self.no_words.clone()), Rule::NoWords);
        }
        let folded = fold(text);
        let bare = folded.trim_end_matches(CLOSING);
        if let Some(first) = self.first(input, &folded, bare) {
            return self.replies.get(first).map_or(
                (Action::TellJoke, Rule::JokeWords),
                |Reply { line, kind }| {
                    let (number, line) = (first + 1, *line);
                    (self.act(kind, pick), Rule::Reply { number, line })
                },
            );
        }
        let is_whole = |word: &String| *word == folded || word == bare;
        if self.help_words.iter().any(is_whole) {
            (Action::Reply(self.help.clone()), Rule::HelpWords)
        } else if after_joke && AGAIN.contains(&bare.trim_end_matches('吧')) {
            (Action::TellJoke, Rule::Again)
        } else if input == Input::MenuKey || text.is_empty() {
            (Action::Acknowledge, Rule::Otherwise)
        } else {
            let otherwise = self.otherwise.clone();
            let content = otherwise.or_else(|| Content::new(reverse(&self.undirected(text))));
            (say(content), Rule::Otherwise)
        }
    }

    /// The place of the first reply that knows the words; that behind all of them asks for a joke.
    fn first(&self, input: Input, folded: &str, bare: &str) -> Option<usize> {
        let mut decided = usize::MAX;
        let found = self.words.find(folded).filter(|(at, place)| {
            let before = folded.get(..*at).unwrap_or_default();
            let asked = bare.get(*at..).and_then(|last| last.strip_suffix(ASKING));
            let asked = asked.map(|word| word.strip_suffix('了').unwrap_or(word));
            let is_asked = || asked.is_some_and(|word| self.words.find_whole(word) == Some(*place));
            *place < self.replies.len() || is_wish(before, is_asked, &mut decided)
        });
        // Speech is also compared without the punctuation that nobody spoke.
        let spoken = (input == Input::Speech).then_some(bare);
        let wholes = iter::once(folded).chain(spoken);
        let exact = wholes.filter_map(|whole| self.exactly.find_whole(whole));
        found.map(|(_, place)| place).chain(exact).min()
    }

    fn act(&self, kind: &ReplyKind, pick: impl Fn(usize) -> usize) -> Action {
        match kind {
            ReplyKind::Say(place) => {
                let texts = self.says.get(place.clone()).unwrap_or_default();
                let mut texts = texts.split(BETWEEN_TEXTS);
                let text = texts.nth(pick(texts.clone().count()));
                say(text.and_then(|text| Content::new(text.to_owned())))
            }
            ReplyKind::Joke => Action::TellJoke,
            ReplyKind::Nothing => Action::Acknowledge,
        }
    }

    /// A joke as it is told, or what is said instead of one that must not be.
    pub(crate) fn tell(&self, joke: &str) -> Option<Content> {
        self.allowed(Content::new(self.undirected(joke).into_owned())?)
    }

    /// The text without marks of direction, where words are banned: with them, a text can be shown
    /// in another order than that in which it is compared.
    fn undirected<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.banned.is_empty() || !text.contains(is_direction_mark) {
            text.into()
        } else {
            text.replace(is_direction_mark, "").into()
        }
    }

    /// The content, or the refusal if the content has a banned word.
    fn allowed(&self, content: Content) -> Option<Content> {
        if self.is_banned(content.as_str()) {
            self.refusal.clone()
        } else {
            Some(content)
        }
    }

    /// Whether the text has a word that the bot must never say.
    pub(crate) fn is_banned(&self, text: &str) -> bool {
        if self.banned.is_empty() {
            return false;
        }
        let text = squeeze(text);
        let has_word = |text: &str| self.banned.find(text).next().is_some();
        has_word(&text) || (text.contains('<') && has_word(&without_links(&text)))
    }
}

/// A squeezed text as WeChat shows it: without the tags around its links.
fn without_links(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        let is_link = tag.starts_with('a') || tag.starts_with("/a");
        rest = match tag.split_once('>') {
            Some((_, after)) if is_link => {
                shown.push_str(before);
                after
            }
            Some(_) => {
                shown.extend([before, "<"]);
                tag
            }
            None => break,
        };
    }
    shown + rest
}

fn say(content: Option<Content>) -> Action {
    content.map_or(Action::Acknowledge, Action::Reply)
}

/// Whether the character is what Unicode calls a bidirectional control.
fn is_direction_mark(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether a joke word after this is a wish for a joke. The last one in a text comes first: one
/// that is negated decides on all that stand between it and the negation, and a wish on all the
/// others, so that no part of a text is looked at twice. Those from `decided` on are no wishes.
fn is_wish(before: &str, is_asked: impl FnOnce() -> bool, decided: &mut usize) -> bool {
    if before.len() >= *decided {
        return false;
    }
    let negation = negation(before);
    let negation = negation.filter(|(word, _)| !word.starts_with('不') || !is_asked());
    *decided = negation.map_or(0, |(_, end)| end);
    negation.is_none()
}

/// The negation that makes a joke word after this no wish for a joke, and its end: `不要笑话我`.
fn negation(mut before: &str) -> Option<(&'static str, usize)> {
    loop {
        let negation = NEGATIONS.iter().find(|word| before.ends_with(**word));
        if let Some(negation) = negation {
            let end = before.len();
            let before = before.strip_suffix(negation).unwrap_or_default();
            return (!is_other_word(before, negation)).then_some((negation, end));
        }
        let shorter = FILLERS
            .iter()
            .find_map(|filler| before.strip_suffix(filler));
        before = shorter?;
    }
}

/// Whether a negation is a question with what is before it (要不要, 何不), a complaint (怎么还不讲), or
/// part of another word (特别, 区别, 告别; casino).
fn is_other_word(before: &str, negation: &str) -> bool {
    let asked = before.trim_end_matches(['还', '還', '都']);
    let last = before.chars().next_back().unwrap_or(' ');
    COMPLAINTS.iter().any(|word| asked.ends_with(word))
        || match negation.chars().next() {
            Some('不') => negation.contains(last) || "要何得别別".contains(last),
            Some('别' | '別') => "特区區分告个個性级級类類差识識".contains(last),
            _ => last.is_ascii_alphabetic(),
        }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply { number, line } => return write!(f, "reply {number}, line {line}"),
            Self::JokeWords => "joke_words",
            Self::HelpWords => "help_words",
            Self::Again => "another joke",
            Self::NoWords => "no_words",
            Self::Banned => "banned",
            Self::Otherwise => "otherwise",
        })
    }
}

#[cfg(test)]
mod tests;
