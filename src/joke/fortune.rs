//! The fortune format: jokes divided by lines that are only `%`.

/// Returns the jokes of a text in fortune format, without empty ones.
#[must_use]
pub(crate) fn fortune(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut jokes = vec![String::new()];
    for line in text.lines().map(str::trim_end) {
        if is_divider(line) {
            jokes.push(String::new());
        } else if let Some(joke) = jokes.last_mut() {
            joke.push_str(line);
            joke.push('\n');
        }
    }
    jokes
        .iter()
        .map(|joke| joke.trim().to_owned())
        .filter(|joke| !joke.is_empty())
        .collect()
}

/// Returns true for a line that divides jokes.
pub(super) fn is_divider(line: &str) -> bool {
    line.trim_end() == "%"
}

/// Writes a joke for a text in fortune format. A line that is only `%` would end it, so it becomes
/// `％`.
#[must_use]
pub(crate) fn fortune_entry(joke: &str) -> String {
    let lines: Vec<&str> = joke
        .lines()
        .map(|line| if is_divider(line) { "％" } else { line })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn jokes_stand_between_lines_that_are_only_a_percent_sign() {
        assert_eq!(fortune("a\nb\n%\nc\n"), ["a\nb", "c"]);
        assert_eq!(fortune("\u{feff}a\r\n%  \r\n50%\n%c"), ["a", "50%\n%c"]);
        assert_eq!(fortune("%\n%\n\n%\na\n\nb\n\n%\n"), ["a\n\nb"]);
        assert_eq!(fortune(""), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_would_end_a_joke_is_written_otherwise() {
        assert_eq!(fortune_entry("a\n%\nb%"), "a\n％\nb%");
    }

    proptest! {
        #[test]
        fn written_jokes_are_read_again(
            jokes in vec("[^\\s%\u{feff}][^\\s%]{0,5}(\n[^\\s]{1,5}x)?", 0..5),
        ) {
            let text: Vec<String> = jokes.iter().map(|joke| fortune_entry(joke)).collect();
            prop_assert_eq!(fortune(&text.join("\n%\n")), jokes);
        }
    }
}
