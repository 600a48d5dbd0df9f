//! The fortune format: jokes divided by lines that are only `%`.

/// Returns the jokes of a text in fortune format, without empty ones.
pub(crate) fn fortune(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines
        .split(|line| is_divider(line))
        .map(|joke| joke.join("\n").trim().to_owned())
        .filter(|joke| !joke.is_empty())
        .collect()
}

/// Returns true for a line that divides jokes.
pub(super) fn is_divider(line: &str) -> bool {
    line.trim_end() == "%"
}

/// Writes jokes in fortune format. A line that is only `%` would end a joke, so it becomes `％`.
pub(crate) fn to_fortune(jokes: &[String]) -> String {
    let escape = |line| if is_divider(line) { "％" } else { line };
    let escaped = jokes.iter().map(|joke| {
        let lines: Vec<&str> = joke.lines().map(escape).collect();
        lines.join("\n")
    });
    escaped.collect::<Vec<_>>().join("\n%\n")
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
        let jokes = ["a\n%\nb%", "一\n%", "二"].map(str::to_owned);
        assert_eq!(to_fortune(&jokes), "a\n％\nb%\n%\n一\n％\n%\n二");
    }

    proptest! {
        #[test]
        fn written_jokes_are_read_again(
            jokes in vec("[^\\s%\u{feff}][^\\s%]{0,5}(\n[^\\s]{1,5}x)?", 0..5),
        ) {
            prop_assert_eq!(fortune(&to_fortune(&jokes)), jokes);
        }
    }
}
