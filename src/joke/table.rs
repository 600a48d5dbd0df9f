//! What the askers and the fetching thread share, and the fetch itself.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use log::{info, warn};

use super::JokeSettings;
use super::deck::{Deck, Pile};
use super::page::Harvest;
use super::rests::Rests;
use super::round::{Attempt, Get, STACK_BYTES, go_round};
use super::source::Source;

/// A small deck is not fetched anew more often than this, however fast it is used up.
const BETWEEN_SMALL_DECKS: Duration = Duration::from_secs(10);

/// The state, the settings, and the bell that the fetching thread rings.
pub(super) struct Table {
    pub(super) settings: JokeSettings,
    get: Box<Get>,
    state: Mutex<State>,
    done: Condvar,
}

impl Table {
    pub(super) fn new(settings: JokeSettings, get: Box<Get>, state: State) -> Table {
        Table {
            settings,
            get,
            state: Mutex::new(state),
            done: Condvar::new(),
        }
    }

    /// The state, for a moment. It is consistent between any two statements, so a panic elsewhere
    /// does not spoil it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_fetching(&self) -> bool {
        self.state().fetching.is_some()
    }

    /// Waits until the fetch that is running, if any, is done or not worth waiting for. The state
    /// is not locked meanwhile.
    pub(super) fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(end) = state.fetching else {
            return state;
        };
        // What was said before the wait is not to be read after it. It may take long to be written.
        drop(state);
        log::logger().flush();
        let state = self.state();
        let left = end.saturating_duration_since(Instant::now());
        let (state, _) = self
            .done
            .wait_timeout_while(state, left, |state| state.fetching.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        state
    }

    /// Starts a fetch, unless one is running or all sources rest.
    pub(super) fn start_fetch(self: &Arc<Self>, state: &mut State, now: SystemTime) {
        let mut sources = self.settings.sources.clone();
        sources.retain(|source| state.rests.is_awake(source.name(), now));
        if state.fetching.is_some() || sources.is_empty() {
            return;
        }
        let end = Instant::now() + self.settings.budget;
        let rng = state.rng.fork();
        let table = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("joke".to_owned())
            .stack_size(STACK_BYTES);
        match thread.spawn(move || Fetching(table).run(&sources, now, end, rng)) {
            Ok(_) => {
                state.fetched = Some(now);
                state.fetching = Some(end);
            }
            Err(error) => warn!("jokes: no thread to fetch with: {error}"),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A fetch that is running. However it ends, it makes room for the next when it is dropped.
struct Fetching(Arc<Table>);

impl Fetching {
    fn run(&self, sources: &[Source], now: SystemTime, end: Instant, mut rng: Rng) {
        let table = &self.0;
        let skip = &table.settings.skip;
        go_round(sources, skip, &table.get, end, &mut rng.fork(), |attempt| {
            self.take_in(attempt, now, &mut rng);
        });
    }

    /// Puts what a source gave on the table.
    fn take_in(&self, attempt: Attempt, now: SystemTime, rng: &mut Rng) {
        let source = attempt.source;
        match attempt.outcome {
            Ok(harvest) => {
                let Harvest {
                    jokes, left_out, ..
                } = harvest;
                info!(
                    "jokes: {} from {source}, {} left out",
                    jokes.len(),
                    left_out.total()
                );
                let deck = Deck {
                    pile: Pile::shuffled(jokes, rng),
                    source,
                    fetched: now,
                };
                let mut state = self.0.state();
                state.rests.succeeded(&deck.source);
                state.deck = Some(deck);
            }
            Err(failure) => {
                warn!("jokes: none from {source}: {failure}");
                if failure.is_its_own() {
                    self.0.state().rests.failed(&source, now);
                }
            }
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.state().fetching = None;
        self.0.done.notify_all();
    }
}

/// What changes.
pub(super) struct State {
    pub(super) deck: Option<Deck>,
    own: Pile,
    /// The joke told last.
    pub(super) last: Option<String>,
    pub(super) rests: Rests,
    /// When the last fetch began.
    pub(super) fetched: Option<SystemTime>,
    /// Until when the fetch that is running is worth waiting for.
    fetching: Option<Instant>,
    /// When the last joke made a fetch due.
    pub(super) due: Option<SystemTime>,
    rng: Rng,
}

impl State {
    /// No deck yet, and our own jokes shuffled.
    pub(super) fn new(own: Vec<String>, mut rng: Rng) -> State {
        State {
            deck: None,
            own: Pile::shuffled(own, &mut rng),
            last: None,
            rests: Rests::default(),
            fetched: None,
            fetching: None,
            due: None,
            rng,
        }
    }

    /// Whether there is nothing fresh to deal, so that an asker should wait.
    pub(super) fn needs_deck(&self, now: SystemTime) -> bool {
        match &self.deck {
            None => true,
            Some(deck) => deck.is_small_and_used_up() && self.may_fetch_small(now),
        }
    }

    /// Whether a fetch is due after the card that was just dealt.
    pub(super) fn is_deck_due(&self, now: SystemTime, ttl: Duration) -> bool {
        match &self.deck {
            None => false,
            Some(deck) => deck.is_stale(now, ttl) || self.needs_deck(now),
        }
    }

    /// When the fetch that is running, if any, began.
    pub(super) fn fetch_in_flight(&self) -> Option<SystemTime> {
        self.fetching.and(self.fetched)
    }

    fn may_fetch_small(&self, now: SystemTime) -> bool {
        let since = self.fetched.map(|fetched| now.duration_since(fetched));
        !matches!(since, Some(Ok(since)) if since < BETWEEN_SMALL_DECKS)
    }

    pub(super) fn deal(&mut self) -> String {
        let last = self.last.take();
        let pile = match &mut self.deck {
            Some(deck) => &mut deck.pile,
            None => &mut self.own,
        };
        let joke = pile.deal(last.as_deref(), &mut self.rng);
        self.last.clone_from(&joke);
        joke.unwrap_or_default()
    }
}
