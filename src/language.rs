//! The language in which the program speaks to its owner: English or Chinese.
//!
//! Errors, findings and notices have their English text by `Display`, which the log uses too, and
//! their Chinese one by [`Localize::chinese`]. The texts are in `translations`. To add one:
//!
//! - An error that ends a command: its Chinese in `translations/errors.rs`, then
//!   `.map_err(CommandError::usage)` or `CommandError::failure`.
//! - A flag's value parser: its error is [`Localize`], its flag has
//!   `value_parser = localized_errors(parser)`.
//! - A command or a flag: its help in `translations/help/zh.toml`.
//! - A line for the terminal: a case of `Notice`, worded in `translations/errors.rs`, then
//!   `to_stderr(Notice::….localized())`.
//! - A log line: nothing. The log is English.

use std::{
    fmt::{Debug, Display},
    sync::OnceLock,
};

/// Variable that overrides the locale, and is overridden by `--lang`.
pub(crate) const DAOXIAO_LANG: &str = "DAOXIAO_LANG";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

/// Text in every language; `Display` gives the English.
pub(crate) trait Localize: Display + Debug {
    /// Returns the text in Chinese.
    fn chinese(&self) -> String;

    fn text(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::Chinese => self.chinese(),
        }
    }

    /// Returns the text in the owner's language.
    fn localized(&self) -> String {
        self.text(Language::current())
    }
}

/// The text is the name of no known language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected zh or en")]
pub(crate) struct LanguageError;

/// Language of the process, like its locale; set when the command line is read.
static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// Wraps a parser of a flag's value so that its errors are in the owner's language.
pub(crate) fn localized_errors<T, E: Localize>(
    parse: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| parse(text).map_err(|error| error.localized())
}

impl Language {
    /// Makes this the language of the process.
    pub(crate) fn set(self) {
        let _ = LANGUAGE.set(self);
    }

    pub(crate) fn current() -> Self {
        *LANGUAGE.get().unwrap_or(&Self::English)
    }

    /// Chooses the language by `--lang`, or else by [`DAOXIAO_LANG`], or else by the locale.
    pub(crate) fn choose(flag: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let parse = |name: String| Self::parse(&name).ok();
        let own = flag.map(str::to_owned).or_else(|| variable(DAOXIAO_LANG));
        let locales = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        let locale = || locales.filter_map(&variable).find(|name| !name.is_empty());
        let chosen = own.and_then(parse).or_else(|| locale().and_then(parse));
        chosen.unwrap_or(Self::English)
    }

    /// Parses the name of a language, or of a locale, such as `zh-CN` or `zh_TW.UTF-8`.
    pub(crate) fn parse(name: &str) -> Result<Self, LanguageError> {
        let language = name.split(['-', '_', '.', '@']).next();
        match language.unwrap_or_default().to_ascii_lowercase().as_str() {
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
        assert_eq!(choose(None, &[("LANG", "zha_CN.UTF-8")]), English);
        assert_eq!(choose(Some("zh-Hans-CN"), &[]), Chinese);
        assert_eq!(choose(Some("EN"), &[("LANG", "zh")]), English);
        assert_eq!(choose(None, &[("LC_ALL", "C"), ("LANG", "zh_CN")]), English);
        assert_eq!(choose(None, &[("LC_ALL", ""), ("LANG", "zh_CN")]), Chinese);
        let chinese = [("DAOXIAO_LANG", "zh"), ("LC_ALL", "en_US")];
        assert_eq!(choose(None, &chinese), Chinese);
        assert_eq!(choose(Some("en"), &chinese), English);
        // An unknown name is refused later, when the command line is read.
        assert_eq!(choose(Some("fr"), &[("LANG", "zh_CN")]), Chinese);
    }
}
