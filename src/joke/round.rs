//! One round through the sources, within one budget.

use std::fmt;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::JokeSettings;
use super::client::{self, FetchError};
use super::page::{Harvest, Page, PageError, extract};
use super::source::Source;

/// The stack of a thread that fetches and parses; `tame.rs` refuses what would need more.
pub(super) const STACK_BYTES: usize = 16 << 20;

/// How a page is fetched: [`super::client::get`], or a stand-in for it.
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
    /// The budget was used up before this source's turn.
    NoTime,
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Failure::Fetch(error) => Some(error),
            Failure::Page(error) => Some(error),
            Failure::NoTime => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Fetch(error) => error.fmt(f),
            Failure::Page(error) => error.fmt(f),
            Failure::NoTime => f.write_str("no time was left for it"),
        }
    }
}

/// Asks the sources in turn until `tell` says that it is enough. While others wait behind it, a
/// source has half of the time that is left until `end`, so that one that hangs does not use up
/// all; the last one has the rest.
pub(super) fn go_round(
    sources: &[Source],
    skip: &[String],
    get: &Get,
    end: Instant,
    rng: &mut Rng,
    mut tell: impl FnMut(Attempt) -> ControlFlow<()>,
) {
    for (n, source) in sources.iter().enumerate() {
        let is_last = n + 1 == sources.len();
        let left = end.saturating_duration_since(Instant::now());
        let share = if is_last { left } else { left / 2 };
        let url = source.url(|pages| rng.u32(pages));
        let outcome = if share.is_zero() {
            Err(Failure::NoTime)
        } else {
            get(&url, share)
                .map_err(Failure::Fetch)
                .and_then(|page| extract(&page, source, skip).map_err(Failure::Page))
        };
        let attempt = Attempt {
            source: source.name().to_owned(),
            url,
            outcome,
        };
        if tell(attempt).is_break() {
            return;
        }
    }
}

/// Fetches now, from the sources in turn until one has jokes, for somebody who tries them out.
#[must_use]
pub fn try_sources(settings: &JokeSettings) -> Vec<Attempt> {
    let end = Instant::now() + settings.budget;
    let fetch = || {
        let mut attempts = Vec::new();
        let tell = |attempt: Attempt| {
            let found = attempt.outcome.is_ok();
            attempts.push(attempt);
            if found {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let (sources, skip) = (&settings.sources, &settings.skip);
        go_round(sources, skip, &client::get, end, &mut Rng::new(), tell);
        attempts
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let fetching = thread.spawn_scoped(scope, fetch);
        fetching.ok().and_then(|fetching| fetching.join().ok())
    })
    .unwrap_or_default()
}
