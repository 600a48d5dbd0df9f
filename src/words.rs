//! What the bot says, and to what: the defaults, and the owner's own.

mod file;
mod find;

use std::{borrow::Cow, fmt, iter, ops::Range};

use thiserror::Error;
use toml::Spanned;

use self::{
    file::{Deed, File, Reply, Say},
    find::{Finder, fold, squeeze},
};
use crate::{
    reverse::reverse,
    wechat::reply::{Content, MAX_CONTENT_BYTES},
};

const HELP: &str = "发我一句话，我倒着说给你听。\n发「笑话」，我给你讲一个笑话。";
const NO_WORDS: &str = "我只认得字，发句话给我吧。";
const REFUSAL: &str = "换句话说吧。";
/// What `otherwise` says where it says no text.
const BACKWARDS: &str = "backwards";

const JOKE_WORDS: [&str; 3] = ["笑话", "笑話", "joke"];
const HELP_WORDS: [&str; 7] = ["帮助", "幫助", "help", "?", "？", "怎么用", "菜单"];
/// Asks for another joke, by whoever was just told one.
const AGAIN: [&str; 3] = ["再讲一个", "换一个", "再来一个"];
/// May stand behind a word that is to stand by itself; folded.
const CLOSING: [char; 9] = ['。', '.', '!', '?', '~', '…', ',', ';', '、'];

/// What WeChat puts in the place of a sticker: not words of the user.
const STICKERS: [&str; 4] = [
    "【收到不支持的消息类型，暂无法显示】",
    "【收到不支援的訊息類型，無法顯示】",
    "[Unsupported Message]",
    "[Unsupported message]",
];

/// What turns a joke word behind it into the opposite; [`FILLERS`] may stand between the two.
const REFUSALS: [&str; 14] = [
    "不要", "不想", "不用", "不听", "不看", "不讲", "不说", "不许", "不准", "别", "勿", "don't",
    "don’t", "no",
];
const FILLERS: [&str; 20] = [
    " ", "再", "给", "跟", "对", "和", "我", "讲", "说", "听", "看", "什么", "个", "一", " a",
    " any", " more", " tell", " me", " want",
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

/// How words came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Written,
    /// Recognized in speech, with punctuation that nobody spoke.
    Spoken,
    /// As the key of a menu's item: what is no rule's has no answer.
    Chosen,
}

/// What decided on an answer; shown, it is a name in the owner's file.
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
    /// Without, other words are said backwards.
    otherwise: Option<Content>,
    refusal: Content,
    joke_words: Finder,
    help_words: Vec<String>,
    banned: Finder,
    replies: Vec<Answer>,
    /// The replies' words, with the replies' numbers.
    parts: Finder,
    /// The words to which alone replies answer.
    wholes: Finder,
    /// What replies say, one behind the other, and where each ends.
    says: String,
    ends: Vec<usize>,
}

#[derive(Debug)]
struct Answer {
    line: usize,
    kind: AnswerKind,
}

#[derive(Debug)]
enum AnswerKind {
    /// One of these texts by chance.
    Say(Range<usize>),
    Do(Deed),
}

impl Default for Words {
    fn default() -> Self {
        Self::parse("").expect("an empty file sets nothing")
    }
}

impl Words {
    /// Reads the owner's file, which is TOML.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let text = text.trim_start_matches('\u{feff}');
        let places = Places::of(text);
        let file: File = toml::from_str(text).map_err(|error| {
            let reason = error.message().replace('\n', ", ");
            places.error(error.span().unwrap_or_default().start, Reason::Toml(reason))
        })?;
        let content = |text: Spanned<String>| places.content(text.span().start, text.into_inner());
        let text = |text: Option<Spanned<String>>, default: &str| match text {
            Some(text) => content(text),
            None => places.content(0, default.to_owned()),
        };
        let is_text = |text: &Spanned<String>| text.as_ref() != BACKWARDS;
        let help = text(file.help, HELP)?;
        let mut words = Self {
            welcome: file.welcome.map_or(Ok(help.clone()), content)?,
            help,
            no_words: text(file.no_words, NO_WORDS)?,
            otherwise: file.otherwise.filter(is_text).map(content).transpose()?,
            refusal: text(file.refusal, REFUSAL)?,
            joke_words: Finder::new(places.words_or(file.joke_words, &JOKE_WORDS)?),
            help_words: places.words_or(file.help_words, &HELP_WORDS)?,
            banned: Finder::new(places.words(file.banned, squeeze)?),
            replies: Vec::with_capacity(file.reply.len()),
            parts: Finder::default(),
            wholes: Finder::default(),
            says: String::new(),
            ends: Vec::new(),
        };
        words.add_replies(file.reply, &places)?;
        Ok(words)
    }

    fn add_replies(
        &mut self,
        replies: Vec<Spanned<Reply>>,
        places: &Places,
    ) -> Result<(), WordsError> {
        let (mut parts, mut wholes) = (Vec::new(), Vec::new());
        for (number, reply) in (0..).zip(replies) {
            let start = reply.span().start;
            let Reply {
                words,
                exactly,
                say,
                deed,
            } = reply.into_inner();
            if words.is_empty() && exactly.is_empty() {
                return Err(places.error(start, Reason::NoWords));
            }
            let words = places.words(words, fold)?.into_iter();
            parts.extend(words.map(|word| (word, number)));
            let exactly = places.words(exactly, fold)?.into_iter();
            wholes.extend(exactly.map(|word| (word, number)));
            let kind = match (say, deed) {
                (Some(say), None) => AnswerKind::Say(self.add_texts(&places.contents(say)?)),
                (None, Some(deed)) => AnswerKind::Do(deed),
                _ => return Err(places.error(start, Reason::OneAnswer)),
            };
            let line = places.line(start);
            self.replies.push(Answer { line, kind });
        }
        self.parts = Finder::numbered(parts);
        self.wholes = Finder::numbered(wholes);
        self.says.shrink_to_fit();
        self.ends.shrink_to_fit();
        Ok(())
    }

    fn add_texts(&mut self, contents: &[Content]) -> Range<usize> {
        let first = self.ends.len();
        for content in contents {
            self.says.push_str(content.as_str());
            self.ends.push(self.says.len());
        }
        first..self.ends.len()
    }

    fn text(&self, number: usize) -> &str {
        let end = |number| self.ends.get(number).copied();
        let start = number.checked_sub(1).and_then(end).unwrap_or(0);
        let text = self.says.get(start..end(number).unwrap_or(0));
        text.unwrap_or_default()
    }

    /// Answers a new follower.
    pub(crate) fn welcome(&self) -> Action {
        self.say(Some(self.welcome.clone()), Rule::Otherwise).0
    }

    /// Answers what has no words.
    pub(crate) fn no_words(&self) -> Action {
        self.say(Some(self.no_words.clone()), Rule::NoWords).0
    }

    /// Answers words: the first reply in the order of the file that knows them, or else a joke,
    /// help, or whatever there is otherwise. `after_joke` tells that the user was just told one;
    /// `pick` chooses one of so many.
    pub(crate) fn hear(
        &self,
        how: How,
        text: &str,
        after_joke: bool,
        pick: impl Fn(usize) -> usize,
    ) -> (Action, Rule) {
        if STICKERS.contains(&text.trim()) {
            return self.say(Some(self.no_words.clone()), Rule::NoWords);
        }
        let folded = fold(text);
        let bare = folded.trim_end_matches(CLOSING);
        let spoken = (how == How::Spoken).then_some(bare);
        if let Some((rule, answer)) = self.reply(&folded, spoken) {
            return match &answer.kind {
                AnswerKind::Say(texts) => {
                    let chosen = texts.start + pick(texts.len());
                    self.say(Content::new(self.text(chosen).to_owned()), rule)
                }
                AnswerKind::Do(Deed::Joke) => (Action::TellJoke, rule),
                AnswerKind::Do(Deed::Nothing) => (Action::Acknowledge, rule),
            };
        }
        let is_folded = |help: &String| *help == folded || *help == bare;
        if self.asks_for_joke(&folded) {
            (Action::TellJoke, Rule::JokeWords)
        } else if self.help_words.iter().any(is_folded) {
            self.say(Some(self.help.clone()), Rule::HelpWords)
        } else if how == How::Chosen {
            (Action::Acknowledge, Rule::Otherwise)
        } else if after_joke && AGAIN.contains(&bare) {
            (Action::TellJoke, Rule::Again)
        } else {
            let otherwise = self.otherwise.clone();
            let content = otherwise.or_else(|| Content::new(reverse(text)));
            self.say(content, Rule::Otherwise)
        }
    }

    /// The first reply that knows the words. Of spoken ones, those without the punctuation that
    /// nobody spoke are the whole, too.
    fn reply(&self, folded: &str, spoken: Option<&str>) -> Option<(Rule, &Answer)> {
        let parts = self.parts.find(folded).map(|(_, number)| number);
        let wholes = iter::once(folded).chain(spoken);
        let wholes = wholes.filter_map(|whole| self.wholes.find_whole(whole));
        let first = parts.chain(wholes).min()?;
        let answer = self.replies.get(first)?;
        let (number, line) = (first + 1, answer.line);
        Some((Rule::Reply { number, line }, answer))
    }

    fn asks_for_joke(&self, folded: &str) -> bool {
        let mut found = self.joke_words.find(folded);
        found.any(|(at, _)| !is_refused(folded.get(..at).unwrap_or_default()))
    }

    /// It, or what is said instead of what must not be said, and whether that is so.
    fn allowed(&self, content: Content) -> (Option<Content>, bool) {
        if !self.is_banned(content.as_str()) {
            return (Some(content), false);
        }
        let refusal = Some(&self.refusal).filter(|refusal| !self.is_banned(refusal.as_str()));
        (refusal.cloned(), true)
    }

    fn say(&self, content: Option<Content>, rule: Rule) -> (Action, Rule) {
        let Some(content) = content else {
            return (Action::Acknowledge, rule);
        };
        let (content, is_refused) = self.allowed(content);
        let action = content.map_or(Action::Acknowledge, Action::Reply);
        (action, if is_refused { Rule::Banned } else { rule })
    }

    /// A joke as it is told, or what is said instead of one that must not be.
    pub(crate) fn tell(&self, joke: String) -> Option<Content> {
        self.allowed(Content::new(joke)?).0
    }

    /// Whether the text has a word that the bot must never say.
    pub(crate) fn is_banned(&self, text: &str) -> bool {
        !self.banned.is_empty() && self.banned.find(&squeeze(text)).next().is_some()
    }
}

/// Whether a joke word behind this is no wish for a joke: `不要笑话我`.
fn is_refused(mut before: &str) -> bool {
    loop {
        let refusal = REFUSALS.iter().find(|refusal| before.ends_with(**refusal));
        if let Some(refusal) = refusal {
            return !is_other_word(before.strip_suffix(refusal).unwrap_or_default(), refusal);
        }
        let shorter = FILLERS
            .iter()
            .find_map(|filler| before.strip_suffix(filler));
        match shorter {
            Some(shorter) => before = shorter,
            None => return false,
        }
    }
}

/// Whether with what is before it, it is a question (要不要, 何不), or another word (特别, casino).
fn is_other_word(before: &str, refusal: &str) -> bool {
    let last = before.chars().next_back();
    match refusal.chars().next() {
        Some('不') => last.is_some_and(|last| refusal.ends_with(last) || "要何".contains(last)),
        Some('别') => last.is_some_and(|last| "特区分告个性级类差识".contains(last)),
        _ => last.is_some_and(|last| last.is_ascii_alphabetic()),
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

/// Where things are in the owner's file: the places of its line breaks.
struct Places(Vec<usize>);

impl Places {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|newline| *newline < at) + 1
    }

    fn error(&self, at: usize, reason: Reason) -> WordsError {
        let line = self.line(at);
        WordsError { line, reason }
    }

    fn content(&self, at: usize, text: String) -> Result<Content, WordsError> {
        if text.len() > MAX_CONTENT_BYTES {
            return Err(self.error(at, Reason::TooLong(text.len())));
        }
        Content::new(text).ok_or_else(|| self.error(at, Reason::Empty))
    }

    fn contents(&self, say: Spanned<Say>) -> Result<Vec<Content>, WordsError> {
        let at = say.span().start;
        let texts = match say.into_inner() {
            Say::One(text) => vec![text],
            Say::OneOf(texts) if texts.is_empty() => return Err(self.error(at, Reason::Empty)),
            Say::OneOf(texts) => texts,
        };
        let contents = texts.into_iter().map(|text| self.content(at, text));
        contents.collect()
    }

    /// The words as they are compared.
    fn words(
        &self,
        words: Vec<Spanned<String>>,
        compared: fn(&str) -> Cow<'_, str>,
    ) -> Result<Vec<String>, WordsError> {
        let words = words.into_iter().map(|word| {
            let compared = compared(word.as_ref());
            if compared.is_empty() {
                return Err(self.error(word.span().start, Reason::EmptyWord));
            }
            Ok(compared.into_owned())
        });
        words.collect()
    }

    /// The words, or else the default ones, as they are compared.
    fn words_or(
        &self,
        words: Option<Vec<Spanned<String>>>,
        default: &[&str],
    ) -> Result<Vec<String>, WordsError> {
        match words {
            Some(words) => self.words(words, fold),
            None => Ok(default.iter().map(|word| fold(word).into_owned()).collect()),
        }
    }
}

/// What is wrong with an owner's file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct WordsError {
    pub(crate) line: usize,
    pub(crate) reason: Reason,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Toml(String),
    #[error("the text is empty; expected one that can be seen")]
    Empty,
    #[error("the text has {0} bytes; expected at most {MAX_CONTENT_BYTES}, which WeChat takes")]
    TooLong(usize),
    #[error("the word is empty; expected one that can be seen")]
    EmptyWord,
    #[error("the reply answers to nothing; expected words = [\"…\"] or exactly = [\"…\"]")]
    NoWords,
    #[error("expected one answer: say = \"…\", do = \"joke\" or do = \"nothing\"")]
    OneAnswer,
}

#[cfg(test)]
mod tests;
