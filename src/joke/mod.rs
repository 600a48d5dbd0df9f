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

pub use client::FetchError;
pub use fortune::{fortune, fortune_entry};
pub use page::{Harvest, PageError};
pub use round::{Attempt, Failure, try_sources};
pub use selector::{Mistake, SelectorError};
pub use sift::{LeftOut, MAX_JOKE_BYTES, Reason};
pub use source::{KNOWN_SOURCES, Source, SourceError};
pub use state::JokeState;
pub use tame::Wild;
pub use url::UrlError;

use round::Get;
use table::{State, Table};

/// The jokes that the program brings along.
#[must_use]
pub fn builtin() -> Vec<String> {
    fortune(include_str!("builtin.txt"))
}

/// Where jokes come from and how long one may take.
#[derive(Clone, Debug)]
pub struct JokeSettings {
    /// The sources, tried in turn; none means own jokes only.
    pub sources: Vec<Source>,
    /// The jokes told while there is no deck: the built-in ones or the owner's.
    pub own: Vec<String>,
    /// Words that a fetched joke must not have.
    pub skip: Vec<String>,
    /// The longest time an asker waits.
    pub budget: Duration,
    /// The age at which a deck is due to be replaced.
    pub ttl: Duration,
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
        Self::with(settings, Box::new(client::get), Rng::new())
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

    /// What a successor process needs to go on in our place.
    #[must_use]
    pub fn hand_on(&self) -> JokeState {
        let state = self.table.state();
        JokeState::new(state.deck.as_ref(), &state.rests)
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
