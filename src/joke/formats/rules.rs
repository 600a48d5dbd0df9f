//! The text rules: what is made of the raw text of a joke, and which jokes are fit to be told.

use std::{collections::BTreeMap, fmt};

use thiserror::Error;
use unicode_normalization::char::is_combining_mark;

use crate::wechat::reply::MAX_CONTENT_BYTES;

/// Under so many characters, whitespace not counted, it is a heading, a number or a stray word.
const MIN_JOKE_CHARACTERS: usize = 6;

/// Combining marks on one character; heaps of them run into the lines above and below.
const MAX_MARKS: usize = 2;

/// Lines of a joke; a reply of more fills several screens.
const MAX_LINES: usize = 30;

/// What the known sites write where they cut a joke short.
const CUT_MARKS: [&str; 3] = ["查看更多", "查看全文", "展开全文"];

/// Whether a text has what the known sites write where they cut a joke short.
pub(super) fn has_cut_mark(text: &str) -> bool {
    CUT_MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether a joke ends in dots, as one that is cut short does.
pub(super) fn trails_off(joke: &str) -> bool {
    joke.ends_with('…') || joke.ends_with("...")
}

/// Why an item is not a joke to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Reason {
    /// It has no text, as an item that is a picture.
    #[error("without text")]
    Empty,
    /// It has under 6 characters.
    #[error("under {MIN_JOKE_CHARACTERS} characters")]
    Short,
    /// It does not fit into a reply.
    #[error("too long for a reply")]
    Long,
    /// It has more lines than anybody wants to scroll through.
    #[error("over {MAX_LINES} lines")]
    Lines,
    /// The site cut it short.
    #[error("cut short by the site")]
    Cut,
    /// It has a word that the owner does not want.
    #[error("with a word to skip")]
    Skipped,
    /// Some of it is not in the charset of the page.
    #[error("garbled (is the charset right?)")]
    Garbled,
    /// The page has it twice.
    #[error("there twice")]
    Twice,
    /// The page has enough others.
    #[error("more than {}", super::MAX_JOKES)]
    More,
}

/// How many items were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, usize>);

impl LeftOut {
    /// One more item was left out for this reason.
    pub fn count(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// How many items were left out for each reason.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Reason, usize)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// How many items were left out in all.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (reason, count)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {reason}")?;
        }
        Ok(())
    }
}

/// The joke to tell, its title above it as `《…》`, from the raw texts of an item.
pub(super) fn judge(title: &str, content: &str, skip: &[String]) -> Result<String, Reason> {
    let content = clean(content);
    let title = clean(title).replace('\n', " ");
    if content.is_empty() {
        return Err(Reason::Empty);
    }
    if characters(&content) < MIN_JOKE_CHARACTERS {
        return Err(Reason::Short);
    }
    let joke = match title.as_str() {
        "" => content,
        title if title == content => content,
        title if title.starts_with('《') && title.ends_with('》') => {
            format!("{title}\n{content}")
        }
        title => format!("《{title}》\n{content}"),
    };
    if has_cut_mark(&joke) {
        return Err(Reason::Cut);
    }
    if joke.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Reason::Garbled);
    }
    if has_word(&joke, skip) {
        return Err(Reason::Skipped);
    }
    if joke.len() > MAX_CONTENT_BYTES {
        return Err(Reason::Long);
    }
    if joke.lines().count() > MAX_LINES {
        return Err(Reason::Lines);
    }
    Ok(joke)
}

/// Lines without empty ones between or whitespace around; inside, any run of whitespace is one
/// space. What cannot be seen (zero-width spaces, control characters, marks that change the
/// direction of writing) is gone, and of many marks on one character all but the first two.
fn clean(raw: &str) -> String {
    raw.split(['\n', '\r'])
        .map(clean_line)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn clean_line(line: &str) -> String {
    let mut marks = 0;
    let seen: String = line
        .chars()
        .filter(|c| {
            marks = if is_combining_mark(*c) { marks + 1 } else { 0 };
            marks <= MAX_MARKS && (c.is_whitespace() || !is_unseen(*c))
        })
        .collect();
    // `split_whitespace` knows U+00A0 and U+3000 too.
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, a zero-width space, a byte order mark, and what changes the direction of
/// writing for the text around a joke, too. Joiners stay: emoji are made with them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}' | '\u{feff}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn has_word(joke: &str, words: &[String]) -> bool {
    let joke = joke.to_lowercase();
    words
        .iter()
        .any(|word| !word.is_empty() && joke.contains(&word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(title: &str, content: &str) -> Result<String, Reason> {
        judge(
            title,
            content,
            &["坏词".to_owned(), "Spam".to_owned(), String::new()],
        )
    }

    #[test]
    fn whitespace_becomes_one_space_and_empty_lines_and_unseen_characters_go() {
        assert_eq!(
            clean("\u{feff} a\u{a0}\u{3000} b\t\r\n\n \u{200b}\n c\u{200b}d\u{7}\0 "),
            "a b\ncd"
        );
        assert_eq!(clean("👨‍👩‍👧"), "👨‍👩‍👧");
        assert_eq!(clean(" \u{3000}\n"), "");
    }

    #[test]
    fn the_title_goes_above_in_its_brackets() {
        assert_eq!(
            judged("标 题\n一", "一二三四五六").unwrap(),
            "《标 题 一》\n一二三四五六"
        );
        assert_eq!(
            judged("《标题》", "一二三四五六").unwrap(),
            "《标题》\n一二三四五六"
        );
        assert_eq!(judged(" ", "一二三四五六").unwrap(), "一二三四五六");
        assert_eq!(
            judged("一二三四五六", "一二三四五六\n").unwrap(),
            "一二三四五六"
        );
    }

    #[test]
    fn what_is_not_fit_is_left_out_with_the_reason() {
        assert_eq!(judged("标题", " \n"), Err(Reason::Empty));
        assert_eq!(judged("一二三四五六", "一二三 四五"), Err(Reason::Short));
        for mark in CUT_MARKS {
            assert_eq!(
                judged("", &format!("一二三四五六……>>{mark}")),
                Err(Reason::Cut)
            );
        }
        assert_eq!(judged("", "一二三四五六坏词"), Err(Reason::Skipped));
        assert_eq!(judged("有坏词", "一二三四五六"), Err(Reason::Skipped));
        assert_eq!(judged("", "some sPAM here"), Err(Reason::Skipped));
        assert_eq!(judged("", "一二三四\u{fffd}五六"), Err(Reason::Garbled));
    }

    #[test]
    fn a_joke_of_2047_bytes_fits_with_its_title_and_one_more_does_not() {
        let content = "笑".repeat(682);
        assert_eq!(content.len(), 2_046);
        assert!(judged("", &(content.clone() + "x")).is_ok());
        assert_eq!(judged("", &(content + "xx")), Err(Reason::Long));
        let content = "笑".repeat(678);
        assert_eq!(judged("题目", &content).unwrap().len(), MAX_CONTENT_BYTES);
        assert_eq!(judged("题目x", &content), Err(Reason::Long));
    }

    #[test]
    fn marks_that_change_the_direction_of_writing_go_and_of_heaped_accents_two_stay() {
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}d\u{61c}"), "abcd");
        assert_eq!(clean("e\u{301}\u{302}\u{303}\u{304}x"), "e\u{301}\u{302}x");
        assert_eq!(clean("1\u{fe0f}\u{20e3}👩🏽‍❤️‍👨"), "1\u{fe0f}\u{20e3}👩🏽‍❤️‍👨");
    }

    #[test]
    fn a_joke_has_30_lines_at_most() {
        assert!(judged("", &"一二三\n".repeat(30)).is_ok());
        assert_eq!(judged("", &"一二三\n".repeat(31)), Err(Reason::Lines));
        assert_eq!(judged("题", &"一二三\n".repeat(30)), Err(Reason::Lines));
    }

    #[test]
    fn reasons_are_counted_and_listed() {
        let mut left_out = LeftOut::default();
        for reason in [Reason::Cut, Reason::Empty, Reason::Cut] {
            left_out.count(reason);
        }
        assert_eq!(left_out.total(), 3);
        assert_eq!(
            left_out.to_string(),
            "1 without text, 2 cut short by the site"
        );
    }
}
