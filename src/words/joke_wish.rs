//! Which texts with a joke word in them are wishes for a joke.
//!
//! `讲个笑话`, `要不要讲个笑话`, `怎么还不讲笑话` and `不能讲个笑话吗` are; `不要笑话我`, `我不想再听什么笑话了` and
//! `别讲笑话么` are not.

use super::find::Finder;

/// With 不 before them, these negate a joke word after them.
const VERBS: [&str; 23] = [
    "想要", "需要", "喜欢", "喜歡", "要", "想", "用", "听", "聽", "看", "讲", "講", "说", "說",
    "许", "許", "准", "能", "必", "爱", "愛", "喜", "需",
];
/// What else negates one.
const NEGATIONS: [&str; 10] = [
    "别", "別", "勿", "莫", "甭", "don't", "don’t", "do not", "not", "no",
];
/// What may stand between a negation and the joke word.
const FILLERS: [&str; 39] = [
    " ", "再", "老是", "总是", "總是", "老", "总", "總", "给", "給", "跟", "对", "對", "和", "我",
    "你的", "你", "讲", "講", "说", "說", "听", "聽", "到", "看", "发", "發", "什么", "什麼",
    "任何", "个", "個", "一", " a", " any", " more", " tell", " me", " want",
];
/// What makes a question of a joke word before it, if 不 is in what negates that: 不讲笑话了吗.
const ASKING: [char; 4] = ['吗', '嗎', '么', '麼'];
/// What makes a complaint, that is a wish, of a negation after it: 怎么不讲笑话.
const COMPLAINTS: [&str; 7] = ["怎么", "怎麼", "为什么", "為什麼", "为啥", "咋", "why "];

/// Returns true if one of the joke words that are `found` in a folded text, the last one first, is
/// a wish for a joke; `bare` is the text without the punctuation at its end. `words` may have
/// other words, too: a text that one of them answers is not judged here.
pub(super) fn wishes_for_joke(
    folded: &str,
    bare: &str,
    found: &[(usize, usize)],
    words: &Finder,
) -> bool {
    // A word that is negated decides on all between the negation and it, so that no part of the
    // text is looked at twice.
    let mut undecided = folded.len();
    for (at, _) in found {
        if *at >= undecided {
            continue;
        }
        match negation(folded.get(..*at).unwrap_or_default()) {
            Some((word, _)) if VERBS.contains(&word) && is_asked(bare, *at, words) => {
                return true;
            }
            Some((_, end)) => undecided = end,
            None => return true,
        }
    }
    false
}

/// Whether nothing but the end of a question follows the joke word at this place.
fn is_asked(bare: &str, at: usize, words: &Finder) -> bool {
    let word = bare.get(at..).and_then(|word| word.strip_suffix(ASKING));
    let word = word.map(|word| word.strip_suffix('了').unwrap_or(word));
    word.is_some_and(|word| words.find_whole(word).is_some())
}

/// The negation that makes a joke word after this no wish for a joke, and its end: `不要笑话我`.
fn negation(mut before: &str) -> Option<(&'static str, usize)> {
    loop {
        let verb = VERBS.iter().find_map(|verb| {
            let before = before.strip_suffix(verb)?.strip_suffix('不')?;
            Some((before, *verb))
        });
        let other = || {
            let mut words = NEGATIONS.iter();
            words.find_map(|word| Some((before.strip_suffix(word)?, *word)))
        };
        if let Some((rest, word)) = verb.or_else(other) {
            return (!negates_nothing(rest, word)).then_some((word, before.len()));
        }
        let shorter = FILLERS
            .iter()
            .find_map(|filler| before.strip_suffix(filler));
        before = shorter?;
    }
}

/// Whether a negation negates nothing: it is a question with what is before it (要不要, 何不), a
/// complaint (怎么还不讲), or part of another word (特别, 区别, 告别; casino).
fn negates_nothing(before: &str, negation: &str) -> bool {
    let asked = before.trim_end_matches(['还', '還', '都']);
    let last = before.chars().next_back().unwrap_or(' ');
    COMPLAINTS.iter().any(|word| asked.ends_with(word))
        || match negation {
            "别" | "別" => "特区區分告个個性級级类類差识識".contains(last),
            verb if VERBS.contains(&verb) => verb.contains(last) || "要何得别別不".contains(last),
            _ => last.is_ascii_alphabetic(),
        }
}
