//! Finding words in a text: case, width and whitespace at the ends do not count.

use std::{iter, ops::Range};

use crate::wechat::reply::is_invisible;

/// The text as it is compared: half-width, in lower case, without whitespace at the ends.
pub(super) fn fold(text: &str) -> String {
    text.trim().chars().map(fold_char).collect()
}

/// The text as banned words are looked for in it: folded, and without what nobody sees.
pub(super) fn squeeze(text: &str) -> String {
    let seen = text.chars().filter(|char| !is_invisible(*char));
    seen.map(fold_char).collect()
}

fn fold_char(char: char) -> char {
    match char {
        'A'..='Z' => char.to_ascii_lowercase(),
        // Hanzi and their punctuation: most of what is said.
        '\0'..='\u{7f}' | '\u{3001}'..='\u{9fff}' => char,
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => u32::from(char)
            .checked_sub(0xff01 - u32::from('!'))
            .and_then(char::from_u32)
            .map_or(char, |half| half.to_ascii_lowercase()),
        _ => char.to_lowercase().next().unwrap_or(char),
    }
}

/// Finds words in a text. They lie in one piece of memory, for there may be many.
#[derive(Debug, Default)]
pub(super) struct Finder {
    text: String,
    /// Where each word is, and its number; sorted by the words.
    words: Vec<(Range<usize>, u32)>,
    /// Whether a word can begin with a character whose code ends in these bits: most characters of
    /// a text need no second look. A thousand words cost 0.1 µs in a text of 20 characters.
    beginnings: Vec<bool>,
}

/// As many codes end in different bits.
const BEGINNINGS: usize = 4_096;

impl Finder {
    pub(super) fn new(words: Vec<String>) -> Self {
        Self::numbered(words.into_iter().zip(0..).collect())
    }

    /// Of folded words. Of two that are alike, the one with the lower number counts.
    pub(super) fn numbered(mut words: Vec<(String, u32)>) -> Self {
        words.sort_unstable();
        words.dedup_by(|(later, _), (word, _)| later == word);
        let mut finder = Self {
            text: String::with_capacity(words.iter().map(|(word, _)| word.len()).sum()),
            words: Vec::with_capacity(words.len()),
            beginnings: vec![false; if words.is_empty() { 0 } else { BEGINNINGS }],
        };
        for (word, number) in words {
            let start = finder.text.len();
            finder.text.push_str(&word);
            finder.words.push((start..finder.text.len(), number));
            let first = word.chars().next();
            let beginning = first.and_then(|first| finder.beginnings.get_mut(place(first)));
            if let Some(beginning) = beginning {
                *beginning = true;
            }
        }
        finder
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The places at which words stand in a folded text, with the words' numbers.
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = (usize, u32)> {
        let may_begin = |char| self.beginnings.get(place(char)) == Some(&true);
        let starts = text
            .char_indices()
            .filter(move |(_, char)| may_begin(*char));
        starts.flat_map(move |(at, _)| {
            let mut rest = text.get(at..).unwrap_or_default();
            let numbers = iter::from_fn(move || self.next_prefix(&mut rest));
            numbers.map(move |number| (at, number))
        })
    }

    /// The longest word that the text begins with; the text is cut to where a shorter one can end.
    fn next_prefix(&self, text: &mut &str) -> Option<u32> {
        // A word that the text begins with is not behind it, nor is one behind what both share.
        while let Some((word, number)) = self.last_up_to(text) {
            let mut pairs = word.char_indices().zip(text.chars());
            let differs = pairs.find(|((_, char), other)| char != other);
            let (shared, is_found) = match differs {
                Some(((at, _), _)) => (at, false),
                None => (word.char_indices().next_back()?.0, true),
            };
            *text = text.get(..shared)?;
            if is_found {
                return Some(number);
            }
        }
        None
    }

    /// The number of the word that is the whole folded text.
    pub(super) fn find_whole(&self, text: &str) -> Option<u32> {
        let (word, number) = self.last_up_to(text)?;
        (word == text).then_some(number)
    }

    fn last_up_to(&self, text: &str) -> Option<(&str, u32)> {
        let word = |place: &Range<usize>| self.text.get(place.clone()).unwrap_or_default();
        let behind = self.words.partition_point(|(place, _)| word(place) <= text);
        let (place, number) = self.words.get(behind.checked_sub(1)?)?;
        Some((word(place), *number))
    }
}

fn place(char: char) -> usize {
    usize::try_from(u32::from(char)).unwrap_or_default() % BEGINNINGS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finder(words: &[&str]) -> Finder {
        Finder::new(words.iter().map(|word| fold(word)).collect())
    }

    #[test]
    fn case_width_and_whitespace_at_the_ends_do_not_count() {
        assert_eq!(
            fold("\u{3000} ＷｅＣｈａｔ\u{3000}Öl，好！？～\n"),
            "wechat öl,好!?~"
        );
        assert_eq!(fold("İ"), "i");
        assert_eq!(squeeze(" 某 \u{200b}\n词Ａ b"), "某词ab");
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        let finder = finder(&["ab", "abc", "ｂ", "笑话", "ab"]);
        let found = |text| finder.find(text).collect::<Vec<_>>();
        assert_eq!(found("abcd"), [(0, 1), (0, 0), (1, 2)]);
        assert_eq!(found("abd"), [(0, 0), (1, 2)]);
        assert_eq!(found("ac"), []);
        assert_eq!(found("讲个笑话吧"), [(6, 3)]);
        assert_eq!(found("a笑"), []);
        assert_eq!(found(""), []);
        assert_eq!(Finder::default().find("abc").count(), 0);
        assert_eq!(finder.find_whole("ab"), Some(0));
        assert_eq!(finder.find_whole("abc"), Some(1));
        assert_eq!(finder.find_whole("a"), None);
        assert_eq!(finder.find_whole("笑话吧"), None);
        // 'a' and this character share their last 12 bits.
        assert_eq!(found("\u{1061}b"), [(3, 2)]);
    }

    proptest! {
        #[test]
        fn exactly_the_words_in_a_text_are_found(
            words in prop::collection::vec("[ab字]{1,4}", 0..20),
            text in "[ab字c]{0,12}",
        ) {
            let finder = Finder::new(words.clone());
            let mut found: Vec<_> = finder.find(&text).collect();
            found.sort_unstable();
            let mut expected = Vec::new();
            for (at, _) in text.char_indices() {
                for (number, word) in (0..).zip(&words) {
                    let is_first = words.iter().position(|other| other == word) == Some(number);
                    if is_first && text.split_at(at).1.starts_with(word.as_str()) {
                        expected.push((at, u32::try_from(number).unwrap()));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
            let whole = words.iter().position(|word| *word == text);
            prop_assert_eq!(finder.find_whole(&text), whole.map(|number| u32::try_from(number).unwrap()));
        }
    }
}
