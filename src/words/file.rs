//! The owner's file: TOML, with the place of each thing in it.

use serde::Deserialize;
use toml::Spanned;

/// What can be set. Each is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) welcome: Option<Spanned<String>>,
    pub(super) help: Option<Spanned<String>>,
    pub(super) no_words: Option<Spanned<String>>,
    pub(super) otherwise: Option<Spanned<String>>,
    pub(super) joke_words: Option<Vec<Spanned<String>>>,
    pub(super) help_words: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) banned: Vec<Spanned<String>>,
    pub(super) refusal: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) reply: Vec<Spanned<Reply>>,
}

/// A rule: what it answers to, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) words: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) exactly: Vec<Spanned<String>>,
    pub(super) say: Option<Spanned<Say>>,
    #[serde(rename = "do")]
    pub(super) deed: Option<Deed>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(super) enum Say {
    One(String),
    OneOf(Vec<String>),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Deed {
    Joke,
    Nothing,
}
