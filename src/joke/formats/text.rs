//! Jokes in plain text, and several jokes in one text of a page. What each of them is divided by:
//!
//! | what | function | example |
//! |---|---|---|
//! | plain text | [`items`] | all from [`split_at_marks`] on, in this order |
//! | the only item of an HTML page | [`split_block`] | headings, marks, two `<br>` |
//! | one of several items of an HTML page | [`split_at_numbers`] | `1、…` `2、…` |
//! | an item of a feed or of JSON | [`split_long_list`] | `1、…` `2、…` `3、…` |
//! | a text, or the lines below a heading | [`split_at_marks`] | `%`, `-----`, numbers, `• …` |
//! | the same, if that fails | [`split_at_questions`] | `问：…` `答：…` |
//! | a text with headings | [`split_at_headings`] | `## 医生` |
//! | what is left | [`split_at_empty_lines`] | paragraphs, titles and jokes in turn |
//! | a single paragraph | [`split_at_lines`] | a joke a line |

use std::collections::HashSet;

use super::item::{
    BREAK, HEADING, Item, MAX_LINES, MIN_JOKE_CHARACTERS, ends_sentence, has_one_of, is_one_of,
    is_question, visible_count, without_beginning,
};
use crate::joke::fortune::{fortune, is_divider};

/// Ends of a joke that shares its line or paragraph with others. A bracket or a tilde ends a
/// sentence, too, but may be in the midst of a joke.
const JOKE_ENDS: [char; 9] = ['。', '！', '？', '!', '?', '.', '”', '"', '」'];

/// Characters of a title at most.
const MAX_TITLE_CHARACTERS: usize = 20;

/// Words for a joke, in a title of several (`笑话三则`) or before a number (`笑话1：`).
const WORDS_FOR_JOKES: &str = "笑话|笑話|段子|joke|Joke";

/// Paragraphs of a story at most, of which only half are speech.
const MAX_STORY: usize = 6;

/// Characters of the name of a speaker at most, in Chinese and in ASCII.
const MAX_NAME: usize = 6;
const MAX_ASCII_NAME: usize = 10;

/// Characters at least of a line that may be a joke by itself; a shorter one may be talk.
const MIN_LINE_CHARACTERS: usize = 10;

/// Lines from which on most of them, not all, must be sentences for each to be a joke.
const MANY_LINES: usize = 8;

/// Lines for each question at least, where the answers are in the same lines.
const LINES_PER_QUESTION: usize = 4;

/// Largest step between numbers that count up, of which some may be left out.
const MAX_STEP: u32 = 3;

/// Largest number with a colon, as in `1：`; larger ones are years and telephone numbers.
const MAX_NUMBER_WITH_COLON: u32 = 99;

/// Numbered parts from which on a text of an API or a feed is several jokes; fewer may be points.
const MIN_PARTS: usize = 3;

/// Beginnings of lines that continue a story.
const CONTINUATIONS: &str = "他|她|它|He |She |They |Then ";

/// Digits, in rows that begin with 0.
const DIGITS: &str = "0123456789 ０１２３４５６７８９ 〇一二三四五六七八九十";

/// Numbers that are one character, in rows that begin with 1.
const ENCLOSED_NUMBERS: &str = "\
    ①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳ ⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇ ⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛ \
    ❶❷❸❹❺❻❼❽❾❿ ➀➁➂➃➄➅➆➇➈➉ ➊➋➌➍➎➏➐➑➒➓ ㈠㈡㈢㈣㈤㈥㈦㈧㈨㈩ ㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉";

/// Bullets of a list below a heading, as in Markdown.
const BULLETS_IN_SECTIONS: &str = "- |* |+ ";

const BULLETS: &str = "•|·|●|◆|■|▪|★|☆|►|* ";

/// Who asks in a joke of question and answer, and who answers.
const ASKERS: &str = "q question 问 問 问题 問題 提问 提問 谜面 謎面 谜语 謎語";
const ANSWERERS: &str = "a answer 答 答案 回答 谜底 謎底";

/// Words of a riddle; questions without them are those of one dialogue.
const RIDDLES: &str = "\
    what|why|how|where|who|when|which|什么|什麼|为什|為什|为何|怎么|怎麼|哪|谁|誰|几|幾|多少";

/// Symbols in rows between jokes.
const ROW_SYMBOLS: &str = "-=*_—─━═~～#+☆★◆◇■□●○※·•＝－＊＿＃";

/// Returns the jokes of a plain text. The first that fits decides:
///
/// - Lines `%`, rows of symbols, numbers that count up, or bullets divide the jokes.
/// - So do headings as in Markdown, `## 医生`, and questions that are named so, `问：`.
/// - A question and its answer in two paragraphs: one joke.
/// - One paragraph, perhaps below a title: one joke, or one in each line.
/// - A title and several other paragraphs: a joke in each but the title.
/// - Titles and other paragraphs in turn: a joke in each pair.
/// - Else a joke in each paragraph.
pub(super) fn items(text: &str) -> Vec<Item> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).collect();
    let lines = without_marks(&lines);
    if let Some(parts) = split_at_marks(&lines).or_else(|| split_at_questions(&lines)) {
        return items_of(parts);
    }
    if lines.iter().any(|line| heading(line).is_some()) {
        return split_at_headings(&lines);
    }
    split_at_empty_lines(&lines)
}

/// Returns the jokes of a text that nothing else divides than its empty lines: two in a row, where
/// jokes have single ones in them.
fn split_at_empty_lines(lines: &[&str]) -> Vec<Item> {
    let gaps = lines.split(|line| !line.is_empty()).map(<[&str]>::len);
    let wide = gaps.clone().filter(|len| *len > 1).count();
    let narrow = gaps.filter(|len| *len == 1).count();
    // A single wide gap may be there by chance, and divides nothing.
    if narrow > 0 && wide > 1 && wide * 2 >= narrow {
        let text = lines.join("\n");
        let jokes = text.split("\n\n\n").filter(|joke| !joke.trim().is_empty());
        return jokes.map(|joke| Item::of(joke.to_owned())).collect();
    }
    let paragraphs: Vec<&[&str]> = lines
        .split(|line| line.is_empty())
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    match paragraphs.as_slice() {
        [only] => split_at_lines(only),
        all if are_one(all) => vec![Item::of(all.concat().join("\n"))],
        all => pair_titles(all).unwrap_or_else(|| match all {
            [title, jokes @ ..] if is_title(title) && !jokes.iter().any(|joke| is_title(joke)) => {
                items_of(join_each(jokes.iter().copied()))
            }
            all => items_of(join_each(all.iter().copied())),
        }),
    }
}

/// Returns the jokes of titles and other paragraphs in turn: one in each pair, or, where there is a
/// single title, one in each line below it; `None` for other paragraphs.
fn pair_titles(paragraphs: &[&[&str]]) -> Option<Vec<Item>> {
    let pairs = paragraphs.chunks(2).map(|pair| match pair {
        [[title], lines] if is_title(&[title]) && !is_title(lines) => {
            Some(Item::titled(title, lines.join("\n")))
        }
        _ => None,
    });
    let pairs: Vec<Item> = pairs.collect::<Option<_>>()?;
    let jokes = match paragraphs {
        [[title], lines] if lines.len() > 2 && is_title_of_jokes(title) => {
            items_of(join_open_lines(lines, false))
        }
        [_, lines] => split_at_lines(lines),
        _ => Vec::new(),
    };
    Some(if jokes.len() > 1 { jokes } else { pairs })
}

/// Returns true for a question and its answer in two paragraphs, and for more that are the lines of
/// a dialogue, or a few of which at least half are.
fn are_one(paragraphs: &[&[&str]]) -> bool {
    if let [first, second] = paragraphs {
        return is_answered(first, second);
    }
    let is_spoken = |lines: &&&[&str]| lines.iter().all(|line| is_speech(line));
    let spoken = paragraphs.iter().filter(is_spoken).count();
    let is_story = paragraphs.len() <= MAX_STORY && spoken * 2 >= paragraphs.len();
    spoken > 0 && (spoken == paragraphs.len() || is_story)
}

/// Strips the marks of a quotation from lines that all have one, or, from many, the quotes.
fn without_marks<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let all = |bare: fn(&'a str) -> Option<&'a str>| -> Option<Vec<&'a str>> {
        // Empty lines stay between those that are not.
        let bare = |line: &&'a str| bare(line).or(line.is_empty().then_some(*line));
        lines.iter().map(bare).collect()
    };
    let marked = all(|line| line.strip_prefix("> ").or((line == ">").then_some("")));
    let quoted = || all(|line| line.strip_prefix('"')?.strip_suffix('"'));
    marked
        .or_else(|| quoted().filter(|lines| lines.len() >= MANY_LINES))
        .unwrap_or_else(|| lines.to_vec())
}

/// Returns the level and the text of a heading as in Markdown, or behind `标题：`.
fn heading(line: &str) -> Option<(usize, &str)> {
    if let Some(title) = without_beginning(line, "标题：|标题:") {
        return Some((1, title.trim()));
    }
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_heading = (1..=6).contains(&level) && text.starts_with(' ');
    is_heading.then(|| (level, text.trim()))
}

/// Returns the jokes below headings: one that is below its title, or a list of several. The text
/// below a heading of others is about them.
fn split_at_headings(lines: &[&str]) -> Vec<Item> {
    let sections = lines
        .chunk_by(|_, next| heading(next).is_none())
        .filter_map(|section| {
            let (first, rest) = section.split_first()?;
            let headed = heading(first).map(|(level, title)| (level, title, rest));
            // What stands before the first heading is a section of its own.
            Some(headed.unwrap_or((usize::MAX, "", section)))
        });
    let next_levels = sections.clone().skip(1).map(|(level, ..)| level).chain([0]);
    let own = sections
        .zip(next_levels)
        .filter(|((level, ..), next)| next <= level);
    own.flat_map(|((_, title, lines), _)| read_section(title, lines))
        .collect()
}

fn read_section(title: &str, lines: &[&str]) -> Vec<Item> {
    let lines = without_marks(lines);
    let list: Vec<String> = filled(&lines)
        .chunk_by(|_, next| without_beginning(next, BULLETS_IN_SECTIONS).is_none())
        .filter_map(|joke| {
            Some(without_beginning(&joke.join("\n"), BULLETS_IN_SECTIONS)?.to_owned())
        })
        .collect();
    if !list.is_empty() && !list.iter().any(|joke| is_speech(joke)) {
        return items_of(list);
    }
    let mut jokes = match split_at_marks(&lines).or_else(|| split_at_questions(&lines)) {
        Some(parts) => items_of(parts),
        // A story below its title.
        None if !title.is_empty() && lines.iter().any(|line| is_speech(line)) => {
            vec![Item::of(lines.join("\n"))]
        }
        None => split_at_empty_lines(&lines),
    };
    if let [only] = jokes.as_mut_slice() {
        title.clone_into(&mut only.title);
    }
    jokes
}

/// Splits lines before each question that is named so, `问：`, if there are answers, and the
/// questions are riddles, stand behind empty lines, or have their answers in the same line.
fn split_at_questions(lines: &[&str]) -> Option<Vec<String>> {
    let is_named = |line: &str, names: &str| {
        let mut parts = line.split(['：', ':', '.', '、']);
        let name = parts.next().unwrap_or_default();
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
        name.len() < line.len() && is_one_of(name, names)
    };
    let asks = |line: &&str| is_named(line, ASKERS);
    let has_answer = |line: &str| has_one_of(&line.to_lowercase(), " a:| answer:|答：|答:");
    let is_riddle = |line: &str| has_one_of(&line.to_lowercase(), RIDDLES);
    let is_next = |pair: &[&str]| match pair {
        [before, line] if asks(line) => before.is_empty() || has_answer(line) || is_riddle(line),
        _ => true,
    };
    let are_questions = lines.iter().find(|line| !line.is_empty()).is_some_and(asks)
        && lines.windows(2).all(is_next)
        && lines
            .iter()
            .any(|line| is_named(line, ANSWERERS) || has_answer(line));
    are_questions.then(|| join_each(lines.chunk_by(|_, next| !asks(next))))
}

/// Returns the jokes in the owner's file: between lines `%`, else after numbers that count up, else
/// between empty lines. A single paragraph is divided as in any text.
pub(super) fn own_jokes(text: &str) -> Vec<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if lines.iter().any(|line| is_divider(line)) {
        return fortune(text);
    }
    let paragraphs = join_each(lines.split(|line| line.is_empty()));
    match paragraphs.as_slice() {
        [only] => items(only).into_iter().map(|item| item.content).collect(),
        _ => split_at_numbers(&lines).unwrap_or(paragraphs),
    }
}

/// Divides an item, unless its title is that of one joke.
pub(super) fn split_item(item: Item, divide: fn(&[&str]) -> Option<Vec<String>>) -> Vec<Item> {
    let lines: Vec<&str> = item.content.split(['\n', BREAK]).map(str::trim).collect();
    match divide(&filled(&lines)) {
        Some(parts) if may_be_several(&item) => items_of(parts),
        _ => vec![item],
    }
}

/// Splits the lines of an API or a feed at numbers that count up, as [`split_at_numbers`] does, if
/// there are many.
pub(super) fn split_long_list(lines: &[&str]) -> Option<Vec<String>> {
    let goes_on = |part: &String| part.contains('\n');
    // Points of one joke that has an end: the last one goes on, and no other.
    let has_end = |parts: &[String]| parts.iter().position(goes_on) == Some(parts.len() - 1);
    split_at_numbers(lines).filter(|parts| parts.len() >= MIN_PARTS && !has_end(parts))
}

/// Returns false for an item with a title (`男人的优点`) that announces no jokes (`笑话三则`).
fn may_be_several(item: &Item) -> bool {
    item.title.trim().is_empty() || is_title_of_jokes(&item.title)
}

/// Divides the only block of a page: at headings, else as [`split_at_marks`] does, else at empty
/// lines.
pub(super) fn split_block(block: Item) -> Vec<Item> {
    let headed = block.content.split(HEADING).skip(1);
    let headed: Vec<Item> = headed
        .filter_map(|part| part.split_once('\n'))
        .map(|(title, content)| Item::titled(title, content.to_owned()))
        .collect();
    if headed.len() > 1 && headed.iter().all(|joke| !joke.content.trim().is_empty()) {
        return headed;
    }
    let parts = split_item(block, split_at_marks);
    let [block] = parts.as_slice() else {
        return parts;
    };
    // Empty lines are where two breaks follow each other.
    let lines: Vec<&str> = block.content.split(BREAK).collect();
    let mut jokes = join_each(lines.split(|line| line.trim().is_empty()));
    let begins = lines.iter().find(|line| !line.trim().is_empty());
    let has_line = begins.is_some_and(|line| line.trim().contains('\n'));
    // A title of the whole page (`笑话三则`) belongs to no joke.
    if let [first, _, ..] = jokes.as_mut_slice()
        && let Some((title, joke)) = first.trim_start().split_once('\n')
        && is_title_of_jokes(title)
        && (has_line || title.ends_with(['则', '則', '条', '條', '篇']))
        && is_title(&[title.trim()])
    {
        *first = joke.to_owned();
    }
    let speech = jokes.iter().skip(1).filter(|joke| is_speech(joke.trim()));
    let is_story = speech.count() * 2 >= jokes.len();
    let are_jokes = match jokes.as_slice() {
        [first, second] if is_answered(&[first], &[second]) => false,
        all => !is_story && all.len() > 1 && all.iter().all(|joke| is_long_enough(joke)),
    };
    if are_jokes && may_be_several(block) {
        items_of(jokes)
    } else {
        parts
    }
}

fn items_of(jokes: Vec<String>) -> Vec<Item> {
    jokes.into_iter().map(Item::of).collect()
}

fn is_long_enough(joke: &str) -> bool {
    visible_count(joke) >= MIN_JOKE_CHARACTERS
}

/// Joins the lines of each block, and leaves out blocks without text.
fn join_each<'a>(blocks: impl Iterator<Item = &'a [&'a str]>) -> Vec<String> {
    let joined = blocks.map(|block| block.join("\n"));
    joined.filter(|block| !block.trim().is_empty()).collect()
}

fn filled<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let filled = lines.iter().filter(|line| !line.is_empty());
    filled.copied().collect()
}

/// Splits lines at `%` or rows of symbols, else at numbers that count up, else at bullets.
fn split_at_marks(lines: &[&str]) -> Option<Vec<String>> {
    let divides = if lines.iter().any(|line| is_divider(line)) {
        is_divider
    } else if rows_divide(lines) {
        is_row
    } else {
        return split_at_numbers(lines).or_else(|| split_at_bullets(lines));
    };
    Some(join_each(lines.split(|line| divides(line))))
}

/// Returns true if rows of symbols divide jokes and are no lines of one: the text begins with one
/// of several, or all are only symbols, and either alike or each after a sentence.
fn rows_divide(lines: &[&str]) -> bool {
    let lines = filled(lines);
    let rows: Vec<&&str> = lines.iter().filter(|line| is_row(line)).collect();
    let mut pairs = lines.windows(2);
    let follows_sentence =
        pairs.all(|pair| matches!(pair, [line, next] if !is_row(next) || ends_sentence(line)));
    let are_plain = !rows.iter().any(|row| row.contains(char::is_alphanumeric));
    let are_alike = rows.len() > 1 && rows.windows(2).all(|pair| pair.first() == pair.last());
    let leads_over = |line: &&str| line.ends_with(['：', ':']);
    rows.len() > 1 && lines.first().is_some_and(|line| is_row(line))
        || !rows.is_empty()
            && are_plain
            && (follows_sentence || are_alike && !lines.iter().any(leads_over))
}

/// Divides lines where numbers count up, all with a colon or all without: into what is before the
/// first one, and the lines of each without it. Returns `None` where they are names of speakers:
/// `1：`, `2：`, `1：`.
fn counting_up<'a>(lines: &[&'a str]) -> Option<Vec<(Option<u32>, Vec<&'a str>)>> {
    let mut parts = vec![(None, Vec::new())];
    let mut have_colons = false;
    for line in lines.iter().flat_map(|line| at_numbers(line)) {
        let (last, part) = parts.last_mut()?;
        let is_alike = last.is_none() || has_colon(line) == have_colons;
        let step = |number: u32| last.map_or(1, |last| number.saturating_sub(last));
        let numbered = number(line).or_else(|| loose_number(line));
        match numbered.filter(|_| is_alike) {
            Some((number, joke)) if (1..=MAX_STEP).contains(&step(number)) => {
                have_colons = has_colon(line);
                parts.push((Some(number), vec![joke]));
            }
            Some(_) if have_colons => return None,
            _ => part.push(line),
        }
    }
    Some(parts)
}

/// Splits lines at numbers that count up, which are removed. A title of jokes may come before.
pub(super) fn split_at_numbers(lines: &[&str]) -> Option<Vec<String>> {
    let parts = counting_up(lines)?;
    let ((_, before), parts) = parts.split_first()?;
    let mut numbers = parts.iter().zip(1..);
    let is_whole = parts.len() >= MIN_PARTS && numbers.all(|((number, _), n)| *number == Some(n));
    let parts = parts.iter().map(|(_, lines)| lines.join("\n"));
    let parts = in_paragraphs(parts.collect(), is_whole)?;
    let titles = filled(before);
    // `男人的三大谎言` before numbers is no title of jokes: they are the points of one.
    let is_headed = titles.is_empty()
        || titles.iter().any(|title| is_title_of_jokes(title))
            && (titles.len() == 1 || before.ends_with(&[""]));
    let jokes = parts.iter().filter(|part| is_long_enough(part)).count();
    (jokes > 1 && is_headed && jokes * 2 > parts.len()).then_some(parts)
}

/// Returns numbered parts; only those of a whole list may have empty lines in them. Where none but
/// the last has one, what stands behind it is no part of the list.
fn in_paragraphs(mut parts: Vec<String>, is_whole: bool) -> Option<Vec<String>> {
    let has_gap = |part: &String| part.trim_end().contains("\n\n");
    if !is_whole && parts.iter().any(has_gap) {
        return None;
    }
    if let [others @ .., last] = parts.as_mut_slice()
        && !others.iter().any(has_gap)
        && let Some(end) = last.find("\n\n")
    {
        last.truncate(end);
    }
    Some(parts)
}

fn has_colon(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.starts_with(['：', ':'])
}

/// Splits a line where the next number follows the end of a sentence: `1、甲。2、乙。`
fn at_numbers(line: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), line);
    let mut last = number(line).map(|(number, _)| number);
    for (at, end) in line.match_indices(JOKE_ENDS) {
        let behind = line.get(at + end.len()..).unwrap_or_default();
        let next = number(behind.trim_start()).map(|(number, _)| number);
        if last.is_some_and(|last| next == Some(last.saturating_add(1))) {
            parts.extend(rest.get(..rest.len() - behind.len()));
            rest = behind.trim_start();
            last = next;
        }
    }
    parts.push(rest);
    parts
}

/// Returns the lines of a list without bullets. Dashes often begin speech: they are bullets only
/// before lines that are jokes.
fn split_at_bullets(lines: &[&str]) -> Option<Vec<String>> {
    let lines = filled(lines);
    let without = |bullets: &str| -> Option<Vec<&str>> {
        let parts = lines.iter().map(|line| without_beginning(line, bullets));
        parts.map(|part| part.map(str::trim_start)).collect()
    };
    let dashed = || Some(without_marks(&without("- ")?)).filter(|lines| are_jokes(lines));
    let parts = without(BULLETS).or_else(dashed)?;
    let are_long = parts.len() > 1 && parts.iter().all(|part| is_long_enough(part));
    are_long.then(|| parts.into_iter().map(str::to_owned).collect())
}

/// Splits a joke from the number before it: `1、` `1.` `1)` `(1)` `【1】` `①` `一、` `第1则：` `笑话1：`.
fn number(line: &str) -> Option<(u32, &str)> {
    let mut rest = line.chars();
    let enclosed = rest.next().filter(|c| ('①'..='㊉').contains(c));
    if let Some(place) = enclosed.and_then(|c| place(c, ENCLOSED_NUMBERS)) {
        return Some((place + 1, rest.as_str().trim_start()));
    }
    let inside = line.trim_start_matches(['(', '（', '[', '【']);
    let name = without_beginning(inside, WORDS_FOR_JOKES);
    let counted = inside.strip_prefix('第');
    let (number, rest) = numeral(name.or(counted).unwrap_or(inside).trim_start())?;
    let rest = match counted {
        Some(_) => rest.strip_prefix(['则', '則', '篇'])?,
        None => rest,
    };
    let mut behind = rest.chars();
    let mark = behind.next()?;
    let rest = behind.as_str();
    let is_bracketed = inside.len() < line.len();
    let is_mark = match mark {
        // A number in brackets ends in one.
        '、' | '．' | '.' | ':' | '：' if is_bracketed => false,
        // `2、80后` and `2）80后` begin with the number of a joke, but `1.5` is one number.
        '、' | '．' | ')' | '）' => !counts_on(rest),
        _ if rest.starts_with(|c: char| c.is_ascii_digit()) => false,
        ':' | '：' => number <= MAX_NUMBER_WITH_COLON,
        // `1, 2 and 3` begins with no number of a joke: another number follows the comma.
        ',' | '，' => !rest.trim_start().starts_with(|c| digit(c).is_some()),
        ' ' => counted.is_some(),
        _ => ".]】\u{20e3}\t".contains(mark),
    };
    is_mark.then_some((number, rest.trim_start()))
}

/// Returns true if another number is all that stands before the next punctuation, as in `3、2、1`.
fn counts_on(rest: &str) -> bool {
    let behind = rest.trim_start_matches(|c| digit(c).is_some());
    behind.len() < rest.len() && behind.starts_with(['、', '，', ',', '.', '。', '！'])
}

/// Parses a number that counts only if others follow it: `#1` `No.1`, or in a line of its own.
/// Unlike `3 men`, it is no number of things.
fn loose_number(line: &str) -> Option<(u32, &str)> {
    let marked = without_beginning(line, "No.|NO.|no.|#");
    let (number, rest) = numeral(marked.unwrap_or(line).trim_start())?;
    let is_apart = rest.is_empty() || marked.is_some() && rest.starts_with(char::is_whitespace);
    is_apart.then_some((number, rest.trim_start()))
}

/// Parses the number that a text begins with, as `12`, `１２` or `十二`; returns it with the rest.
fn numeral(text: &str) -> Option<(u32, &str)> {
    let rest = text.trim_start_matches(|c| digit(c).is_some());
    let mut digits = text.get(..text.len() - rest.len())?.chars().peekable();
    digits.peek()?;
    let number = digits.try_fold(0_u32, |number, c| match digit(c)? {
        10 => number.max(1).checked_mul(10),
        // A Chinese digit is a letter, and is added: `二十三` is 20 and 3.
        unit if c.is_alphabetic() => (number % 10 == 0).then_some(number)?.checked_add(unit),
        unit => number.checked_mul(10)?.checked_add(unit),
    })?;
    // A keycap has this between its digit and its cap, U+20E3.
    Some((number, rest.trim_start_matches('\u{fe0f}')))
}

fn digit(c: char) -> Option<u32> {
    place(c, DIGITS)
}

/// Returns the place of a character in the first of several rows that has it.
fn place(c: char, rows: &str) -> Option<u32> {
    let mut rows = rows.split(' ');
    let place = rows.find_map(|row| row.chars().position(|other| other == c))?;
    u32::try_from(place).ok()
}

/// Removes the number before a joke, but keeps those of a list inside the joke.
pub(super) fn without_number(joke: &str) -> &str {
    let Some((first, rest)) = number(joke) else {
        return joke;
    };
    let mut others = joke.lines().skip(1).filter_map(number);
    let mark = joke.strip_suffix(rest).unwrap_or_default().trim_end();
    // `404，…` begins with a word of the joke; `笑话1：` with a number.
    let is_word = mark.ends_with([',', '，', ':', '：']) && !is_title_of_jokes(mark);
    if is_word || others.any(|(other, _)| Some(other) == first.checked_add(1)) {
        joke
    } else {
        rest
    }
}

/// Returns a paragraph as one joke, or as several: each question with its answer, or each line if
/// [`are_jokes`] says so. Where there are many lines, one that ends openly, or a question where
/// there are many, is joined to the next.
fn split_at_lines(lines: &[&str]) -> Vec<Item> {
    let questions = lines.iter().filter(|line| is_question(line)).count();
    let is_pair =
        |pair: &[&str]| matches!(pair, [asked, said] if is_question(asked) && !is_question(said));
    let are_answered = lines.len() > 2
        && lines.chunks(2).all(is_pair)
        && !lines.iter().any(|line| is_speech(line));
    if !are_answered && !are_jokes(lines) {
        return vec![Item::of(lines.join("\n"))];
    }
    let are_asked = are_answered || questions * LINES_PER_QUESTION > lines.len();
    items_of(join_open_lines(lines, are_asked))
}

/// Joins each line that ends openly, or, if questions are answered, with one, to the next.
fn join_open_lines(lines: &[&str], are_asked: bool) -> Vec<String> {
    let is_open = |line: &str| {
        line.ends_with(['，', ',', '、', '；', '：', ':']) || are_asked && is_question(line)
    };
    join_each(lines.chunk_by(|line, _| is_open(line)))
}

/// Returns true if each line is a joke: 3 to 7 lines that are all sentences, without speech and
/// about different things; up to 30 long ones, most of them sentences and few of a story; or more,
/// which are never one joke.
fn are_jokes(lines: &[&str]) -> bool {
    let is_sentence = |line: &str| line.ends_with(JOKE_ENDS) || line.ends_with(['…', '~', '～']);
    let is_short = |line: &str| visible_count(line) < MIN_LINE_CHARACTERS;
    let continues =
        |line: &str| is_speech(line) || without_beginning(line, CONTINUATIONS).is_some();
    let is_talk = |line: &str| line.contains(['：', ':', '“', '"', '「']) || is_question(line);
    let count = |is: &dyn Fn(&str) -> bool| lines.iter().filter(|line| is(line)).count();
    match lines.len() {
        0..=2 => false,
        few if few < MANY_LINES => {
            count(&is_sentence) == few
                && count(&|line| is_short(line) || is_talk(line) || continues(line)) == 0
                && !share_words(lines)
        }
        many if many <= MAX_LINES => {
            count(&is_sentence) * 3 >= many * 2
                && count(&is_short) == 0
                && count(&continues) * 3 < many
        }
        _ => true,
    }
}

/// Returns true if two lines have two Chinese characters in a row in common, as the lines of a
/// story have its persons.
fn share_words(lines: &[&str]) -> bool {
    let words = |line: &str| -> HashSet<(char, char)> {
        let is_word = |c: char| !c.is_ascii() && c.is_alphabetic();
        let pairs = line.chars().zip(line.chars().skip(1));
        pairs.filter(|(a, b)| is_word(*a) && is_word(*b)).collect()
    };
    let mut seen = HashSet::new();
    let mut words = lines.iter().flat_map(|line| words(line));
    !words.all(|word| seen.insert(word))
}

/// Returns true for a line of one's speech, which begins with a quote, a dash, or a name in
/// brackets or before a colon.
fn is_speech(line: &str) -> bool {
    let is_name = |speaker: &str| {
        let characters = visible_count(speaker);
        characters <= MAX_NAME || characters <= MAX_ASCII_NAME && speaker.is_ascii()
    };
    let is_said = |(speaker, said): (&str, &str)| is_name(speaker) && !said.contains(['：', ':']);
    // A line of several speakers is a whole dialogue.
    let speakers = line.matches(['：', ':', '“', '「']).count();
    speakers < 3
        && (line.starts_with(['“', '"', '「', '-', '—', '–', '【', '[', '@'])
            || line.split_once(['：', ':']).is_some_and(is_said))
}

fn is_title_of_jokes(title: &str) -> bool {
    has_one_of(title, WORDS_FOR_JOKES)
}

/// Returns true if the second of two paragraphs answers the first: a question, or, in one line of
/// English each, what an API calls setup and delivery.
fn is_answered(first: &[&str], second: &[&str]) -> bool {
    let is_asked = first.last().is_some_and(|line| is_question(line));
    let is_english = |lines: &[&str]| lines.len() == 1 && lines.iter().all(|line| line.is_ascii());
    is_asked || is_english(first) && is_english(second)
}

/// Returns true for a single short line without punctuation at its end, except `》`.
fn is_title(paragraph: &[&str]) -> bool {
    let ends_openly = |line: &str| line.ends_with(|c: char| c.is_alphanumeric() || c == '》');
    matches!(paragraph, [line] if ends_openly(line) && visible_count(line) <= MAX_TITLE_CHARACTERS)
}

/// Returns true for a row of symbols between jokes, perhaps with a number or title in it: `-----`,
/// `=== 3 ===`.
fn is_row(line: &str) -> bool {
    let symbols: Vec<char> = line.chars().filter(|c| !c.is_whitespace()).collect();
    symbols.first().is_some_and(|first| {
        let three = [*first; 3];
        ROW_SYMBOLS.contains(*first) && symbols.starts_with(&three) && symbols.ends_with(&three)
    })
}
