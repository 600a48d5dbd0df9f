//! One round through the sources, within one budget.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::JokeSettings;
use super::client::{self, FetchError, Page};
use super::page::{Harvest, PageError, extract};
use super::source::Source;

/// The stack of a thread that fetches and parses; `tame.rs` refuses what would need more.
pub(super) const STACK_BYTES: usize = 16 << 20;

/// How a page is fetched: what [`super::client::get`] gives, or a stand-in for it.
pub(super) type Get = dyn Fn(&str, Duration) -> Result<Page, FetchError> + Send + Sync;

/// What one source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The source's name.
    pub source: String,
    /// The URL that was fetched.
    pub url: String,
    /// The jokes, or why there are none.
    pub outcome: Result<Harvest, Failure>,
}

/// Why a source gave no joke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The page could not be fetched.
    Fetch(FetchError),
    /// There is no joke on the page.
    Page(PageError),
    /// Its page made this program panic.
    Panic,
    /// It did not answer in the small part of the budget that those before it had left.
    LittleTime,
    /// The budget was used up before this source's turn.
    NoTime,
}

impl Failure {
    /// Whether it says anything about the source, and not only about those before it.
    pub(super) fn is_its_own(&self) -> bool {
        !matches!(self, Failure::LittleTime | Failure::NoTime)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Failure::Fetch(error) => Some(error),
            Failure::Page(error) => Some(error),
            Failure::Panic | Failure::LittleTime | Failure::NoTime => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Fetch(error) => error.fmt(f),
            Failure::Page(error) => error.fmt(f),
            Failure::Panic => f.write_str("its page cannot be read: daoxiao has a mistake"),
            Failure::LittleTime => f.write_str("no complete answer in the little time left for it"),
            Failure::NoTime => f.write_str("no time was left for it"),
        }
    }
}

/// Asks the sources in turn until one has jokes, and tells each attempt. While others wait behind
/// it, a source has half of the time that is left until `end`, so that one that hangs does not use
/// up all; the last one has the rest.
pub(super) fn go_round(
    sources: &[Source],
    skip: &[String],
    get: &Get,
    end: Instant,
    rng: &mut Rng,
    mut tell: impl FnMut(Attempt),
) {
    let whole = end.saturating_duration_since(Instant::now());
    for (n, source) in sources.iter().enumerate() {
        let is_last = n + 1 == sources.len();
        let left = end.saturating_duration_since(Instant::now());
        let share = if is_last { left } else { left / 2 };
        let url = source.url(|pages| rng.u32(pages));
        let ask = || {
            let page = get_in(&url, share, get)?;
            extract(&page, source, skip).map_err(Failure::Page)
        };
        // The panic hook has told the log.
        let outcome = match catch_unwind(AssertUnwindSafe(ask)) {
            Err(_) => Err(Failure::Panic),
            // Less than half, with some room for what has passed since the round began.
            Ok(Err(Failure::Fetch(FetchError::TimedOut))) if share < whole * 2 / 5 => {
                Err(Failure::LittleTime)
            }
            Ok(outcome) => outcome,
        };
        let found = outcome.is_ok();
        tell(Attempt {
            source: source.name().to_owned(),
            url,
            outcome,
        });
        if found {
            return;
        }
    }
}

fn get_in(url: &str, time: Duration, get: &Get) -> Result<Page, Failure> {
    if time.is_zero() {
        return Err(Failure::NoTime);
    }
    get(url, time).map_err(Failure::Fetch)
}

/// Fetches now, for somebody who tries the sources out: from each in turn until one has jokes, as
/// the bot does, or from `all` of them, each with the whole budget for itself.
pub fn try_sources(settings: &JokeSettings, all: bool) -> io::Result<Vec<Attempt>> {
    let (sources, skip) = (&settings.sources, &settings.skip);
    let together = if all { 1 } else { sources.len().max(1) };
    let get = client::get(settings.use_proxy);
    let fetch = || {
        let mut attempts = Vec::new();
        for sources in sources.chunks(together) {
            let end = Instant::now() + settings.budget;
            go_round(sources, skip, &get, end, &mut Rng::new(), |attempt| {
                attempts.push(attempt);
            });
        }
        attempts
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let attempts = thread.spawn_scoped(scope, fetch)?.join();
        Ok(attempts.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn sources(urls: &[&str]) -> Vec<Source> {
        let source = |url: &&str| Source::custom(url, None, None, None, None).unwrap();
        urls.iter().map(source).collect()
    }

    fn round(urls: &[&str], end: Instant, get: &Get) -> Vec<(String, Result<usize, Failure>)> {
        let mut told = Vec::new();
        let rng = &mut Rng::with_seed(1);
        go_round(&sources(urls), &[], get, end, rng, |attempt| {
            let jokes = attempt.outcome.map(|harvest| harvest.jokes.len());
            told.push((attempt.url, jokes));
        });
        told
    }

    fn answer(url: &str) -> Result<Page, FetchError> {
        match url {
            "http://ok/" => Ok(Page {
                content_type: Some("text/plain".to_owned()),
                body: b"a short joke".to_vec(),
            }),
            "http://empty/" => Ok(Page::default()),
            _ => Err(FetchError::Status(500)),
        }
    }

    #[test]
    fn sources_are_asked_in_turn_until_one_has_jokes() {
        let urls = [
            "http://bad/",
            "http://empty/",
            "http://ok/",
            "http://never/",
        ];
        assert_eq!(
            round(&urls, Instant::now() + HOUR, &|url, _| answer(url)),
            [
                (
                    "http://bad/".to_owned(),
                    Err(Failure::Fetch(FetchError::Status(500)))
                ),
                (
                    "http://empty/".to_owned(),
                    Err(Failure::Page(PageError::Empty))
                ),
                ("http://ok/".to_owned(), Ok(1)),
            ]
        );
    }

    #[test]
    fn each_has_half_of_the_time_and_the_last_all_of_it() {
        let shares = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&shares);
        let get = move |url: &str, share: Duration| {
            seen.lock().unwrap().push(share);
            answer(url)
        };
        let end = Instant::now() + HOUR * 4;
        round(&["http://a/", "http://b/", "http://c/"], end, &get);
        // No time passes here, so half of what is left is the same twice.
        let hours: Vec<u64> = shares
            .lock()
            .unwrap()
            .iter()
            .map(|share| (share.as_secs() + 60) / 3_600)
            .collect();
        assert_eq!(hours, [2, 2, 4]);
    }

    #[test]
    fn a_source_that_makes_it_panic_is_a_failure_and_the_next_is_asked() {
        let get = |url: &str, _| {
            assert_eq!(url, "http://ok/", "a panic that the test wants");
            answer(url)
        };
        let end = Instant::now() + HOUR;
        assert_eq!(
            round(&["http://bad/", "http://ok/"], end, &get),
            [
                ("http://bad/".to_owned(), Err(Failure::Panic)),
                ("http://ok/".to_owned(), Ok(1)),
            ]
        );
    }

    #[test]
    fn without_time_nobody_is_asked() {
        let urls = ["http://ok/", "http://bad/"];
        assert_eq!(
            round(&urls, Instant::now(), &|url, _| answer(url)),
            urls.map(|url| (url.to_owned(), Err(Failure::NoTime)))
        );
    }

    #[test]
    fn a_page_of_the_range_is_chosen_at_random() {
        let urls = ["http://x/{1-9}"; 200];
        let mut asked: Vec<String> = round(&urls, Instant::now() + HOUR, &|url, _| answer(url))
            .into_iter()
            .map(|(url, _)| url)
            .collect();
        asked.sort();
        asked.dedup();
        let pages: Vec<String> = (1..=9).map(|page| format!("http://x/{page}")).collect();
        assert_eq!(asked, pages);
    }
}
