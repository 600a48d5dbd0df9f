//! Jokes dealt like cards: a [`Pile`] of them, and a [`Deck`], a pile with the time of its fetch.

use std::time::{Duration, SystemTime};

use fastrand::Rng;

/// A deck with fewer cards is replaced after one round, if possible, and not dealt again.
const SMALL: usize = 5;

/// Cards in random order; once all are dealt, they are shuffled and dealt again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pile {
    left: Vec<String>,
    dealt: Vec<String>,
}

impl Pile {
    pub(super) fn shuffled(mut left: Vec<String>, rng: &mut Rng) -> Pile {
        rng.shuffle(&mut left);
        let dealt = Vec::new();
        Pile { left, dealt }
    }

    /// Deals the next card: not the `last` one again if there are others. `None` without cards.
    pub(super) fn deal(&mut self, last: Option<&str>, rng: &mut Rng) -> Option<String> {
        let is_other = |card: &String| Some(card.as_str()) != last;
        if !self.left.iter().any(is_other) {
            self.left.append(&mut self.dealt);
            rng.shuffle(&mut self.left);
        }
        let next = self.left.iter().position(is_other).unwrap_or_default();
        let card = self.left.get(next)?.clone();
        self.dealt.push(self.left.swap_remove(next));
        Some(card)
    }

    /// Returns true if some card is not the `last` one.
    pub(super) fn has_other_than(&self, last: Option<&str>) -> bool {
        let mut cards = self.left.iter().chain(&self.dealt);
        cards.any(|card| Some(card.as_str()) != last)
    }
}

/// The jokes of one page, with the time when they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deck {
    pub(super) pile: Pile,
    pub(super) fetched: SystemTime,
}

impl Deck {
    /// Returns its age; one from the future, after a clock was set back, is as old as can be.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        let age = now.duration_since(self.fetched);
        age.unwrap_or(Duration::MAX)
    }

    /// Returns true if the next card would begin a second round through a small deck.
    pub(super) fn is_small_and_used_up(&self) -> bool {
        self.pile.left.is_empty() && self.pile.dealt.len() < SMALL
    }
}

#[cfg(test)]
mod tests {
    use proptest::arbitrary::any;
    use proptest::{prop_assert_eq, prop_assert_ne, proptest};

    use super::*;

    fn cards(count: usize) -> Vec<String> {
        (0..count).map(|n| n.to_string()).collect()
    }

    fn deck(count: usize) -> Deck {
        Deck {
            pile: Pile::shuffled(cards(count), &mut Rng::with_seed(1)),
            fetched: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        }
    }

    #[test]
    fn an_empty_pile_deals_nothing_and_one_card_is_dealt_again() {
        let mut rng = Rng::with_seed(1);
        assert_eq!(Pile::default().deal(Some("x"), &mut rng), None);
        let mut pile = Pile::shuffled(cards(1), &mut rng);
        assert_eq!(pile.deal(None, &mut rng).as_deref(), Some("0"));
        assert_eq!(pile.deal(Some("0"), &mut rng).as_deref(), Some("0"));
    }

    #[test]
    fn the_order_is_random() {
        let orders: std::collections::HashSet<Vec<String>> = (0..20)
            .map(|seed| Pile::shuffled(cards(10), &mut Rng::with_seed(seed)).left)
            .collect();
        assert_eq!(orders.len(), 20);
    }

    #[test]
    fn a_deck_is_stale_after_its_time_or_if_it_is_from_the_future() {
        let deck = deck(1);
        let ttl = Duration::from_secs(600);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(deck.age(at(999)) > ttl);
        assert!(deck.age(at(1_000)) <= ttl);
        assert!(deck.age(at(1_600)) <= ttl);
        assert!(deck.age(at(1_601)) > ttl);
    }

    #[test]
    fn only_a_deck_of_fewer_than_five_is_small() {
        for (count, small) in [(1, true), (4, true), (5, false)] {
            let mut deck = deck(count);
            assert!(!deck.is_small_and_used_up());
            for _ in 0..count {
                deck.pile.deal(None, &mut Rng::with_seed(2));
            }
            assert_eq!(deck.is_small_and_used_up(), small, "{count}");
        }
    }

    proptest! {
        #[test]
        fn every_round_has_each_card_once_and_no_card_comes_twice_in_a_row(
            count in 2_usize..12,
            seed in any::<u64>(),
        ) {
            let mut rng = Rng::with_seed(seed);
            let mut pile = Pile::shuffled(cards(count), &mut rng);
            let mut last = None;
            for _ in 0..5 {
                let mut round = Vec::new();
                for _ in 0..count {
                    let card = pile.deal(last.as_deref(), &mut rng).unwrap();
                    prop_assert_ne!(last.as_ref(), Some(&card));
                    last = Some(card.clone());
                    round.push(card.parse::<usize>().unwrap());
                }
                round.sort_unstable();
                prop_assert_eq!(round, (0..count).collect::<Vec<_>>());
            }
        }

        #[test]
        fn a_new_pile_does_not_begin_with_the_last_card_of_the_old(
            count in 2_usize..6,
            last in 0_usize..6,
            seed in any::<u64>(),
        ) {
            let mut rng = Rng::with_seed(seed);
            let mut pile = Pile::shuffled(cards(count), &mut rng);
            let last = last.to_string();
            prop_assert_ne!(pile.deal(Some(&last), &mut rng), Some(last));
        }
    }
}
