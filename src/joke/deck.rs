//! Jokes dealt like cards.

use std::time::{Duration, SystemTime};

use fastrand::Rng;

/// A deck with fewer cards is not dealt twice if another can be had.
const SMALL: usize = 5;

/// Cards in the order in which they are dealt; a used-up pile is shuffled and dealt again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pile {
    cards: Vec<String>,
    dealt: usize,
}

impl Pile {
    pub(super) fn shuffled(mut cards: Vec<String>, rng: &mut Rng) -> Pile {
        rng.shuffle(&mut cards);
        Pile { cards, dealt: 0 }
    }

    /// The next card; not the `last` one again while there are others. `None` without cards.
    pub(super) fn deal(&mut self, last: Option<&str>, rng: &mut Rng) -> Option<String> {
        if !self.bring_up_other_than(last) {
            rng.shuffle(&mut self.cards);
            self.dealt = 0;
            self.bring_up_other_than(last);
        }
        let card = self.cards.get(self.dealt)?.clone();
        self.dealt += 1;
        Some(card)
    }

    /// Makes the next card one that is not `last`, if any that is left is not.
    fn bring_up_other_than(&mut self, last: Option<&str>) -> bool {
        let mut left = self.cards.iter().skip(self.dealt);
        match left.position(|card| Some(card.as_str()) != last) {
            Some(ahead) => {
                self.cards.swap(self.dealt, self.dealt + ahead);
                true
            }
            None => false,
        }
    }

    fn is_used_up(&self) -> bool {
        self.dealt >= self.cards.len()
    }
}

/// The jokes of one page, with where and when they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deck {
    pub(super) pile: Pile,
    pub(super) source: String,
    pub(super) fetched: SystemTime,
}

impl Deck {
    /// Whether it is older than `ttl`, or from a future that a corrected clock has taken back.
    pub(super) fn is_stale(&self, now: SystemTime, ttl: Duration) -> bool {
        now.duration_since(self.fetched)
            .map_or(true, |age| age > ttl)
    }

    /// Whether the next card would be from a second round through very few.
    pub(super) fn is_small_and_used_up(&self) -> bool {
        self.pile.cards.len() < SMALL && self.pile.is_used_up()
    }

    /// The cards in the order in which they come, those already dealt last.
    pub(super) fn cards(&self) -> impl Iterator<Item = &str> {
        let (dealt, left) = self.pile.cards.split_at(self.left_from());
        left.iter().chain(dealt).map(String::as_str)
    }

    /// How many cards are left to deal.
    pub(super) fn left(&self) -> usize {
        self.pile.cards.len() - self.left_from()
    }

    fn left_from(&self) -> usize {
        self.pile.dealt.min(self.pile.cards.len())
    }

    /// A deck in the middle of its round, as [`Deck::cards`] and [`Deck::left`] gave it.
    pub(super) fn resumed(
        mut cards: Vec<String>,
        left: usize,
        source: String,
        fetched: SystemTime,
    ) -> Deck {
        let dealt = cards.len().saturating_sub(left);
        cards.rotate_right(dealt);
        Deck {
            pile: Pile { cards, dealt },
            source,
            fetched,
        }
    }

    /// The card dealt last, if the round has begun.
    pub(super) fn last(&self) -> Option<&str> {
        let at = self.pile.dealt.checked_sub(1)?;
        self.pile.cards.get(at).map(String::as_str)
    }
}
