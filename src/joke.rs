//! Jokes: the deck, when to fetch, and the built-in ones.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fastrand::Rng;

mod charset;
mod client;
mod deck;
mod fortune;
mod page;
mod rests;
mod round;
mod selector;
mod sift;
mod source;
mod state;
mod table;
mod tame;
mod unix;
mod url;

pub use client::{FetchError, Page};
pub use fortune::{fortune, fortune_entry};
pub use page::{Harvest, PageError, extract};
pub use round::{Attempt, Failure, try_sources};
pub use selector::{Mistake, SelectorError};
pub use sift::{LeftOut, Reason};
pub use source::{KNOWN_SOURCES, Source, SourceError};
pub use state::JokeState;
pub use tame::Wild;
pub use url::UrlError;

use round::Get;
use table::{State, Table};

/// The jokes that the program brings along.
#[must_use]
pub fn builtin() -> Vec<String> {
    fortune(include_str!("joke/builtin.txt"))
}

/// Where jokes come from and how long one may take.
#[derive(Clone, Debug)]
pub struct JokeSettings {
    /// The sources, tried in turn; none means own jokes only.
    pub sources: Vec<Source>,
    /// The owner's jokes, told while there is no deck; none means the built-in ones.
    pub own: Vec<String>,
    /// Words that a fetched joke must not have.
    pub skip: Vec<String>,
    /// The longest time an asker waits.
    pub budget: Duration,
    /// The age at which a deck is due to be replaced.
    pub ttl: Duration,
    /// Whether a proxy that the environment names is used.
    pub use_proxy: bool,
}

/// Tells jokes, and fetches new ones when they are due. A fetch is one short-lived thread; its
/// jokes go into the deck whether somebody still waits for them or not.
#[derive(Debug)]
pub struct Jokes {
    table: Arc<Table>,
}

impl Jokes {
    /// Nothing is fetched before the first joke is asked for.
    #[must_use]
    pub fn new(settings: JokeSettings) -> Jokes {
        let get = client::get(settings.use_proxy);
        Self::with(settings, Box::new(get), Rng::new())
    }

    fn with(settings: JokeSettings, get: Box<Get>, rng: Rng) -> Jokes {
        let own = if settings.own.is_empty() {
            builtin()
        } else {
            settings.own.clone()
        };
        let state = State::new(own, rng);
        Jokes {
            table: Arc::new(Table::new(settings, get, state)),
        }
    }

    /// A joke, after at most the budget: from the deck, or from a new one if there is none, or
    /// else one of our own.
    #[must_use]
    pub fn tell(&self, now: SystemTime) -> String {
        let table = &self.table;
        let mut state = table.state();
        if state.needs_deck(now) {
            table.start_fetch(&mut state, now);
            state = table.wait(state);
        }
        let joke = state.deal();
        state.due = state.is_deck_due(now, table.settings.ttl).then_some(now);
        joke
    }

    /// Starts the fetch that the last joke made due, if any, and returns at once. It is called
    /// when the reply has been sent, so that nobody waits for it.
    pub fn refresh(&self) {
        let mut state = self.table.state();
        if let Some(now) = state.due.take() {
            self.table.start_fetch(&mut state, now);
        }
    }

    /// What a successor process needs to go on in our place. A fetch that is cut short counts as
    /// failed: under a flood, all that follow would be, too, and each would cost its asker the joke.
    #[must_use]
    pub fn hand_on(&self) -> JokeState {
        let state = self.table.state();
        let mut rests = state.rests.clone();
        if let Some(begun) = state.fetch_in_flight() {
            for source in &self.table.settings.sources {
                if rests.is_awake(source.name(), begun) {
                    rests.failed(source.name(), begun);
                }
            }
        }
        JokeState::new(state.deck.as_ref(), &rests)
    }

    /// Goes on where a predecessor stopped. What cannot be read is ignored.
    pub fn take_over(&self, handed_on: &JokeState) {
        let mut state = self.table.state();
        state.rests = handed_on.rests();
        if let Some(deck) = handed_on.deck() {
            state.last = deck.last().map(str::to_owned);
            state.fetched = Some(deck.fetched);
            state.deck = Some(deck);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Instant;

    use super::*;

    /// Longer than any test takes, so that who waits that long never comes back in time.
    const LONG: Duration = Duration::from_secs(60);

    /// A site that is told its answers beforehand and notes what it was asked for.
    #[derive(Clone, Default)]
    struct Site {
        answers: Arc<Mutex<Vec<Result<Page, FetchError>>>>,
        asked: Arc<Mutex<Vec<String>>>,
        gate: Arc<Mutex<Option<Receiver<()>>>>,
    }

    impl Site {
        /// The site answers with a page of these jokes, after what it was told before.
        fn will_tell(&self, jokes: &[&str]) {
            self.answers.lock().unwrap().push(Ok(Page {
                content_type: Some("text/plain".to_owned()),
                body: jokes.join("\n\n").into_bytes(),
            }));
        }

        /// The site answers only when the sender is used.
        fn shut(&self) -> Sender<()> {
            let (open, gate) = mpsc::channel();
            *self.gate.lock().unwrap() = Some(gate);
            open
        }

        fn hits(&self) -> usize {
            self.asked.lock().unwrap().len()
        }

        /// Without an answer to give, it fails.
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
            let get = move |url: &str, _: Duration| site.answer(url);
            Jokes::with(settings(budget), Box::new(get), Rng::with_seed(1))
        }
    }

    fn settings(budget: Duration) -> JokeSettings {
        JokeSettings {
            sources: vec![Source::custom("http://x/", None, None, None, None).unwrap()],
            own: vec!["our own joke".to_owned()],
            skip: vec!["bad word".to_owned()],
            budget,
            ttl: Duration::from_secs(600),
            use_proxy: false,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    /// Waits until the background fetch is over.
    fn settle(jokes: &Jokes) {
        let begin = Instant::now();
        while jokes.table.is_fetching() {
            assert!(begin.elapsed() < LONG, "the fetch does not end");
            std::thread::yield_now();
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
        let jokes = Jokes::new(settings.clone());
        assert_eq!(jokes.tell(at(0)), "our own joke");
        settings.own.clear();
        assert!(builtin().contains(&Jokes::new(settings).tell(at(0))));
    }

    #[test]
    fn nothing_is_fetched_before_it_is_asked_for() {
        let site = Site::default();
        site.jokes(LONG).refresh();
        assert_eq!(site.hits(), 0);
    }

    #[test]
    fn one_page_serves_many_askers() {
        let site = Site::default();
        site.will_tell(&SIX);
        let jokes = site.jokes(LONG);
        let mut told: Vec<String> = (0..6).map(|n| jokes.tell(at(n))).collect();
        assert!(SIX.contains(&jokes.tell(at(600)).as_str()));
        jokes.refresh();
        told.sort();
        assert_eq!(told, SIX);
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn a_stale_deck_is_dealt_from_at_once_and_replaced_after_the_reply() {
        let site = Site::default();
        site.will_tell(&SIX);
        let jokes = site.jokes(LONG);
        let first = jokes.tell(at(0));
        let open = site.shut();
        let stale = jokes.tell(at(601));
        assert!(SIX.contains(&stale.as_str()) && stale != first);
        assert!(!jokes.table.is_fetching());
        assert_eq!(site.hits(), 1);
        site.will_tell(&["a new joke here"]);
        jokes.refresh();
        // The site is shut, and nobody waits for it.
        assert!(SIX.contains(&jokes.tell(at(602)).as_str()));
        open.send(()).unwrap();
        settle(&jokes);
        assert_eq!(jokes.tell(at(603)), "a new joke here");
        assert_eq!(site.hits(), 2);
    }

    #[test]
    fn a_failed_refresh_keeps_the_old_deck_and_lets_the_source_rest() {
        let site = Site::default();
        site.will_tell(&SIX);
        let jokes = site.jokes(LONG);
        for (time, hits) in [
            (0, 1),
            (601, 2),
            (602, 2),
            (661, 3),
            (700, 3),
            (780, 3),
            (781, 4),
        ] {
            assert!(SIX.contains(&jokes.tell(at(time)).as_str()));
            jokes.refresh();
            settle(&jokes);
            assert_eq!(site.hits(), hits, "at {time}");
        }
    }

    #[test]
    fn a_small_deck_is_fetched_anew_instead_of_being_told_again() {
        let site = Site::default();
        for joke in ["the first joke", "the second joke", "the third joke"] {
            site.will_tell(&[joke]);
        }
        let jokes = site.jokes(LONG);
        assert_eq!(jokes.tell(at(0)), "the first joke");
        assert_eq!(jokes.tell(at(9)), "the first joke");
        assert_eq!(site.hits(), 1);
        assert_eq!(jokes.tell(at(10)), "the second joke");
        jokes.refresh();
        settle(&jokes);
        assert_eq!(site.hits(), 2);
        // The round of one is over, and it is long enough ago: the next is fetched beforehand.
        assert_eq!(jokes.tell(at(19)), "the second joke");
        assert_eq!(jokes.tell(at(20)), "the third joke");
        assert_eq!(site.hits(), 3);
    }

    #[test]
    fn a_small_deck_that_is_used_up_is_replaced_after_the_reply() {
        let site = Site::default();
        site.will_tell(&["the first joke", "the second joke"]);
        site.will_tell(&["the third joke"]);
        let jokes = site.jokes(LONG);
        let told = [jokes.tell(at(0)), jokes.tell(at(11))];
        assert_ne!(told[0], told[1]);
        jokes.refresh();
        settle(&jokes);
        assert_eq!(site.hits(), 2);
        assert_eq!(jokes.tell(at(12)), "the third joke");
    }

    #[test]
    fn a_dead_site_is_not_asked_again_while_it_rests() {
        let site = Site::default();
        let jokes = site.jokes(LONG);
        for (time, hits) in [(0, 1), (1, 1), (59, 1), (60, 2), (179, 2), (180, 3)] {
            assert_eq!(jokes.tell(at(time)), "our own joke");
            jokes.refresh();
            assert_eq!(site.hits(), hits, "at {time}");
        }
        site.will_tell(&SIX);
        assert_eq!(jokes.tell(at(419)), "our own joke");
        assert!(SIX.contains(&jokes.tell(at(420)).as_str()));
    }

    #[test]
    fn behind_sources_that_hang_a_slow_one_is_heard_at_the_second_asking() {
        let get = |url: &str, share: Duration| {
            // Nothing is ever sent: this takes the time that the site takes.
            let (_open, gate) = mpsc::channel::<()>();
            let slow = Duration::from_millis(160);
            let answers = url.contains("60s") && share >= slow;
            let _ = gate.recv_timeout(if answers { slow } else { share });
            if !answers {
                return Err(FetchError::TimedOut);
            }
            Ok(Page {
                content_type: Some("text/plain".to_owned()),
                body: b"a slow joke".to_vec(),
            })
        };
        let mut settings = settings(Duration::from_secs(1));
        settings.sources = KNOWN_SOURCES
            .iter()
            .filter_map(|name| Source::known(name))
            .collect();
        let jokes = Jokes::with(settings, Box::new(get), Rng::with_seed(1));
        assert_eq!(jokes.tell(at(0)), "our own joke");
        settle(&jokes);
        assert_eq!(jokes.tell(at(1)), "a slow joke");
    }

    #[test]
    fn after_a_success_the_next_rest_is_a_first_one() {
        let site = Site::default();
        let jokes = site.jokes(LONG);
        for time in [0, 60] {
            assert_eq!(jokes.tell(at(time)), "our own joke");
        }
        site.will_tell(&SIX);
        // From 180 on it answers; at 781 its jokes are stale and it fails again, for 1 minute.
        for (time, hits) in [(179, 2), (180, 3), (781, 4), (840, 4), (841, 5)] {
            let _ = jokes.tell(at(time));
            jokes.refresh();
            settle(&jokes);
            assert_eq!(site.hits(), hits, "at {time}");
        }
    }

    #[test]
    fn nobody_waits_for_a_fetch_that_was_too_late_once_and_its_jokes_are_there_for_the_next() {
        let site = Site::default();
        let open = site.shut();
        let jokes = site.jokes(Duration::from_millis(20));
        assert_eq!(jokes.tell(at(0)), "our own joke");
        let begin = Instant::now();
        for time in 1..100 {
            assert_eq!(jokes.tell(at(time)), "our own joke");
        }
        assert!(begin.elapsed() < Duration::from_secs(1));
        assert_eq!(site.hits(), 1);
        site.will_tell(&SIX);
        open.send(()).unwrap();
        settle(&jokes);
        assert!(SIX.contains(&jokes.tell(at(100)).as_str()));
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn several_askers_share_one_fetch() {
        let site = Site::default();
        let open = site.shut();
        site.will_tell(&SIX);
        let jokes = site.jokes(LONG);
        std::thread::scope(|scope| {
            let askers: Vec<_> = (0..4).map(|_| scope.spawn(|| jokes.tell(at(0)))).collect();
            open.send(()).unwrap();
            for asker in askers {
                assert!(SIX.contains(&asker.join().unwrap().as_str()));
            }
        });
        assert_eq!(site.hits(), 1);
    }

    #[test]
    fn jokes_with_a_word_to_skip_are_not_told_but_our_own_are() {
        let site = Site::default();
        site.will_tell(&["this has a bad word", "this one is fine"]);
        let mut settings = settings(LONG);
        settings.own = vec!["our own bad word".to_owned()];
        let asked = site.clone();
        let get = move |url: &str, _: Duration| asked.answer(url);
        let jokes = Jokes::with(settings, Box::new(get), Rng::with_seed(1));
        assert_eq!(jokes.tell(at(0)), "this one is fine");
        assert_eq!(jokes.tell(at(1)), "this one is fine");
        let mut settings = jokes.table.settings.clone();
        settings.sources.clear();
        assert_eq!(Jokes::new(settings).tell(at(0)), "our own bad word");
    }

    #[test]
    fn a_source_that_makes_it_panic_rests_and_is_asked_again() {
        let site = Site::default();
        site.will_tell(&SIX);
        let asked = site.clone();
        let get = move |url: &str, _: Duration| {
            let answer = asked.answer(url);
            assert!(asked.hits() > 1, "a panic that the test wants");
            answer
        };
        let jokes = Jokes::with(settings(LONG), Box::new(get), Rng::with_seed(1));
        assert_eq!(jokes.tell(at(0)), "our own joke");
        assert_eq!(jokes.tell(at(59)), "our own joke");
        assert_eq!(site.hits(), 1);
        site.will_tell(&SIX);
        assert!(SIX.contains(&jokes.tell(at(60)).as_str()));
    }

    #[test]
    fn a_successor_goes_on_with_the_deck_and_the_rests() {
        let site = Site::default();
        site.will_tell(&SIX);
        let before = site.jokes(LONG);
        let mut told = vec![before.tell(at(0)), before.tell(at(601))];
        before.refresh();
        settle(&before);
        assert_eq!(site.hits(), 2);
        let after = site.jokes(LONG);
        after.take_over(&before.hand_on());
        assert_eq!(after.hand_on(), before.hand_on());
        for _ in 0..4 {
            told.push(after.tell(at(602)));
            after.refresh();
        }
        told.sort();
        assert_eq!(told, SIX);
        assert_eq!(site.hits(), 2);
    }

    #[test]
    fn a_successor_does_not_fetch_a_small_deck_anew_right_away() {
        let site = Site::default();
        site.will_tell(&["the only joke"]);
        let before = site.jokes(LONG);
        assert_eq!(before.tell(at(0)), "the only joke");
        let after = site.jokes(LONG);
        after.take_over(&before.hand_on());
        assert_eq!(after.tell(at(9)), "the only joke");
        after.refresh();
        settle(&after);
        assert_eq!(site.hits(), 1);
        site.will_tell(&["another joke"]);
        assert_eq!(after.tell(at(10)), "another joke");
    }

    #[test]
    fn a_successor_ignores_what_it_cannot_read() {
        let jokes = Site::default().jokes(LONG);
        let nonsense = JokeState {
            deck: "x\ny".to_owned(),
            rests: "z".to_owned(),
        };
        jokes.take_over(&nonsense);
        assert_eq!(jokes.hand_on(), JokeState::default());
        assert_eq!(jokes.tell(at(0)), "our own joke");
    }
}
