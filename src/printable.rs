//! Makes text from others fit for a log line or a terminal.

/// Returns text from others for one line: escapes characters that move the cursor, break the line
/// or change the direction of writing, and cuts it after `max_chars` characters.
pub(crate) fn printable(text: &str, max_chars: usize) -> String {
    escaped(text, max_chars, is_harmful)
}

/// Like [`printable`], but keeps line breaks.
pub(crate) fn printable_lines(text: &str, max_chars: usize) -> String {
    escaped(text, max_chars, |char| char != '\n' && is_harmful(char))
}

fn escaped(text: &str, max_chars: usize, is_escaped: fn(char) -> bool) -> String {
    let (mut chars, mut shown) = (text.chars(), String::new());
    for char in chars.by_ref().take(max_chars) {
        if is_escaped(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// True for control characters (C1 among them), line and paragraph separators, marks that change
/// the direction of writing, and the byte order mark.
fn is_harmful(char: char) -> bool {
    char.is_control()
        || is_direction_mark(char)
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// True for what Unicode calls a bidirectional control.
pub(crate) fn is_direction_mark(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_read_stays() {
        for text in ["", "上海自来水 来自海上", "é 👨‍👩‍👧 /::) \\n \"quoted\""]
        {
            assert_eq!(printable(text, 80), text);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, shown) in [
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\x1b[2J\x07\x7f\0", r"\u{1b}[2J\u{7}\u{7f}\u{0}"),
            ("\u{85}\u{9b}1m", r"\u{85}\u{9b}1m"),
            (
                "\u{202e}txt\u{2066}\u{2069}",
                r"\u{202e}txt\u{2066}\u{2069}",
            ),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            ("\u{2028}\u{2029}\u{feff}", r"\u{2028}\u{2029}\u{feff}"),
        ] {
            assert_eq!(printable(text, 80), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        assert_eq!(printable("倒笑", 2), "倒笑");
        assert_eq!(printable("倒笑话", 2), "倒笑…");
        assert_eq!(printable("\n\n\n", 2), r"\n\n…");
        assert_eq!(printable("a", 0), "…");
    }

    #[test]
    fn lines_stay_where_they_may() {
        let text = "a\nb\x1b\n";
        assert_eq!(printable_lines(text, 9), "a\nb\\u{1b}\n");
        assert_eq!(printable_lines(text, 3), "a\nb…");
    }
}
