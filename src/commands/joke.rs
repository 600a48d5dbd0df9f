//! `daoxiao joke`: fetches now and prints jokes, for trying out a source or a selector.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{CommandError, complain, printed};
use crate::joke::{Attempt, Harvest, JokeSettings, fortune_entry, try_sources};

/// Asks the sources in turn until one has jokes, or `all` of them, and prints `count` jokes of each
/// that has some, or as many as it has, on standard output in fortune format; and on standard
/// error where they came from. Ends with 1 when there are none.
pub(crate) fn run(
    settings: &JokeSettings,
    all: bool,
    count: Option<usize>,
) -> Result<ExitCode, CommandError> {
    let attempts = try_sources(settings, all)
        .map_err(|error| CommandError::failure(format!("no thread to fetch with: {error}")))?;
    for attempt in &attempts {
        complain(explain(attempt));
    }
    let found = attempts.iter().filter_map(|one| one.outcome.as_ref().ok());
    let jokes: Vec<String> = found.flat_map(|harvest| choose(harvest, count)).collect();
    if attempts.is_empty() {
        return Err(CommandError::failure("no joke: there is no source to ask"));
    }
    if jokes.is_empty() {
        let reason = "no joke: see above what each source said";
        return Err(CommandError::failure(reason));
    }
    printed(print(&mut io::stdout().lock(), &jokes))
}

/// Some at random, or all in the page's order.
fn choose(harvest: &Harvest, count: Option<usize>) -> Vec<String> {
    let mut jokes = harvest.jokes.clone();
    if let Some(count) = count {
        fastrand::shuffle(&mut jokes);
        jokes.truncate(count);
    }
    jokes
}

fn print(out: &mut impl Write, jokes: &[String]) -> io::Result<()> {
    let entries: Vec<String> = jokes.iter().map(|joke| fortune_entry(joke)).collect();
    writeln!(out, "{}", entries.join("\n%\n"))?;
    out.flush()
}

/// What a source gave, in a line.
fn explain(attempt: &Attempt) -> String {
    let said = match &attempt.outcome {
        Ok(harvest) => sum_up(harvest),
        Err(failure) => failure.to_string(),
    };
    format!("{}: {}: {said}", attempt.source, attempt.url)
}

fn sum_up(harvest: &Harvest) -> String {
    let Harvest {
        jokes,
        matched,
        left_out,
    } = harvest;
    let left_out = match left_out.total() {
        0 => "none left out".to_owned(),
        total => format!("{total} left out: {left_out}"),
    };
    format!(
        "items matched: {matched}, jokes: {}, {left_out}",
        jokes.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joke::{Failure, FetchError, LeftOut, Reason};

    fn attempt(source: &str, outcome: Result<Harvest, Failure>) -> Attempt {
        Attempt {
            source: source.to_owned(),
            url: "http://x/".to_owned(),
            outcome,
        }
    }

    fn harvest() -> Harvest {
        let mut left_out = LeftOut::default();
        left_out.count(Reason::Long);
        Harvest {
            jokes: (1..=9).map(|n| format!("joke {n}\n%")).collect(),
            matched: 10,
            left_out,
        }
    }

    #[test]
    fn all_jokes_come_in_order_and_some_at_random() {
        assert_eq!(choose(&harvest(), None), harvest().jokes);
        assert_eq!(choose(&harvest(), Some(99)).len(), 9);
        let mut two = choose(&harvest(), Some(2));
        two.dedup();
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn what_is_printed_can_be_read_as_jokes_again() {
        let mut text = Vec::new();
        print(&mut text, &["一\n%".to_owned(), "二".to_owned()]).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "一\n％\n%\n二\n");
    }

    #[test]
    fn every_source_that_was_asked_is_explained() {
        let failure = Failure::Fetch(FetchError::Status(500));
        assert_eq!(
            explain(&attempt("zol", Err(failure))),
            "zol: http://x/: the site answered with status 500"
        );
        assert_eq!(
            explain(&attempt("60s", Ok(harvest()))),
            "60s: http://x/: items matched: 10, jokes: 9, 1 left out: 1 too long for a reply"
        );
    }
}
