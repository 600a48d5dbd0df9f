//! The deck and the rests as texts, for a successor process.

use super::deck::Deck;
use super::fortune::{fortune, fortune_entry};
use super::rests::Rests;
use super::unix;

/// The longest deck, in bytes: one environment variable holds at most 128 KiB.
const MAX_DECK_BYTES: usize = 60 << 10;

/// What is handed on to a successor process, as two texts fit for environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JokeState {
    /// Empty without a deck; else a first line `SECONDS LEFT SOURCE` (when it was fetched, since
    /// 1970; how many cards are still to be dealt; where it is from), then the cards in the order
    /// in which they come, in fortune format. At most 60 KiB.
    pub deck: String,
    /// A line `UNTIL MINUTES SOURCE` for each source that rests.
    pub rests: String,
}

impl JokeState {
    pub(super) fn new(deck: Option<&Deck>, rests: &Rests) -> JokeState {
        JokeState {
            deck: deck.map(write).unwrap_or_default(),
            rests: rests.write(),
        }
    }

    /// The deck, if one was handed on and can be read.
    pub(super) fn deck(&self) -> Option<Deck> {
        let (first, cards) = self.deck.split_once('\n')?;
        let mut words = first.splitn(3, ' ');
        let fetched = unix::time(words.next()?)?;
        let left = words.next()?.parse().ok()?;
        let source = words.next()?.to_owned();
        let cards = fortune(cards);
        (!cards.is_empty()).then(|| Deck::resumed(cards, left, source, fetched))
    }

    /// The rests that were handed on, as far as they can be read.
    pub(super) fn rests(&self) -> Rests {
        Rests::read(&self.rests)
    }
}

/// Cards that do not fit are left behind, those already dealt first.
fn write(deck: &Deck) -> String {
    let first = |left: usize| format!("{} {left} {}\n", unix::seconds(deck.fetched), deck.source);
    let mut room = MAX_DECK_BYTES.saturating_sub(first(deck.left()).len());
    let cards: Vec<String> = deck
        .cards()
        .map(|card| fortune_entry(card) + "\n")
        .take_while(|card| {
            let size = card.len() + "%\n".len();
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        })
        .collect();
    first(deck.left().min(cards.len())) + &cards.join("%\n")
}
