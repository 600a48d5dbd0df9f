//! What the commands need, made of what the owner wrote.

use std::{
    collections::HashSet,
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::joke::{JokeSettings, KNOWN_SOURCES, Source, SourceError, fortune};

/// Where jokes come from, as the owner wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JokeOptions {
    /// Names of known sources, or `none`; empty = all of them.
    pub sources: Vec<String>,
    /// A page of the owner's choice, which replaces the known sources.
    pub url: Option<String>,
    /// Selector of an item on that page.
    pub item: Option<String>,
    /// Selector of the title in an item.
    pub title: Option<String>,
    /// Selector of the text in an item.
    pub content: Option<String>,
    /// Charset of that page.
    pub charset: Option<String>,
    /// Words that leave a joke out.
    pub skip: Vec<String>,
    /// The owner's own jokes.
    pub file: Option<PathBuf>,
    /// How long an asker waits.
    pub budget: Duration,
    /// How long fetched jokes are kept.
    pub ttl: Duration,
}

/// A setting that cannot be used. Says which one, its value where that is no secret, and what
/// is accepted.
#[derive(Debug)]
pub enum SettingError {
    /// The file of `--jokes` cannot be read.
    JokeFile {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of `--jokes` has no joke in it.
    NoJokes(PathBuf),
    /// A flag about the source of jokes is refused.
    JokeSource {
        /// The flag with its value.
        given: String,
        /// Why it is refused.
        source: SourceError,
    },
    /// A flag about a page of jokes stands without the page's URL.
    NoJokeUrl {
        /// The part of the flag's name behind `joke-`.
        part: &'static str,
    },
    /// `none` among the names of sources.
    NoneOfSome(String),
    /// A known source is named twice.
    SourceTwice(String),
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JokeFile { path, source } => {
                write!(
                    f,
                    "--jokes {}: the file cannot be read: {source}",
                    path.display()
                )
            }
            Self::NoJokes(path) => write!(
                f,
                "--jokes {}: there is no joke in the file; accepted are jokes with a line % between two",
                path.display()
            ),
            Self::JokeSource { given, source } => write!(f, "{given}: {source}"),
            Self::NoJokeUrl { part } => write!(
                f,
                "--joke-{part} (DAOXIAO_JOKE_{}) is set, and --joke-url (DAOXIAO_JOKE_URL) is not: \
                 it says which page is meant",
                part.to_uppercase()
            ),
            Self::NoneOfSome(names) => write!(
                f,
                "--joke-source {names}: none stands alone, since it means no source at all"
            ),
            Self::SourceTwice(name) => write!(
                f,
                "--joke-source {name}: it is there twice; name each source once"
            ),
        }
    }
}

impl Error for SettingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::JokeFile { source, .. } => Some(source),
            Self::JokeSource { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Where jokes come from, with all selectors parsed and the owner's file read.
pub fn jokes(options: &JokeOptions) -> Result<JokeSettings, SettingError> {
    let own = options.file.as_deref().map(own_jokes).transpose()?;
    Ok(JokeSettings {
        sources: sources(options)?,
        own: own.unwrap_or_default(),
        skip: options.skip.clone(),
        budget: options.budget,
        ttl: options.ttl,
        use_proxy: true,
    })
}

fn own_jokes(path: &Path) -> Result<Vec<String>, SettingError> {
    let text = fs::read_to_string(path).map_err(|source| SettingError::JokeFile {
        path: path.to_owned(),
        source,
    })?;
    let jokes = fortune(&text);
    if jokes.is_empty() {
        return Err(SettingError::NoJokes(path.to_owned()));
    }
    Ok(jokes)
}

fn sources(options: &JokeOptions) -> Result<Vec<Source>, SettingError> {
    let Some(url) = &options.url else {
        let parts = [
            ("item", &options.item),
            ("title", &options.title),
            ("content", &options.content),
            ("charset", &options.charset),
        ];
        let set = parts.into_iter().find(|(_, value)| value.is_some());
        return match set {
            Some((part, _)) => Err(SettingError::NoJokeUrl { part }),
            None => known_sources(&options.sources),
        };
    };
    let source = Source::custom(
        url,
        options.item.as_deref(),
        options.title.as_deref(),
        options.content.as_deref(),
        options.charset.as_deref(),
    );
    source.map(|source| vec![source]).map_err(|error| {
        let part = error.part();
        let value = match part {
            "url" => Some(url),
            "item" => options.item.as_ref(),
            "title" => options.title.as_ref(),
            "content" => options.content.as_ref(),
            _ => options.charset.as_ref(),
        };
        SettingError::JokeSource {
            given: match value {
                Some(value) => format!("--joke-{part} {value}"),
                None => format!("--joke-{part}"),
            },
            source: error,
        }
    })
}

/// The sources of these names; all for none, and none for `none`.
fn known_sources(names: &[String]) -> Result<Vec<Source>, SettingError> {
    if names.len() > 1 && names.iter().any(|name| name == "none") {
        return Err(SettingError::NoneOfSome(names.join(",")));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(SettingError::SourceTwice(twice.clone()));
    }
    if names.is_empty() {
        let all = KNOWN_SOURCES.iter();
        return Ok(all.filter_map(|name| Source::known(name)).collect());
    }
    let chosen = names.iter();
    Ok(chosen.filter_map(|name| Source::known(name)).collect())
}
