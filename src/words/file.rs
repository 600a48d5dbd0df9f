//! The owner's file, which is TOML.

use std::borrow::Cow;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::{
    BETWEEN_TEXTS, Finder, HELP, HELP_WORDS, JOKE_WORDS, NO_WORDS, REFUSAL, Reply, ReplyKind,
    Words, fold, squeeze,
};
use crate::wechat::reply::{Content, MAX_CONTENT_BYTES, is_invisible};

/// The value of `otherwise` that sets no text.
const BACKWARDS: &str = "backwards";

/// What can be set. Each is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'t> {
    welcome: Option<Spanned<String>>,
    help: Option<Spanned<String>>,
    no_words: Option<Spanned<String>>,
    otherwise: Option<Spanned<String>>,
    #[serde(borrow)]
    joke_words: Option<Vec<Spanned<Word<'t>>>>,
    help_words: Option<Vec<Spanned<Word<'t>>>>,
    banned: Option<Vec<Spanned<Word<'t>>>>,
    refusal: Option<Spanned<String>>,
    #[serde(default)]
    reply: Vec<Spanned<ReplyTable<'t>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyTable<'t> {
    #[serde(borrow, default)]
    words: Vec<Spanned<Word<'t>>>,
    #[serde(default)]
    exactly: Vec<Spanned<Word<'t>>>,
    say: Option<Spanned<Say>>,
    r#do: Option<Do>,
}

/// A word as it stands in the file: of many strings, each would keep 32 bytes of memory.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Word<'t>(#[serde(borrow)] Cow<'t, str>);

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum Say {
    One(String),
    OneOf(Vec<String>),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Do {
    Joke,
    Nothing,
}

/// Words with the place of the reply that they belong to.
type Numbered<'t> = Vec<(Cow<'t, str>, usize)>;

impl Words {
    /// Reads the owner's file.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let text = text.trim_start_matches('\u{feff}');
        let places = Places::of(text);
        let file: File<'_> = toml::from_str(text).map_err(|error| {
            let reason = error.message().replace('\n', ", ");
            places.error(error.span().unwrap_or_default().start, Reason::Toml(reason))
        })?;
        let content = |text: Spanned<String>| places.content(text.span().start, text.into_inner());
        let content_or = |text: Option<_>, default: &str| {
            text.map_or_else(|| places.content(0, default.to_owned()), content)
        };
        let is_text = |text: &Spanned<String>| text.as_ref() != BACKWARDS;
        let help = content_or(file.help, HELP)?;
        let mut words = Self {
            welcome: file.welcome.map_or(Ok(help.clone()), content)?,
            help,
            no_words: content_or(file.no_words, NO_WORDS)?,
            otherwise: file.otherwise.filter(is_text).map(content).transpose()?,
            refusal: Some(content_or(file.refusal, REFUSAL)?),
            help_words: places
                .words(file.help_words, &HELP_WORDS, fold)?
                .into_iter()
                .map(Cow::into_owned)
                .collect(),
            banned: Finder::new(places.words(file.banned, &[], squeeze)?),
            replies: Vec::with_capacity(file.reply.len()),
            words: Finder::default(),
            exactly: Finder::default(),
            says: String::new(),
        };
        words.refusal = words
            .refusal
            .take()
            .filter(|text| !words.is_banned(text.as_str()));
        let joke_words = places.words(file.joke_words, &JOKE_WORDS, fold)?;
        words.add_replies(file.reply, joke_words, &places)?;
        Ok(words)
    }

    fn add_replies(
        &mut self,
        tables: Vec<Spanned<ReplyTable<'_>>>,
        joke_words: Vec<Cow<'_, str>>,
        places: &Places,
    ) -> Result<(), WordsError> {
        let (mut words, mut exactly) = (Numbered::new(), Numbered::new());
        for table in tables {
            let (start, place) = (table.span().start, self.replies.len());
            let table = table.into_inner();
            if table.words.is_empty() && table.exactly.is_empty() {
                return Err(places.error(start, Reason::NoWords));
            }
            let known = places.words(Some(table.words), &[], fold)?;
            words.extend(known.into_iter().map(|word| (word, place)));
            let known = places.words(Some(table.exactly), &[], fold)?;
            exactly.extend(known.into_iter().map(|word| (word, place)));
            let kind = match (table.say, table.r#do) {
                (Some(say), None) => self.add_texts(&places.contents(say)?),
                (None, Some(Do::Joke)) => ReplyKind::Joke,
                (None, Some(Do::Nothing)) => ReplyKind::Nothing,
                _ => return Err(places.error(start, Reason::OneAnswer)),
            };
            let line = places.line(start);
            self.replies.push(Reply { line, kind });
        }
        let after_all = self.replies.len();
        words.extend(joke_words.into_iter().map(|word| (word, after_all)));
        self.words = Finder::numbered(words);
        self.exactly = Finder::numbered(exactly);
        self.says.shrink_to_fit();
        Ok(())
    }

    fn add_texts(&mut self, contents: &[Content]) -> ReplyKind {
        let start = self.says.len();
        let texts: Vec<&str> = contents.iter().map(Content::as_str).collect();
        self.says.push_str(&texts.join(BETWEEN_TEXTS));
        ReplyKind::Say(start..self.says.len())
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

    /// The words, or else the default ones, as they are compared.
    fn words<'t>(
        &self,
        words: Option<Vec<Spanned<Word<'t>>>>,
        default: &[&'t str],
        fold: fn(&str) -> Cow<'_, str>,
    ) -> Result<Vec<Cow<'t, str>>, WordsError> {
        let Some(words) = words else {
            return Ok(default.iter().map(|word| fold(word)).collect());
        };
        let words = words.into_iter().map(|word| {
            let at = word.span().start;
            let folded = match word.into_inner().0 {
                Cow::Borrowed(word) => fold(word),
                Cow::Owned(word) => fold(&word).into_owned().into(),
            };
            if folded.chars().all(is_invisible) {
                return Err(self.error(at, Reason::EmptyWord));
            }
            Ok(folded)
        });
        words.collect()
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
