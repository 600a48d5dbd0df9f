//! The owner's file, which is TOML.

use std::{borrow::Cow, fmt, iter};

use serde::{
    Deserialize,
    de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use thiserror::Error;
use toml::Spanned;

use super::{
    BETWEEN_TEXTS, Finder, HELP, HELP_WORDS, JOKE_WORDS, NO_WORDS, REFUSAL, Reply, ReplyKind,
    Words, fold, squeeze,
};
use crate::wechat::reply::{Content, MAX_CONTENT_BYTES, is_invisible};

/// The value of `otherwise` that sets no text.
const BACKWARDS: &str = "backwards";

/// How settings are written.
const FORMS: [&str; 13] = [
    "welcome = \"…\"",
    "help = \"…\"",
    "no_words = \"…\"",
    "otherwise = \"…\"",
    "refusal = \"…\"",
    "joke_words = [\"…\"]",
    "help_words = [\"…\"]",
    "banned = [\"…\"]",
    "words = [\"…\"]",
    "exactly = [\"…\"]",
    "say = \"…\" or say = [\"…\", \"…\"]",
    "do = \"joke\" or do = \"nothing\"",
    "[[reply]]",
];

/// What Chinese input writes in place of TOML's punctuation.
const FULL_WIDTH: [(char, char); 9] = [
    ('“', '"'),
    ('”', '"'),
    ('＂', '"'),
    ('，', ','),
    ('＝', '='),
    ('：', '='),
    ('【', '['),
    ('】', ']'),
    ('；', ','),
];

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
    say: Option<Spanned<Texts>>,
    r#do: Option<ReplyKind>,
}

/// A word as it stands in the file: of many strings, each would keep 32 bytes of memory.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Word<'t>(#[serde(borrow)] Cow<'t, str>);

/// A text, or several to choose from.
#[derive(Debug)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> Visitor<'de> for TextOrList {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, texts: A) -> Result<Texts, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(texts)).map(Texts)
            }
        }
        deserializer.deserialize_any(TextOrList)
    }
}

impl Words {
    /// Reads the owner's file.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, WordsError> {
        let text = utf8(text.as_ref())?.trim_start_matches('\u{feff}');
        let places = Places::of(text);
        let file: File<'_> = toml::from_str(text).map_err(|error| {
            let at = error.span().unwrap_or_default().start;
            places.error(at, reason(text, at, &error.message().replace('\n', ", ")))
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
            refusal: content_or(file.refusal, REFUSAL)?,
            help_words: places
                .words(file.help_words, &HELP_WORDS, fold)?
                .into_iter()
                .map(Cow::into_owned)
                .collect(),
            banned: Finder::new(places.words(file.banned, &[], squeeze)?),
            replies: Vec::with_capacity(file.reply.len()),
            words: Finder::default(),
            exactly: Finder::default(),
            texts: String::new(),
        };
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
        // Words with the index of the reply that they belong to.
        let (mut words, mut exactly) = (Vec::new(), Vec::new());
        for table in tables {
            let (start, index) = (table.span().start, self.replies.len());
            let table = table.into_inner();
            if table.words.is_empty() && table.exactly.is_empty() {
                return Err(places.error(start, Reason::NoWords));
            }
            for (known, numbered) in [(table.words, &mut words), (table.exactly, &mut exactly)] {
                let known = places.words(Some(known), &[], fold)?;
                numbered.extend(known.into_iter().map(|word| (word, index)));
            }
            let kind = match (table.say, table.r#do) {
                (Some(say), None) => self.add_texts(&places.contents(say)?),
                (None, Some(kind)) => kind,
                _ => return Err(places.error(start, Reason::OneAnswer)),
            };
            let line = places.line(start);
            self.replies.push(Reply { line, kind });
        }
        let behind_all = self.replies.len();
        words.extend(joke_words.into_iter().map(|word| (word, behind_all)));
        self.words = Finder::numbered(words);
        self.exactly = Finder::numbered(exactly);
        self.texts.shrink_to_fit();
        Ok(())
    }

    fn add_texts(&mut self, contents: &[Content]) -> ReplyKind {
        let start = self.texts.len();
        let texts: Vec<&str> = contents.iter().map(Content::as_str).collect();
        self.texts.push_str(&texts.join(BETWEEN_TEXTS));
        ReplyKind::Text(start..self.texts.len())
    }
}

fn utf8(text: &[u8]) -> Result<&str, WordsError> {
    str::from_utf8(text).map_err(|error| {
        let before = text.iter().take(error.valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        let reason = Reason::NotUtf8;
        WordsError { line, reason }
    })
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

    fn contents(&self, say: Spanned<Texts>) -> Result<Vec<Content>, WordsError> {
        let at = say.span().start;
        let Texts(texts) = say.into_inner();
        if texts.is_empty() {
            return Err(self.error(at, Reason::Empty));
        }
        let contents = texts.into_iter().map(|text| self.content(at, text));
        contents.collect()
    }

    /// The words, or else the default ones, as they are compared.
    fn words<'t>(
        &self,
        words: Option<Vec<Spanned<Word<'t>>>>,
        default: &[&'t str],
        normalize: fn(&str) -> Cow<'_, str>,
    ) -> Result<Vec<Cow<'t, str>>, WordsError> {
        let Some(words) = words else {
            return Ok(default.iter().map(|word| normalize(word)).collect());
        };
        let words = words.into_iter().map(|word| {
            let at = word.span().start;
            let normalized = match word.into_inner().0 {
                Cow::Borrowed(word) => normalize(word),
                Cow::Owned(word) => normalize(&word).into_owned().into(),
            };
            if normalized.chars().all(is_invisible) {
                return Err(self.error(at, Reason::EmptyWord));
            }
            Ok(normalized)
        });
        words.collect()
    }
}

/// What is wrong at a place, of which the TOML parser says this. Where another version of the
/// parser says it in other words, `an_error_says_the_line_and_what_is_expected` fails.
fn reason(text: &str, at: usize, said: &str) -> Reason {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let is_form = [
        "invalid type",
        "invalid length",
        "unknown variant",
        "wanted ",
        "string values must be quoted",
    ]
    .iter()
    .any(|kind| said.starts_with(kind));
    if let Some((full, half)) = full_width(before, after, said) {
        Reason::FullWidth(full, half)
    } else if said.starts_with("key with no value") && is_in_text(before) {
        Reason::NoValue
    } else if said == "duplicate key" {
        Reason::Twice(name(after).to_owned())
    } else if let Some(form) = form(before, after).filter(|_| is_form) {
        Reason::Form(form)
    } else {
        Reason::Toml(said.to_owned())
    }
}

/// Whether the line before the place begins a text that it does not end.
fn is_in_text(before: &str) -> bool {
    let line = before.lines().rev().nth(1).unwrap_or_default();
    line.matches('"').count() % 2 == 1
}

/// Chinese punctuation at the place, or before it where a `=` is missing.
fn full_width(before: &str, after: &str, said: &str) -> Option<(char, char)> {
    let line = before.lines().next_back();
    let line = line.filter(|_| said.starts_with("key with no value"));
    let near = [before.chars().next_back(), after.chars().next()];
    let seen = line.unwrap_or_default().chars();
    let mut pairs = seen
        .chain(near.into_iter().flatten())
        .filter_map(|char| FULL_WIDTH.into_iter().find(|(full, _)| *full == char));
    // A text that has no end may have any other before it.
    pairs.find(|(_, half)| *half == '"' || !said.starts_with("invalid "))
}

/// How the setting is written whose value is at the place: it is on this line or an earlier one.
fn form(before: &str, after: &str) -> Option<&'static str> {
    let (earlier, begun) = before.rsplit_once('\n').unwrap_or(("", before));
    let line = format!("{begun}{}", after.lines().next().unwrap_or_default());
    let mut lines = iter::once(line.as_str()).chain(earlier.lines().rev());
    lines.find_map(|line| FORMS.into_iter().find(|form| name(form) == name(line)))
}

/// The name at the beginning of a line.
fn name(line: &str) -> &str {
    let line = line.trim_start().trim_start_matches('[');
    let end = line.find(|char: char| !char.is_ascii_alphabetic() && char != '_');
    end.and_then(|end| line.get(..end)).unwrap_or(line)
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
    #[error("key with no value, expected `=`; for a line break in a text, write \\n or use \"\"\"")]
    NoValue,
    #[error("expected {0}")]
    Form(&'static str),
    #[error("`{0}` is set twice; expected it once")]
    Twice(String),
    #[error("`{0}` is Chinese punctuation; expected `{1}`")]
    FullWidth(char, char),
    #[error("not UTF-8; save the file as UTF-8")]
    NotUtf8,
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
