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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use fastrand::Rng;
    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;
    use crate::joke::deck::Pile;

    fn deck(cards: Vec<String>, dealt: usize) -> Deck {
        let mut rng = Rng::with_seed(1);
        let mut pile = Pile::shuffled(cards, &mut rng);
        for _ in 0..dealt {
            pile.deal(None, &mut rng);
        }
        Deck {
            pile,
            source: "a source".to_owned(),
            fetched: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    }

    fn handed_on(deck: &Deck) -> JokeState {
        JokeState::new(Some(deck), &Rests::default())
    }

    #[test]
    fn a_deck_is_a_line_about_it_and_its_cards() {
        let state = handed_on(&deck(vec!["《题》\n50%\n%".to_owned()], 1));
        assert_eq!(state.deck, "1700000000 0 a source\n《题》\n50%\n％\n");
        assert_eq!(
            JokeState::default(),
            JokeState::new(None, &Rests::default())
        );
    }

    #[test]
    fn a_deck_of_any_size_takes_at_most_60_kib() {
        for (count, kept) in [(29, 29), (30, 29), (500, 29)] {
            let cards: Vec<String> = (0..count).map(|n| format!("{n:0>2047}")).collect();
            for dealt in [0, 10, count] {
                let state = handed_on(&deck(cards.clone(), dealt));
                assert!(state.deck.len() <= MAX_DECK_BYTES);
                let resumed = state.deck().unwrap();
                assert_eq!(resumed.cards().count(), kept);
                assert_eq!(resumed.left(), kept.min(count - dealt));
            }
        }
    }

    #[test]
    fn what_cannot_be_a_deck_is_ignored() {
        for text in [
            "",
            "x",
            "1 1 zol",
            "1 1 zol\n",
            "1 1 zol\n%\n",
            "x 1 zol\na",
            "1 x zol\na",
            "1 1\na",
            "-1 1 zol\na",
            "99999999999999999999 1 zol\na",
        ] {
            let state = JokeState {
                deck: text.to_owned(),
                ..JokeState::default()
            };
            assert_eq!(state.deck(), None, "{text:?}");
        }
        let state = JokeState {
            deck: "1 99 zol\na".to_owned(),
            ..JokeState::default()
        };
        assert_eq!(state.deck().unwrap().left(), 1);
    }

    proptest! {
        #[test]
        fn a_handed_on_deck_is_the_same_deck(
            cards in vec("[^\\s%\u{feff}\\p{C}]{6,9}(\n[^\\s%\\p{C}]{1,5})?", 1..8),
            dealt in 0_usize..8,
        ) {
            let before = deck(cards, dealt);
            prop_assert_eq!(handed_on(&before).deck().unwrap(), before);
        }
    }
}
