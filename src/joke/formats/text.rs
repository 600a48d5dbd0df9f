//! Jokes in plain text, and jokes that stand one behind the other in one text.

use super::item::{BREAK, HEADING, Item, MIN_JOKE_CHARACTERS, characters};
use crate::joke::fortune::{fortune, is_divider};

/// A title is shorter.
const MAX_TITLE_CHARACTERS: usize = 20;

/// Words that a title of several jokes has.
const WORDS_FOR_JOKES: [&str; 5] = ["笑话", "笑話", "段子", "joke", "Joke"];

/// What is so long is no line of a talk, but may be a joke.
const MIN_LINE_CHARACTERS: usize = 10;

/// So many lines that all may be jokes are some, whatever is in them.
const MANY_LINES: usize = 8;

/// The jokes of a plain text: between lines `%`, rows of dashes or empty lines, behind numbers that
/// count up, or one in a line.
pub(super) fn items(text: &str) -> Vec<Item> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    if lines.iter().any(|line| is_divider(line)) {
        return fortune(text).into_iter().map(Item::of).collect();
    }
    if lines.iter().any(|line| is_row(line)) {
        let blocks = lines.split(|line| is_row(line));
        return blocks
            .map(|block| Item::of(block.join("\n")))
            .filter(Item::has_text)
            .collect();
    }
    if let Some(parts) = numbered(&lines) {
        return parts.into_iter().map(Item::of).collect();
    }
    let paragraphs: Vec<&[&str]> = lines
        .split(|line| line.is_empty())
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    match paragraphs.as_slice() {
        [only] => one_or_one_a_line(only),
        [first, second] if is_question(first, second) => {
            vec![Item::of([*first, *second].concat().join("\n"))]
        }
        [title, joke] if is_title(title) && !is_title(joke) => match one_or_one_a_line(joke) {
            jokes if jokes.len() > 1 => jokes,
            _ => vec![Item::titled(title, joke)],
        },
        [title, jokes @ ..] if is_title(title) && !jokes.iter().any(|joke| is_title(joke)) => {
            jokes.iter().map(|joke| Item::of(joke.join("\n"))).collect()
        }
        all if are_title_and_joke_in_turn(all) => {
            let pairs = all.chunks_exact(2);
            pairs
                .filter_map(|pair| Some(Item::titled(pair.first()?, pair.last()?)))
                .collect()
        }
        all => all.iter().map(|joke| Item::of(joke.join("\n"))).collect(),
    }
}

/// The jokes in a file of the owner's: between lines `%`, else between empty lines, else as in any
/// text.
pub(super) fn own_jokes(text: &str) -> Vec<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if lines.iter().any(|line| is_divider(line)) {
        return fortune(text);
    }
    let paragraphs: Vec<String> = lines
        .split(|line| line.is_empty())
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| paragraph.join("\n"))
        .collect();
    match paragraphs.as_slice() {
        [only] => items(only).into_iter().map(|item| item.content).collect(),
        _ => paragraphs,
    }
}

/// The jokes in one block of a page: under headings, behind numbers that count up, or, unless a
/// joke of it may have paragraphs, with empty lines between.
pub(super) fn parts(block: Item, is_divided_by_empty_lines: bool) -> Vec<Item> {
    let mut headed = block.content.split(HEADING);
    headed.next();
    let headed: Vec<Item> = headed
        .filter_map(|part| part.split_once('\n'))
        .map(|(title, content)| Item::titled(&[title], &[content]))
        .collect();
    if headed.len() > 1 && headed.iter().all(Item::has_text) {
        return headed;
    }
    let lines: Vec<&str> = block.content.split(['\n', BREAK]).map(str::trim).collect();
    let filled: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| !line.is_empty())
        .collect();
    if let Some(parts) = numbered(&filled) {
        return parts.into_iter().map(Item::of).collect();
    }
    let paragraphs: Vec<&str> = between_empty_lines(&block.content);
    match paragraphs.as_slice() {
        [] | [_] => vec![block],
        _ if !is_divided_by_empty_lines => vec![block],
        [first, second] if is_question(&[first], &[second]) => vec![block],
        all if all
            .iter()
            .any(|part| characters(part) < MIN_JOKE_CHARACTERS) =>
        {
            vec![block]
        }
        all => all
            .iter()
            .map(|part| Item::of((*part).to_owned()))
            .collect(),
    }
}

/// What stands between two breaks with nothing but whitespace between them.
fn between_empty_lines(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut last_break = None;
    for (at, c) in text.char_indices() {
        if c == BREAK {
            if last_break.is_some() {
                parts.extend(text.get(begin..at));
                begin = at;
            }
            last_break = Some(at);
        } else if !c.is_whitespace() {
            last_break = None;
        }
    }
    parts.extend(text.get(begin..));
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Jokes behind numbers that count up, the numbers taken away. A line of title may come before.
fn numbered(lines: &[&str]) -> Option<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    let mut next = None;
    let mut before = Vec::new();
    for line in lines {
        match (number(line), parts.last_mut()) {
            (Some((number, rest)), _) if next.is_none_or(|next| next == number) => {
                parts.push(rest.to_owned());
                next = Some(number + 1);
            }
            (_, Some(part)) => {
                part.push('\n');
                part.push_str(line);
            }
            (_, None) => before.extend((!line.is_empty()).then_some(*line)),
        }
    }
    let is_headed = match before.as_slice() {
        [] => true,
        // "I have three rules:" is no title.
        [title] => is_title(&[title]) || WORDS_FOR_JOKES.iter().any(|word| title.contains(word)),
        _ => false,
    };
    let are_jokes = parts
        .iter()
        .all(|part| characters(part) >= MIN_JOKE_CHARACTERS);
    (parts.len() > 1 && is_headed && are_jokes).then_some(parts)
}

/// The number before a joke, and the joke: `1、` `1.` `1)` `(1)` `【1】` `①` `一、`.
fn number(line: &str) -> Option<(u32, &str)> {
    let mut chars = line.chars();
    let first = chars.next()?;
    if let Some(number) = u32::from(first)
        .checked_sub(0x245f)
        .filter(|n| (1..=20).contains(n))
    {
        return Some((number, chars.as_str().trim_start()));
    }
    if let Some(counted) = line.strip_prefix('第') {
        return counted_number(counted);
    }
    let inside = line.trim_start_matches(['(', '（', '[', '【']);
    let is_bracketed = inside.len() < line.len();
    let digits = inside.trim_start_matches(|c: char| digit(c).is_some());
    let name = inside.strip_suffix(digits)?;
    let mark = digits.chars().next()?;
    let rest = digits.strip_prefix(mark)?;
    let is_mark = match mark {
        ')' | '）' | ']' | '】' => true,
        '、' | '.' | '．' | ':' | '：' => !is_bracketed,
        _ => false,
    };
    // Version 1.5 and 3、2、1 are none.
    let is_number = is_mark && !rest.starts_with(|c: char| c.is_ascii_digit());
    let number = name.chars().try_fold(0_u32, |number, c| match digit(c)? {
        10 => Some(number.max(1) * 10),
        unit if number % 10 == 0 || c.is_ascii_digit() => {
            let tens = if c.is_ascii_digit() {
                number.checked_mul(10)?
            } else {
                number
            };
            tens.checked_add(unit)
        }
        _ => None,
    });
    number
        .filter(|_| is_number && !name.is_empty())
        .map(|number| (number, rest.trim_start()))
}

/// What stands behind `第`: `3则：` or `三个、`.
fn counted_number(line: &str) -> Option<(u32, &str)> {
    let (name, rest) = line.split_at(line.find(|c| digit(c).is_none())?);
    let rest = rest.strip_prefix(['则', '則', '条', '條', '个', '個', '篇'])?;
    let rest = rest.strip_prefix(['：', ':', '、', ' '])?;
    let number = name.parse().ok().or_else(|| digit(name.chars().next()?));
    number.map(|number| (number, rest.trim_start()))
}

fn digit(c: char) -> Option<u32> {
    let chinese = "〇一二三四五六七八九十"
        .chars()
        .position(|numeral| numeral == c);
    c.to_digit(10).or_else(|| u32::try_from(chinese?).ok())
}

/// A joke without the number before it. A list inside a joke keeps its numbers.
pub(super) fn without_number(joke: &str) -> &str {
    let Some((first, rest)) = number(joke) else {
        return joke;
    };
    let mut others = joke.lines().skip(1).filter_map(number);
    if others.any(|(other, _)| other == first + 1) {
        joke
    } else {
        rest
    }
}

/// One joke in several lines, or one in each: lines that are sentences and no talk; or questions,
/// each with its answer.
fn one_or_one_a_line(lines: &[&str]) -> Vec<Item> {
    let is_sentence = |line: &&str| {
        line.ends_with([
            '。', '！', '？', '…', '”', '!', '?', '.', '~', '～', '"', '」',
        ]) && characters(line) >= MIN_LINE_CHARACTERS
    };
    let is_question = |line: &str| line.ends_with(['?', '？']);
    let is_talk = |line: &&str| is_question(line) || line.contains(['：', ':', '“', '"', '「']);
    let mut pairs = lines.chunks(2);
    let are_answered = lines.len() > 2
        && pairs
            .all(|pair| matches!(pair, [asked, said] if is_question(asked) && !is_question(said)));
    if are_answered {
        return lines
            .chunks(2)
            .map(|pair| Item::of(pair.join("\n")))
            .collect();
    }
    let is_one_a_line = lines.len() > 2
        && lines.iter().all(is_sentence)
        && (lines.len() >= MANY_LINES || !lines.iter().any(is_talk));
    if is_one_a_line {
        return lines
            .iter()
            .map(|line| Item::of((*line).to_owned()))
            .collect();
    }
    vec![Item::of(lines.join("\n"))]
}

/// Whether the second of two paragraphs answers the first: a question, or what an English API
/// calls setup and delivery.
fn is_question(first: &[&str], second: &[&str]) -> bool {
    let is_asked = first
        .last()
        .is_some_and(|line| line.trim_end().ends_with(['?', '？']));
    let is_english = |lines: &[&str]| lines.len() == 1 && lines.iter().all(|line| line.is_ascii());
    is_asked || is_english(first) && is_english(second)
}

/// A short line that is no sentence.
fn is_title(paragraph: &[&str]) -> bool {
    let [line] = paragraph else {
        return false;
    };
    let ends_openly = line.ends_with(|c: char| c.is_alphanumeric() || c == '》');
    ends_openly && characters(line) <= MAX_TITLE_CHARACTERS
}

fn are_title_and_joke_in_turn(paragraphs: &[&[&str]]) -> bool {
    let mut pairs = paragraphs.chunks(2);
    pairs.all(|pair| match pair {
        [title, joke] => is_title(title) && !is_title(joke),
        _ => false,
    })
}

/// A row of dashes or the like, as between the jokes of an API or a file.
fn is_row(line: &str) -> bool {
    let mut chars = line.chars();
    let Some(first) = chars.next().filter(|c| "-=*_—─~#".contains(*c)) else {
        return false;
    };
    chars.as_str().chars().count() >= 2 && chars.all(|c| c == first)
}
