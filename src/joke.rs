//! Jokes: the deck, when to fetch a new one, and the built-in jokes.
//!
//! [`Jokes`] belongs to the answering thread; a fetch runs in others, which send the results
//! through a channel and call `wake`. The server calls [`Jokes::ask`]; if that gives no joke yet,
//! it waits for [`Jokes::collect`] and calls [`Jokes::deal`]. After the reply it calls
//! [`Jokes::refresh`]. CGI calls only [`Jokes::wait`].

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use fastrand::Rng;
use log::{info, warn};

mod backoff;
mod client;
mod deck;
mod fetch;
mod formats;
mod fortune;
mod source;
mod url;

pub(crate) use self::{
    client::FetchError,
    fetch::{SourceError, SourceResult, try_sources},
    formats::{
        MAX_SHOWN, ReadAs,
        charset::{Charset, CharsetError, CharsetReason},
        own_jokes,
        selector::{Mistake, Selector, SelectorError},
    },
    fortune::to_fortune,
    url::{PageUrl, UrlError, shown},
};
pub use self::{
    formats::{Extracted, Layout, LeftOut, Page, PageError, PageText, Reason, TooComplex},
    source::Source,
};

use self::{
    backoff::Backoff,
    client::Client,
    deck::{Deck, Pile},
    fetch::{Get, fetch},
    fortune::fortune,
};
use crate::words::Words;

/// Age of a used-up deck of fewer than 5 jokes before the next is fetched.
const BETWEEN_SMALL_DECKS: Duration = Duration::from_secs(10);

/// On average one joke in this many is the owner's while there is a fetched deck.
const OWN_SHARE: u8 = 3;

/// Returns the built-in jokes.
pub fn builtin() -> Vec<String> {
    fortune(include_str!("joke/builtin.txt"))
}

/// Sources of jokes, and limits on them.
#[derive(Clone, Debug)]
pub struct JokeSettings {
    /// Sources, tried in turn; if empty, nothing is fetched.
    pub sources: Vec<Source>,
    /// The owner's jokes, dealt among the fetched ones. If empty, the built-in jokes take their
    /// place, but only while there is no fetched deck.
    pub own: Vec<String>,
    /// Words that no fetched joke may contain.
    pub skip: Vec<String>,
    /// The bot's words: a joke with one that they ban is not told, wherever it comes from.
    pub words: Arc<Words>,
    /// Longest time that a user waits for a joke.
    pub budget: Duration,
    /// Age above which a deck is replaced.
    pub ttl: Duration,
    /// Set to use the proxy that the environment names, if any.
    pub use_proxy: bool,
}

/// Deals jokes, and fetches new ones when they are due.
pub struct Jokes {
    settings: Arc<JokeSettings>,
    get: Arc<Get>,
    wake: Arc<dyn Fn() + Send + Sync>,
    deck: Option<Deck>,
    own: Pile,
    /// The joke dealt last.
    last: Option<String>,
    backoff: Backoff,
    running: Option<RunningFetch>,
    /// Set by a deal, cleared by [`Jokes::refresh`], which does nothing unless it is set.
    dealt: bool,
    rng: Rng,
}

/// A fetch, which runs in other threads.
struct RunningFetch {
    results: Receiver<Vec<SourceResult>>,
    /// A user waits no longer; the fetch itself may take longer.
    worth_waiting_until: Instant,
}

impl Jokes {
    /// Fetches nothing before the first joke is asked for. Another thread calls `wake` when there
    /// is something to [`Jokes::collect`].
    pub fn new(settings: JokeSettings, wake: impl Fn() + Send + Sync + 'static) -> Jokes {
        Self::with(settings, Arc::new(Client::get), Arc::new(wake), Rng::new())
    }

    fn with(
        mut settings: JokeSettings,
        get: Arc<Get>,
        wake: Arc<dyn Fn() + Send + Sync>,
        mut rng: Rng,
    ) -> Jokes {
        let words = Arc::clone(&settings.words);
        let may_be_told = |joke: &String| !words.is_banned(joke);
        settings.own.retain(may_be_told);
        let mut own = settings.own.clone();
        if own.is_empty() {
            own = builtin();
            // If even these are all banned, `Words` refuses the one that is dealt.
            if own.iter().any(may_be_told) {
                own.retain(may_be_told);
            }
        }
        Jokes {
            settings: Arc::new(settings),
            get,
            wake,
            deck: None,
            own: Pile::shuffled(own, &mut rng),
            last: None,
            backoff: Backoff::default(),
            running: None,
            dealt: false,
            rng,
        }
    }

    /// Returns the longest time that a user should wait for a fetch.
    pub fn budget(&self) -> Duration {
        self.settings.budget
    }

    /// Returns a joke if one can be dealt at once. `None` means that a running fetch is worth
    /// waiting for, until [`Jokes::collect`] returns true or the budget is used up; then
    /// [`Jokes::deal`] gives the joke.
    pub fn ask(&mut self, now: SystemTime) -> Option<String> {
        if self.needs_deck(now) {
            self.start_fetch(now);
            if self.time_left().is_some() {
                return None;
            }
        }
        Some(self.deal())
    }

    /// Takes the results of a fetch, and returns true if one has ended since the last call, or ends
    /// while it is waited for.
    pub fn collect(&mut self, now: SystemTime, wait: Duration) -> bool {
        let running = self.running.as_ref();
        // Every fetch gives results, also where a source has panicked.
        let results = running.and_then(|running| running.results.recv_timeout(wait).ok());
        results.map(|results| self.take_in(results, now)).is_some()
    }

    /// Deals a joke at once: from the deck, where one in three is the owner's if there are any, or
    /// without a deck one of the owner's or the built-in ones.
    pub fn deal(&mut self) -> String {
        let last = self.last.as_deref();
        let is_owners_turn = !self.settings.own.is_empty()
            && self.rng.u8(0..OWN_SHARE) == 0
            && self.own.has_other_than(last);
        let pile = match &mut self.deck {
            Some(deck) if !is_owners_turn => &mut deck.pile,
            _ => &mut self.own,
        };
        self.last = pile.deal(self.last.as_deref(), &mut self.rng);
        self.dealt = true;
        self.last.clone().unwrap_or_default()
    }

    /// Returns a joke, blocking for at most the budget: for CGI, which has nothing else to do.
    pub fn wait(&mut self, now: SystemTime) -> String {
        // Called again, it finds what a fetch that took longer has given.
        self.collect(now, Duration::ZERO);
        if let Some(joke) = self.ask(now) {
            return joke;
        }
        // Earlier log lines are written now, not after the wait.
        log::logger().flush();
        self.collect(now, self.time_left().unwrap_or_default());
        self.deal()
    }

    /// Starts a fetch if dealing the last joke made one due. Called after a reply is sent, so that
    /// no user waits for it.
    pub fn refresh(&mut self, now: SystemTime) {
        let was_dealt = std::mem::take(&mut self.dealt);
        let is_stale = |deck: &Deck| deck.age(now) > self.settings.ttl;
        if was_dealt && (self.deck.as_ref().is_some_and(is_stale) || self.needs_deck(now)) {
            self.start_fetch(now);
        }
    }

    /// Returns true if there is no fresh joke, so that a user should wait for a fetch.
    fn needs_deck(&self, now: SystemTime) -> bool {
        self.deck
            .as_ref()
            .is_none_or(|deck| deck.is_small_and_used_up() && deck.age(now) >= BETWEEN_SMALL_DECKS)
    }

    /// Returns the time for which the running fetch, if any, is still worth waiting for.
    fn time_left(&self) -> Option<Duration> {
        let until = self.running.as_ref()?.worth_waiting_until;
        let left = until.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then_some(left)
    }

    /// Starts a fetch, unless one is running or all sources failed lately.
    fn start_fetch(&mut self, now: SystemTime) {
        let mut sources = self.settings.sources.clone();
        sources.retain(|source| self.backoff.is_over(source.name, now));
        if self.running.is_some() || sources.is_empty() {
            return;
        }
        let (settings, get) = (Arc::clone(&self.settings), Arc::clone(&self.get));
        let (send, results) = mpsc::channel();
        let wake = Arc::clone(&self.wake);
        let mut rng = self.rng.fork();
        let thread = thread::Builder::new().name("joke".to_owned());
        let started = thread.spawn(move || {
            // Fails if `Jokes` has been dropped meanwhile.
            let _ = send.send(fetch(sources, &settings, &get, &mut rng));
            wake();
        });
        match started {
            Ok(_) => {
                self.running = Some(RunningFetch {
                    results,
                    worth_waiting_until: Instant::now() + self.settings.budget,
                });
            }
            Err(error) => warn!("jokes: no thread to fetch with: {error}"),
        }
    }

    fn take_in(&mut self, results: Vec<SourceResult>, now: SystemTime) {
        self.running = None;
        for SourceResult {
            source, outcome, ..
        } in results
        {
            match outcome {
                Ok(found) => {
                    let (jokes, left_out) = (found.jokes, found.left_out.total());
                    info!("jokes: {} from {source}, {left_out} left out", jokes.len());
                    self.backoff.succeeded(source);
                    let (pile, fetched) = (Pile::shuffled(jokes, &mut self.rng), now);
                    self.deck = Some(Deck { pile, fetched });
                }
                Err(error) => {
                    warn!("jokes: none from {source}: {error}");
                    if self.backoff.failed(source, now) {
                        warn!(
                            "jokes: {source} has given nothing for a day: try it by `daoxiao \
                             joke`, and name others by --joke-source or --joke-url if it is gone"
                        );
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::Sender};

    use super::*;

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A fake site that gives prepared answers and records the URLs it was asked for.
    #[derive(Clone, Default)]
    struct Site {
        answers: Arc<Mutex<Vec<Result<Page, FetchError>>>>,
        asked: Arc<Mutex<Vec<String>>>,
        gate: Arc<Mutex<Option<Receiver<()>>>>,
    }

    impl Site {
        /// Prepares one more answer: a page of these jokes.
        fn will_tell(&self, jokes: &[&str]) {
            self.answers.lock().unwrap().push(Ok(Page {
                content_type: Some("text/plain".to_owned()),
                body: jokes.join("\n%\n").into_bytes(),
                ..Page::default()
            }));
        }

        /// Holds the next answer back until the returned sender is used.
        fn shut(&self) -> Sender<()> {
            let (open, gate) = mpsc::channel();
            *self.gate.lock().unwrap() = Some(gate);
            open
        }

        fn hits(&self) -> usize {
            self.asked.lock().unwrap().len()
        }

        /// Gives the next prepared answer, or status 500 if there is none.
        fn answer(&self, url: &str) -> Result<Page, FetchError> {
            self.asked.lock().unwrap().push(url.to_owned());
            let gate = self.gate.lock().unwrap().take();
            if let Some(gate) = gate {
                let _ = gate.recv_timeout(LONG);
            }
            let mut answers = self.answers.lock().unwrap();
            if answers.is_empty() {
                Err(FetchError::Status(500))
            } else {
                answers.remove(0)
            }
        }

        fn jokes(&self, budget: Duration) -> Jokes {
            let site = self.clone();
            let get = move |_: &mut Client, url: &str| site.answer(url);
            Jokes::with(
                settings(budget),
                Arc::new(get),
                Arc::new(|| ()),
                Rng::with_seed(1),
            )
        }
    }

    fn settings(budget: Duration) -> JokeSettings {
        JokeSettings {
            sources: vec![Source {
                name: "custom",
                url: "http://x/".parse().unwrap(),
                layout: Layout::default(),
            }],
            own: Vec::new(),
            skip: vec!["bad word".to_owned()],
            words: Arc::default(),
            budget,
            ttl: Duration::from_secs(600),
            use_proxy: false,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    /// Waits for the running fetch, if any, to end.
    fn settle(jokes: &mut Jokes, now: SystemTime) {
        let begin = Instant::now();
        while jokes.running.is_some() {
            assert!(begin.elapsed() < LONG, "the fetch does not end");
            jokes.collect(now, Duration::ZERO);
            thread::yield_now();
        }
    }

    const SIX: [&str; 6] = [
        "joke number 1",
        "joke number 2",
        "joke number 3",
        "joke number 4",
        "joke number 5",
        "joke number 6",
    ];

    #[test]
    fn the_built_in_jokes_are_many_and_each_fits_a_reply() {
        let builtin = builtin();
        assert!(builtin.len() >= 60);
        let different: std::collections::HashSet<&String> = builtin.iter().collect();
        assert_eq!(different.len(), builtin.len());
        for joke in &builtin {
            assert!(joke.len() <= 400, "{joke}");
        }
    }

    #[test]
    fn without_a_source_our_own_jokes_are_told() {
        let mut settings = settings(LONG);
        settings.sources.clear();
        assert!(builtin().contains(&Jokes::new(settings.clone(), || ()).wait(at(0))));
        settings.own = vec!["our own joke".to_owned()];
        let mut jokes = Jokes::new(settings, || ());
        assert_eq!(jokes.wait(at(0)), "our own joke");
        assert_eq!(jokes.wait(at(1)), "our own joke");
    }

    #[test]
    fn one_joke_in_three_is_the_owners_and_none_comes_twice_in_a_row() {
        for own in [vec!["our own joke"], vec!["our own joke", "our other joke"]] {
            let site = Site::default();
            site.will_tell(&SIX);
            let mut settings = settings(LONG);
            settings.own = own.iter().map(|joke| (*joke).to_owned()).collect();
            let get = move |_: &mut Client, url: &str| site.answer(url);
            let mut jokes =
                Jokes::with(settings, Arc::new(get), Arc::new(|| ()), Rng::with_seed(1));
            let told: Vec<String> = (0..600).map(|_| jokes.wait(at(0))).collect();
            for pair in told.windows(2) {
                assert_ne!(pair[0], pair[1]);
            }
            let owners = told
                .iter()
                .filter(|joke| own.contains(&joke.as_str()))
                .count();
            assert!((120..=240).contains(&owners), "{owners} of 600");
        }
    }

    #[test]
    fn what_is_banned_is_told_from_nowhere() {
        let site = Site::default();
        site.will_tell(&["this one is banned", "this one is fine"]);
        let mut settings = settings(LONG);
        settings.own = vec!["our own banned joke".to_owned()];
        settings.words = Arc::new(Words::parse("banned = [\"banned\"]").unwrap());
        let get = move |_: &mut Client, url: &str| site.answer(url);
        let mut jokes = Jokes::with(settings, Arc::new(get), Arc::new(|| ()), Rng::with_seed(1));
        for time in 0..9 {
            assert_eq!(jokes.wait(at(time)), "this one is fine");
        }
    }

    #[test]
    fn nothing_is_fetched_before_it_is_asked_for() {
        let site = Site::default();
        site.jokes(LONG).refresh(at(0));
        assert_eq!(site.hits(), 0);
    }

    #[test]
    fn one_page_serves_many_askers() {
        let site = Site::default();
        site.will_tell(&SIX);
        let mut jokes = site.jokes(LONG);
        let mut told: Vec<String> = (0..6).map(|n| jokes.wait(at(n))).collect();
        assert!(SIX.contains(&jokes.wait(at(600)).as_str()));
        jokes.refresh(at(600));
        told.sort();
        assert_eq!(told, SIX);
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn a_stale_deck_is_dealt_from_at_once_and_replaced_after_the_reply() {
        let site = Site::default();
        site.will_tell(&SIX);
        let mut jokes = site.jokes(LONG);
        let first = jokes.wait(at(0));
        let open = site.shut();
        let stale = jokes.wait(at(601));
        assert!(SIX.contains(&stale.as_str()) && stale != first);
        assert!(jokes.running.is_none());
        assert_eq!(site.hits(), 1);
        site.will_tell(&["a new joke here"]);
        jokes.refresh(at(601));
        // The site holds its answer back, and nobody waits for it.
        assert!(SIX.contains(&jokes.wait(at(602)).as_str()));
        open.send(()).unwrap();
        settle(&mut jokes, at(602));
        assert_eq!(jokes.wait(at(603)), "a new joke here");
        assert_eq!(site.hits(), 2);
    }

    #[test]
    fn a_failed_refresh_keeps_the_old_deck_and_lets_the_source_rest() {
        let site = Site::default();
        site.will_tell(&SIX);
        let mut jokes = site.jokes(LONG);
        for (time, hits) in [
            (0, 1),
            (601, 2),
            (602, 2),
            (661, 3),
            (700, 3),
            (780, 3),
            (781, 4),
        ] {
            assert!(SIX.contains(&jokes.wait(at(time)).as_str()));
            jokes.refresh(at(time));
            settle(&mut jokes, at(time));
            assert_eq!(site.hits(), hits, "at {time}");
        }
    }

    #[test]
    fn a_small_deck_is_fetched_anew_instead_of_being_told_again() {
        let site = Site::default();
        for joke in ["the first joke", "the second joke", "the third joke"] {
            site.will_tell(&[joke]);
        }
        let mut jokes = site.jokes(LONG);
        assert_eq!(jokes.wait(at(0)), "the first joke");
        assert_eq!(jokes.wait(at(9)), "the first joke");
        assert_eq!(site.hits(), 1);
        assert_eq!(jokes.wait(at(10)), "the second joke");
        jokes.refresh(at(10));
        settle(&mut jokes, at(10));
        assert_eq!(site.hits(), 2);
        // Each deck has one joke; 10 seconds after its fetch, the next is fetched instead.
        assert_eq!(jokes.wait(at(19)), "the second joke");
        assert_eq!(jokes.wait(at(20)), "the third joke");
        assert_eq!(site.hits(), 3);
    }

    #[test]
    fn a_small_deck_that_is_used_up_is_replaced_after_the_reply() {
        let site = Site::default();
        site.will_tell(&["the first joke", "the second joke"]);
        site.will_tell(&["the third joke"]);
        let mut jokes = site.jokes(LONG);
        let told = [jokes.wait(at(0)), jokes.wait(at(11))];
        assert_ne!(told[0], told[1]);
        jokes.refresh(at(11));
        settle(&mut jokes, at(11));
        assert_eq!(site.hits(), 2);
        assert_eq!(jokes.wait(at(12)), "the third joke");
    }

    #[test]
    fn a_dead_site_is_not_asked_again_while_it_rests() {
        let site = Site::default();
        let mut jokes = site.jokes(LONG);
        for (time, hits) in [(0, 1), (1, 1), (59, 1), (60, 2), (179, 2), (180, 3)] {
            assert!(builtin().contains(&jokes.wait(at(time))));
            jokes.refresh(at(time));
            assert_eq!(site.hits(), hits, "at {time}");
        }
        site.will_tell(&SIX);
        assert!(builtin().contains(&jokes.wait(at(419))));
        assert!(SIX.contains(&jokes.wait(at(420)).as_str()));
    }

    #[test]
    fn after_a_success_the_next_rest_is_a_first_one() {
        let site = Site::default();
        let mut jokes = site.jokes(LONG);
        for time in [0, 60] {
            assert!(builtin().contains(&jokes.wait(at(time))));
        }
        site.will_tell(&SIX);
        // From 180 on it answers; at 781 its jokes are stale and it fails again, for 1 minute.
        for (time, hits) in [(179, 2), (180, 3), (781, 4), (840, 4), (841, 5)] {
            let _ = jokes.wait(at(time));
            jokes.refresh(at(time));
            settle(&mut jokes, at(time));
            assert_eq!(site.hits(), hits, "at {time}");
        }
    }

    #[test]
    fn nobody_waits_for_a_fetch_that_was_too_late_once_and_its_jokes_are_there_for_the_next() {
        let site = Site::default();
        let open = site.shut();
        let mut jokes = site.jokes(Duration::from_millis(20));
        assert!(builtin().contains(&jokes.wait(at(0))));
        let begin = Instant::now();
        for time in 1..100 {
            assert!(builtin().contains(&jokes.wait(at(time))));
        }
        assert!(begin.elapsed() < Duration::from_secs(1));
        assert_eq!(site.hits(), 1);
        site.will_tell(&SIX);
        open.send(()).unwrap();
        settle(&mut jokes, at(99));
        assert!(SIX.contains(&jokes.wait(at(100)).as_str()));
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn those_who_ask_while_a_fetch_runs_wait_for_it_and_each_is_dealt_a_joke_of_its_own() {
        let site = Site::default();
        let open = site.shut();
        site.will_tell(&SIX);
        let (woken, wake) = mpsc::channel();
        let asked = site.clone();
        let get = move |_: &mut Client, url: &str| asked.answer(url);
        let wake_up = move || woken.send(()).unwrap();
        let wake_up = Arc::new(wake_up);
        let mut jokes = Jokes::with(settings(LONG), Arc::new(get), wake_up, Rng::with_seed(1));
        for time in 0..6 {
            assert_eq!(jokes.ask(at(time)), None);
        }
        assert!(!jokes.collect(at(6), Duration::ZERO));
        open.send(()).unwrap();
        wake.recv_timeout(LONG).unwrap();
        assert!(jokes.collect(at(7), Duration::ZERO));
        assert!(!jokes.collect(at(7), Duration::ZERO));
        let mut told: Vec<String> = (0..6).map(|_| jokes.deal()).collect();
        told.sort();
        assert_eq!(told, SIX);
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn jokes_with_a_word_to_skip_are_not_told_but_our_own_are() {
        let site = Site::default();
        site.will_tell(&["this has a bad word", "this one is fine"]);
        let mut settings = settings(LONG);
        settings.own = vec!["our own bad word".to_owned()];
        let asked = site.clone();
        let get = move |_: &mut Client, url: &str| asked.answer(url);
        let mut jokes = Jokes::with(settings, Arc::new(get), Arc::new(|| ()), Rng::with_seed(1));
        assert_eq!(jokes.wait(at(0)), "this one is fine");
        assert_eq!(jokes.wait(at(1)), "this one is fine");
        let mut settings = (*jokes.settings).clone();
        settings.sources.clear();
        assert_eq!(Jokes::new(settings, || ()).wait(at(0)), "our own bad word");
    }

    #[test]
    fn a_source_that_makes_it_panic_rests_and_is_asked_again() {
        let site = Site::default();
        site.will_tell(&SIX);
        let asked = site.clone();
        let get = move |_: &mut Client, url: &str| {
            let answer = asked.answer(url);
            assert!(asked.hits() > 1, "a panic that the test wants");
            answer
        };
        let mut jokes = Jokes::with(
            settings(LONG),
            Arc::new(get),
            Arc::new(|| ()),
            Rng::with_seed(1),
        );
        assert!(builtin().contains(&jokes.wait(at(0))));
        assert!(builtin().contains(&jokes.wait(at(59))));
        assert_eq!(site.hits(), 1);
        site.will_tell(&SIX);
        assert!(SIX.contains(&jokes.wait(at(60)).as_str()));
    }
}
