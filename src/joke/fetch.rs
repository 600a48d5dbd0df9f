//! Fetching from the sources in turn, until one has jokes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use fastrand::Rng;
use thiserror::Error;

use super::{
    JokeSettings,
    client::{Client, FetchError},
    formats::{Extracted, Page, PageError, PageText, ReadAs, Reason, judge::has_skipped_word},
    source::Source,
    url::{same_host, shown, without_secrets},
};

/// Stack of a thread that parses a page; `formats/limits.rs` refuses pages that would need more.
pub(super) const STACK_BYTES: usize = 16 << 20;

/// A function that fetches the page at a URL: [`Client::get`], or a stand-in in tests.
pub(super) type Get = dyn Fn(&mut Client, &str) -> Result<Page, FetchError> + Send + Sync;

/// Outcome of asking one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceResult {
    /// The source's name.
    pub(crate) source: &'static str,
    /// The fetched URL, without secrets.
    pub(crate) url: String,
    /// Format and charset of the page, if one was read.
    pub(crate) read_as: Option<ReadAs>,
    /// The jokes, or why there are none.
    pub(crate) outcome: Result<Extracted, SourceError>,
}

/// Reason why a source gave no joke.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("the links that were found lead to no other page of the same host")]
    ForeignLinks,
    /// This program panicked when it read the page.
    #[error("its page cannot be read because of a defect in daoxiao")]
    Panic,
    /// No thread could be started for the fetch.
    #[error("no thread to fetch with")]
    NoThread,
}

/// Asks the sources in turn until one has jokes. Each may take the whole budget, but the next is
/// started beside it after its share: the budget divided by the number of sources. The first source
/// with jokes ends the fetch.
pub(super) fn fetch(
    sources: Vec<Source>,
    settings: &Arc<JokeSettings>,
    get: &Arc<Get>,
    rng: &mut Rng,
) -> Vec<SourceResult> {
    let share = settings.budget / u32::try_from(sources.len().max(1)).unwrap_or(u32::MAX);
    let mut waiting = sources.into_iter();
    let (send, receive) = mpsc::channel();
    let mut results = Vec::new();
    let mut running = 0;
    loop {
        let next = waiting.next();
        // The last wait needs no limit: each running source answers or times out.
        let patience = next.as_ref().map_or(Duration::MAX, |_| share);
        if let Some(source) = next {
            running += 1;
            spawn_source(source, settings, get, rng, &send);
        }
        if running == 0 {
            return results;
        }
        if let Ok(result) = receive.recv_timeout(patience) {
            running -= 1;
            let has_jokes = result.outcome.is_ok();
            results.push(result);
            if has_jokes {
                return results;
            }
        }
    }
}

/// Asks one source in a new thread, which sends the result.
fn spawn_source(
    source: Source,
    settings: &Arc<JokeSettings>,
    get: &Arc<Get>,
    rng: &mut Rng,
    results: &Sender<SourceResult>,
) {
    let mut rng = rng.fork();
    let url = source.url.page(|pages| rng.u32(pages));
    let result = SourceResult {
        source: source.name,
        url: shown(&url),
        read_as: None,
        outcome: Err(SourceError::NoThread),
    };
    let (mut answer, send) = (result.clone(), results.clone());
    let (settings, get) = (Arc::clone(settings), Arc::clone(get));
    let thread = thread::Builder::new().name("source".to_owned());
    let thread = thread.stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        // The panic hook has logged it.
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let text = read_source(&source, &url, &settings, &*get, &mut rng)?;
            answer.read_as = Some(text.read_as());
            Ok(text.jokes(&source.layout, &|joke| unwanted(&settings, &url, joke))?)
        }));
        answer.outcome = asked.unwrap_or(Err(SourceError::Panic));
        if let Err(
            SourceError::Fetch(FetchError::Location(said) | FetchError::Refused(_, said))
            | SourceError::Page(PageError::ApiError(said)),
        ) = &mut answer.outcome
        {
            *said = without_secrets(said, &url);
        }
        // Fails if another source was faster and ended the fetch.
        let _ = send.send(answer);
    });
    if started.is_err() {
        let _ = results.send(result);
    }
}

/// Returns why a joke of the page at this URL is not told, if it is not.
fn unwanted(settings: &JokeSettings, url: &str, joke: &str) -> Option<Reason> {
    if has_skipped_word(joke, &settings.skip) {
        Some(Reason::Skipped)
    } else if settings.words.is_banned(joke) {
        Some(Reason::Banned)
    } else {
        (without_secrets(joke, url) != joke).then_some(Reason::Secret)
    }
}

/// Fetches the page with a source's jokes: the one at its URL, or one that a link on it leads to.
fn read_source(
    source: &Source,
    url: &str,
    settings: &JokeSettings,
    get: &Get,
    rng: &mut Rng,
) -> Result<PageText, SourceError> {
    let layout = &source.layout;
    let has_selectors = layout.has_selectors();
    let mut client = Client::new(settings.budget, has_selectors, settings.use_proxy);
    let page = get(&mut client, url)?;
    let text = PageText::read(&page, layout)?;
    let Some(link) = &layout.link else {
        return Ok(text);
    };
    let (base, links) = text.links(link)?;
    let links = same_host(&page.url, &base, &links);
    let url = rng.choice(links).ok_or(SourceError::ForeignLinks)?;
    Ok(PageText::read(&get(&mut client, &url)?, layout)?)
}

/// Fetches at once, for `daoxiao joke`: until one source has jokes, as the bot does, or from `all`
/// of them, one after the other.
pub(crate) fn try_sources(settings: JokeSettings, all: bool) -> Vec<SourceResult> {
    let settings = Arc::new(settings);
    let get: Arc<Get> = Arc::new(Client::get);
    let together = if all {
        1
    } else {
        settings.sources.len().max(1)
    };
    let rounds = settings.sources.chunks(together);
    rounds
        .flat_map(|sources| fetch(sources.to_vec(), &settings, &get, &mut Rng::new()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::joke::Layout;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn settings(urls: &[&str], budget: Duration) -> Arc<JokeSettings> {
        let source = |url: &&str| Source {
            name: "custom",
            url: url.parse().unwrap(),
            layout: Layout::default(),
        };
        Arc::new(JokeSettings {
            sources: urls.iter().map(source).collect(),
            own: Vec::new(),
            skip: Vec::new(),
            words: Arc::default(),
            budget,
            ttl: HOUR,
            use_proxy: false,
        })
    }

    fn fetch_with(
        urls: &[&str],
        budget: Duration,
        get: impl Fn(&str) -> Result<Page, FetchError> + Send + Sync + 'static,
    ) -> Vec<(String, Result<usize, SourceError>)> {
        let settings = settings(urls, budget);
        let get: Arc<Get> = Arc::new(move |_, url| get(url));
        let sources = settings.sources.clone();
        fetch(sources, &settings, &get, &mut Rng::with_seed(1))
            .into_iter()
            .map(|result| (result.url, result.outcome.map(|found| found.jokes.len())))
            .collect()
    }

    fn answer(url: &str) -> Result<Page, FetchError> {
        match url {
            "http://ok/" => Ok(Page {
                content_type: Some("text/plain".to_owned()),
                body: b"a short joke".to_vec(),
                ..Page::default()
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
        let bad = Err(SourceError::Fetch(FetchError::Status(500)));
        let empty = Err(SourceError::Page(PageError::Empty));
        assert_eq!(
            fetch_with(&urls, HOUR, answer),
            [
                ("http://bad/".to_owned(), bad),
                ("http://empty/".to_owned(), empty),
                ("http://ok/".to_owned(), Ok(1)),
            ]
        );
    }

    #[test]
    fn a_source_that_hangs_holds_the_next_up_for_its_share_and_no_longer() {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let get = move |url: &str| {
            if url == "http://hangs/" {
                let _ = gate.lock().unwrap().recv_timeout(HOUR);
            }
            answer(url)
        };
        let found = fetch_with(
            &["http://hangs/", "http://ok/"],
            Duration::from_millis(40),
            get,
        );
        assert_eq!(found, [("http://ok/".to_owned(), Ok(1))]);
        drop(open);
    }

    #[test]
    fn a_source_that_is_slower_than_its_share_is_heard_all_the_same() {
        let (open, gate) = mpsc::channel::<()>();
        let both = Mutex::new((open, gate));
        let get = move |url: &str| {
            let (open, gate) = &*both.lock().unwrap();
            match url {
                // Answers once the next source is asked, or after 1 ms.
                "http://ok/" => drop(gate.recv_timeout(Duration::from_millis(1))),
                _ => open.send(()).unwrap(),
            }
            answer(url)
        };
        let found = fetch_with(&["http://ok/", "http://bad/"], Duration::ZERO, get);
        assert!(
            found.contains(&("http://ok/".to_owned(), Ok(1))),
            "{found:?}"
        );
    }

    #[test]
    fn a_source_that_makes_it_panic_is_a_failure_and_the_next_is_asked() {
        let get = |url: &str| {
            assert_eq!(url, "http://ok/", "a panic that the test wants");
            answer(url)
        };
        assert_eq!(
            fetch_with(&["http://bad/", "http://ok/"], HOUR, get),
            [
                ("http://bad/".to_owned(), Err(SourceError::Panic)),
                ("http://ok/".to_owned(), Ok(1)),
            ]
        );
    }

    #[test]
    fn a_page_of_the_range_is_chosen_at_random() {
        let urls = ["http://x/{1-9}"; 200];
        let mut asked: Vec<String> = fetch_with(&urls, HOUR, answer)
            .into_iter()
            .map(|(url, _)| url)
            .collect();
        asked.sort();
        asked.dedup();
        let pages: Vec<String> = (1..=9).map(|page| format!("http://x/{page}")).collect();
        assert_eq!(asked, pages);
    }
}
