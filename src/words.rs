//! What the bot says, and to what: the defaults, and the owner's own.

mod file;
pub(crate) mod find;
mod joke_wish;

use std::{borrow::Cow, iter, ops::Range};

use serde::Deserialize;

pub(crate) use self::file::Reason;
pub use self::file::WordsError;
use self::{
    find::{Finder, fold, squeeze},
    joke_wish::wishes_for_joke,
};
use crate::{printable::is_direction_mark, reverse::reverse, wechat::reply::Content};

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
    /// Said in place of what has a banned word.
    refusal: Content,
    help_words: Vec<String>,
    banned: Finder,
    replies: Vec<Reply>,
    /// The replies' `words`, numbered by the replies' indexes, and behind all of them the joke
    /// words: so one pass over a text finds both.
    words: Finder,
    /// The replies' `exactly`, numbered by the replies' indexes.
    exactly: Finder,
    /// What replies say, with [`BETWEEN_TEXTS`] between texts. With a string for each, a large file
    /// would keep the memory that reading it took: 18 times its size.
    texts: String,
}

#[derive(Debug)]
struct Reply {
    line: usize,
    kind: ReplyKind,
}

/// What a reply does: the value of its `do`, or to say something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReplyKind {
    /// One of the texts there at random.
    #[serde(skip)]
    Text(Range<usize>),
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
        reply_or_acknowledge(self.allowed(self.welcome.clone()))
    }

    /// Answers what has no words.
    pub(crate) fn no_words(&self) -> Action {
        reply_or_acknowledge(self.allowed(self.no_words.clone()))
    }

    /// Answers words by the first reply in the order of the file that knows them, or else with a
    /// joke, help, or whatever there is otherwise. `after_joke` tells that the user was just told
    /// one; `pick` chooses one of so many.
    pub(crate) fn hear(
        &self,
        input: Input,
        text: &str,
        after_joke: bool,
        pick: impl Fn(usize) -> usize,
    ) -> (Action, Rule) {
        if STICKERS.contains(&text.trim()) {
            return self.answer(Some(self.no_words.clone()), Rule::NoWords);
        }
        let folded = fold(text);
        let bare = folded.trim_end_matches(CLOSING);
        let is_whole = |word: &String| *word == folded || word == bare;
        let mut found = Vec::new();
        // `for_each` is faster here than `collect`, which calls `next` for each.
        self.words.find(&folded).for_each(|word| found.push(word));
        if let Some(index) = self.first_reply(input, &folded, bare, &found) {
            self.act(index, pick)
        } else if wishes_for_joke(&folded, bare, &found, &self.words) {
            (Action::TellJoke, Rule::JokeWords)
        } else if self.help_words.iter().any(is_whole) {
            self.answer(Some(self.help.clone()), Rule::HelpWords)
        } else if after_joke && AGAIN.contains(&bare.trim_end_matches('吧')) {
            (Action::TellJoke, Rule::Again)
        } else if input == Input::MenuKey || text.is_empty() {
            (Action::Acknowledge, Rule::Otherwise)
        } else {
            let otherwise = self.otherwise.clone();
            let content = otherwise.or_else(|| Content::new(reverse(&self.directionless(text))));
            self.answer(content, Rule::Otherwise)
        }
    }

    /// The first reply in the order of the file that knows the words, by its index.
    fn first_reply(
        &self,
        input: Input,
        folded: &str,
        bare: &str,
        found: &[(usize, usize)],
    ) -> Option<usize> {
        let found = found.iter().map(|(_, number)| *number);
        let found = found.filter(|number| *number < self.replies.len());
        // Speech is also compared without the punctuation that nobody spoke.
        let spoken = (input == Input::Speech).then_some(bare);
        let wholes = iter::once(folded).chain(spoken);
        let exact = wholes.filter_map(|whole| self.exactly.find_whole(whole));
        found.chain(exact).min()
    }

    /// What the reply with this index does.
    fn act(&self, index: usize, pick: impl Fn(usize) -> usize) -> (Action, Rule) {
        let Some(Reply { line, kind }) = self.replies.get(index) else {
            return (Action::Acknowledge, Rule::Otherwise);
        };
        let (number, line) = (index + 1, *line);
        let rule = Rule::Reply { number, line };
        match kind {
            ReplyKind::Text(range) => {
                let texts = self.texts.get(range.clone()).unwrap_or_default();
                let mut texts = texts.split(BETWEEN_TEXTS);
                let text = texts.nth(pick(texts.clone().count()));
                self.answer(text.and_then(|text| Content::new(text.to_owned())), rule)
            }
            ReplyKind::Joke => (Action::TellJoke, rule),
            ReplyKind::Nothing => (Action::Acknowledge, rule),
        }
    }

    /// What is said by a rule, or the refusal if that has a banned word.
    fn answer(&self, content: Option<Content>, rule: Rule) -> (Action, Rule) {
        match content {
            Some(content) if self.is_banned(content.as_str()) => {
                (reply_or_acknowledge(self.refusal()), Rule::Banned)
            }
            content => (reply_or_acknowledge(content), rule),
        }
    }

    /// A joke as it is told, or what is said instead of one that must not be.
    pub(crate) fn tell(&self, joke: &str) -> Option<Content> {
        self.allowed(Content::new(self.directionless(joke).into_owned())?)
    }

    /// The text without marks of direction, where words are banned: with them, a text can be shown
    /// in another order than that in which it is compared.
    fn directionless<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.banned.is_empty() || !text.contains(is_direction_mark) {
            text.into()
        } else {
            text.replace(is_direction_mark, "").into()
        }
    }

    /// The content, or the refusal if the content has a banned word.
    fn allowed(&self, content: Content) -> Option<Content> {
        if self.is_banned(content.as_str()) {
            self.refusal()
        } else {
            Some(content)
        }
    }

    /// What is said in place of what has a banned word: nothing, if it has one itself.
    fn refusal(&self) -> Option<Content> {
        (!self.is_banned(self.refusal.as_str())).then(|| self.refusal.clone())
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

fn reply_or_acknowledge(content: Option<Content>) -> Action {
    content.map_or(Action::Acknowledge, Action::Reply)
}

#[cfg(test)]
mod tests;
