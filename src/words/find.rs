//! Finding words in a text: case, width and whitespace at the ends do not count.

use std::{borrow::Cow, iter, ops::Range};

use unicode_normalization::UnicodeNormalization;

use crate::wechat::reply::is_invisible;

/// The text as it is compared: half-width, in lower case, without whitespace at the ends.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    fold_only(text.trim(), |_| true)
}

/// The text as banned words are looked for in it: folded, and without what nobody sees.
pub(super) fn squeeze(text: &str) -> Cow<'_, str> {
    fold_only(text, |char| !is_invisible(char))
}

/// Folds those characters that count, a letter with its accents or voice marks into one character,
/// as far as there is such.
fn fold_only(text: &str, counts: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(|char| is_folded(char) && counts(char)) {
        return text.into();
    }
    let counted = text.chars().filter(|char| counts(*char));
    let folded: String = counted.map(fold_char).collect();
    if folded.contains(is_mark) {
        folded.nfc().collect()
    } else {
        folded.into()
    }
}

fn is_folded(char: char) -> bool {
    fold_char(char) == char && !is_mark(char)
}

/// Whether the character is an accent of Latin letters or a voice mark of kana, which belongs to
/// the one before it.
fn is_mark(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}')
}

/// The usual forms of half-width katakana and Hangul, and of what is at the end of their block, in
/// their order. NFKC has others: for Hangul, letters that make syllables.
const USUAL: &str = "\
    。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u{3099}\u{309a}\
    \u{3164}ㄱㄲㄳㄴㄵㄶㄷㄸㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅃㅄㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ\u{ffbf}\u{ffc0}\u{ffc1}ㅏㅐㅑㅒㅓㅔ\u{ffc8}\u{ffc9}ㅕㅖㅗㅘㅙㅚ\u{ffd0}\u{ffd1}ㅛㅜㅝㅞㅟㅠ\u{ffd8}\u{ffd9}ㅡㅢㅣ\u{ffdd}\u{ffde}\u{ffdf}¢£¬¯¦¥₩\u{ffe7}│←↑→↓■○";

fn fold_char(char: char) -> char {
    match char {
        // Hanzi and their punctuation: most of what is said.
        '\u{3001}'..='\u{9fff}' => char,
        '\0'..='\u{7f}' => char.to_ascii_lowercase(),
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0)
            .map_or(char, |half_width| half_width.to_ascii_lowercase()),
        '｡'..='￮' => usize::try_from(u32::from(char) - 0xff61)
            .ok()
            .and_then(|place| USUAL.chars().nth(place))
            .unwrap_or(char),
        _ => char.to_lowercase().next().unwrap_or(char),
    }
}

/// Finds words in a text. They lie in one piece of memory, for there may be many: a search by the
/// `aho-corasick` crate takes 11 bytes for each byte of words, or more.
#[derive(Debug, Default)]
pub(super) struct Finder {
    text: String,
    /// Sorted.
    words: Vec<Word>,
    /// A Bloom filter of one hash over the beginnings of the words, their first three characters or
    /// all of them: most places in a text need no second look.
    beginnings: Vec<u64>,
    /// How many characters the shortest beginning has.
    shortest: usize,
}

/// A word in 16 bytes, for most words are short; no file of them has 4 GiB.
#[derive(Debug)]
struct Word {
    /// Where it is in the finder's text.
    place: Range<u32>,
    number: u32,
    /// 1 + the index of the longest other word that this one begins with; 0 if there is none.
    prefix: u32,
}

impl Finder {
    pub(super) fn new<W: AsRef<str> + Ord>(words: Vec<W>) -> Self {
        Self::numbered(words.into_iter().zip(0..).collect())
    }

    /// Of folded words. Of two that are alike, the one with the lower number counts.
    pub(super) fn numbered<W: AsRef<str> + Ord>(mut words: Vec<(W, usize)>) -> Self {
        words.sort_unstable();
        words.dedup_by(|(later, _), (word, _)| later == word);
        let mut finder = Self {
            text: String::with_capacity(words.iter().map(|(word, _)| word.as_ref().len()).sum()),
            words: Vec::with_capacity(words.len()),
            beginnings: vec![0; if words.is_empty() { 0 } else { BEGINNINGS / 64 }],
            shortest: 3,
        };
        for (word, number) in words {
            let word = word.as_ref();
            let prefix = finder.prefixes(word).next().map_or(0, |(count, _)| count);
            let start = finder.text.len();
            finder.text.push_str(word);
            let place = start..finder.text.len();
            finder.words.push(Word {
                place: narrow(place.start)..narrow(place.end),
                number: narrow(number),
                prefix: narrow(prefix),
            });
            let hash = word.chars().take(3).fold(0, hash);
            if let Some(bits) = finder.beginnings.get_mut(hash % BEGINNINGS / 64) {
                *bits |= 1 << (hash % 64);
            }
            finder.shortest = finder.shortest.min(word.chars().count());
        }
        finder
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The places at which words stand in a folded text, the last first, with the words' numbers.
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = (usize, usize)> {
        let text = if self.is_empty() { "" } else { text };
        let mut next = ['\0'; 2];
        let starts = text.char_indices().rev().filter(move |(_, char)| {
            let first = hash(0, *char);
            let second = hash(first, next[0]);
            let hashes = [first, second, hash(second, next[1])];
            next = [*char, next[0]];
            let mut hashes = hashes.iter().skip(self.shortest.saturating_sub(1));
            hashes.any(|hash| {
                let bits = self.beginnings.get(hash % BEGINNINGS / 64);
                bits.is_some_and(|bits| bits >> (hash % 64) & 1 == 1)
            })
        });
        starts.flat_map(move |(at, _)| {
            let words = self.prefixes(text.get(at..).unwrap_or_default());
            words.map(move |(_, word)| (at, wide(word.number)))
        })
    }

    /// The number of the word that is the whole folded text.
    pub(super) fn find_whole(&self, text: &str) -> Option<usize> {
        let (_, word) = self.prefixes(text).next()?;
        (self.text(word).len() == text.len()).then_some(wide(word.number))
    }

    /// The words that the text begins with, the longest first, and how many there are up to each.
    fn prefixes(&self, text: &str) -> impl Iterator<Item = (usize, &Word)> {
        // In their order, the longest is the last word up to the text, or the longest that this one
        // begins with, and so on.
        let text = text.as_bytes();
        let mut count = self.words.partition_point(|word| self.text(word) <= text);
        let words = iter::from_fn(move || {
            let word = self.words.get(count.checked_sub(1)?)?;
            let found = (count, word);
            count = wide(word.prefix);
            Some(found)
        });
        words.filter(move |(_, word)| text.starts_with(self.text(word)))
    }

    fn text(&self, word: &Word) -> &[u8] {
        self.text
            .as_bytes()
            .get(wide(word.place.start)..wide(word.place.end))
            .unwrap_or_default()
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Bits of the Bloom filter.
const BEGINNINGS: usize = 65_536;

/// The hash of a text that is one character longer.
fn hash(hash: usize, char: char) -> usize {
    let code = usize::try_from(u32::from(char)).unwrap_or_default();
    hash.wrapping_mul(31).wrapping_add(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finder(words: &[&str]) -> Finder {
        Finder::new(words.iter().map(|word| fold(word).into_owned()).collect())
    }

    #[test]
    fn case_width_and_whitespace_at_the_ends_do_not_count() {
        assert_eq!(
            fold("\u{3000} ＷｅＣｈａｔ\u{3000}Öl，好！？～\n"),
            "wechat öl,好!?~"
        );
        assert_eq!(fold("İ￥１￦"), "i¥1₩");
        assert_eq!(fold("｡ｦｱﾝﾟ"), "。ヲアン\u{309a}");
        assert_eq!(fold("ﾡ￦ￂￜ ￢￣￤￨￮"), "ㄱ₩ㅏㅣ ¬¯¦│○");
        assert_eq!(USUAL.chars().count(), 0xffef - 0xff61);
        // Each one is what Unicode says, too.
        for char in ('｡'..='￮').filter(|char| fold_char(*char) != *char) {
            assert!(char.nfkc().eq(fold_char(char).nfkc()), "{char}");
        }
        assert_eq!(squeeze(" 某 \u{200b}\n词Ａ b"), "某词ab");
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        let finder = finder(&["ab", "abc", "ｂ", "笑话", "ab"]);
        let found = |text| finder.find(text).collect::<Vec<_>>();
        assert_eq!(found("abcd"), [(1, 2), (0, 1), (0, 0)]);
        assert_eq!(found("abd"), [(1, 2), (0, 0)]);
        assert_eq!(found("ac"), []);
        assert_eq!(found("讲个笑话吧"), [(6, 3)]);
        assert_eq!(found("a笑"), []);
        assert_eq!(found(""), []);
        assert_eq!(Finder::default().find("abc").count(), 0);
        assert_eq!(finder.find_whole("ab"), Some(0));
        assert_eq!(finder.find_whole("abc"), Some(1));
        assert_eq!(finder.find_whole("a"), None);
        assert_eq!(finder.find_whole("笑话吧"), None);
        // What has the same hash is no word for that.
        assert_eq!(found("\u{10061}b"), [(4, 2)]);
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
                        expected.push((at, number));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
            let whole = words.iter().position(|word| *word == text);
            prop_assert_eq!(finder.find_whole(&text), whole);
        }
    }
}
