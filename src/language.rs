//! The language in which the program speaks to its owner: English, or Chinese.
//!
//! What is said is data: an error, a finding, a notice. Its English is its `Display`, which is also
//! what stands in the log; its Chinese is [`Say::chinese`]. The words are in `wording`.
//!
//! - An error that ends a command: `impl Say` for it in `wording/zh.rs`, then
//!   `.map_err(CommandError::usage)` or `CommandError::failure`.
//! - A value parser of a flag: it returns an error that is [`Say`], and the flag has
//!   `value_parser = spoken(parser)`.
//! - A command or a flag: its help in `wording/zh/help.rs`.
//! - A line for the terminal: `complain(say(&Notice::…))`.
//! - A log line: nothing. The log is English.

use std::{
    fmt::{Debug, Display},
    sync::atomic::{AtomicBool, Ordering},
};

/// Overrides the locale; `--lang` overrides it.
pub(crate) const VARIABLE: &str = "DAOXIAO_LANG";

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

/// What can be said in every language; English is its `Display`.
pub(crate) trait Say: Display + Debug {
    /// The same in Chinese.
    fn chinese(&self) -> String;
}

/// The text names no language that is spoken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected zh or en")]
pub(crate) struct LanguageError;

/// What is spoken, since the command line was read: a property of the process, like its locale.
static IS_CHINESE: AtomicBool = AtomicBool::new(false);

/// Says something in the owner's language.
pub(crate) fn say(what: &(impl Say + ?Sized)) -> String {
    match Language::current() {
        Language::English => what.to_string(),
        Language::Chinese => what.chinese(),
    }
}

/// A parser of a flag's value whose error is in the owner's language.
pub(crate) fn spoken<T, E: Say>(
    parse: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| parse(text).map_err(|error| say(&error))
}

impl Language {
    /// What is spoken from now on.
    pub(crate) fn set(self) {
        IS_CHINESE.store(self == Self::Chinese, Ordering::Relaxed);
    }

    pub(crate) fn current() -> Self {
        if IS_CHINESE.load(Ordering::Relaxed) {
            Self::Chinese
        } else {
            Self::English
        }
    }

    /// The language of `--lang`, where it is given, or of the environment.
    pub(crate) fn choose(flag: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let own = flag.map(str::to_owned).or_else(|| variable(VARIABLE));
        let chosen = own.and_then(|name| Self::parse(&name).ok());
        chosen.unwrap_or_else(|| {
            let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
            let mut locales = names.into_iter().filter_map(variable);
            match locales.find(|locale| !locale.is_empty()) {
                Some(locale) if locale.starts_with("zh") => Self::Chinese,
                _ => Self::English,
            }
        })
    }

    /// The language of this name.
    pub(crate) fn parse(name: &str) -> Result<Self, LanguageError> {
        match name {
            "zh" => Ok(Self::Chinese),
            "en" => Ok(Self::English),
            _ => Err(LanguageError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_variable_and_that_over_the_locale() {
        use Language::{Chinese, English};
        let choose = |flag, set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            Language::choose(flag, |name| {
                let found = set.iter().find(|(set, _)| set == name);
                found.map(|(_, value)| value.clone())
            })
        };
        assert_eq!(choose(None, &[]), English);
        assert_eq!(choose(None, &[("LANG", "zh_CN.UTF-8")]), Chinese);
        assert_eq!(choose(None, &[("LC_MESSAGES", "zh_TW")]), Chinese);
        assert_eq!(choose(None, &[("LC_ALL", "C"), ("LANG", "zh_CN")]), English);
        assert_eq!(choose(None, &[("LC_ALL", ""), ("LANG", "zh_CN")]), Chinese);
        let chinese = [("DAOXIAO_LANG", "zh"), ("LC_ALL", "en_US")];
        assert_eq!(choose(None, &chinese), Chinese);
        assert_eq!(choose(Some("en"), &chinese), English);
        // What cannot be used is refused when the command line is read.
        assert_eq!(choose(Some("fr"), &[("LANG", "zh_CN")]), Chinese);
    }
}
