//! `daoxiao joke`: fetches now and prints jokes, for trying out a source or a selector.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::joke::{Attempt, Harvest, JokeSettings, fortune_entry, try_sources};

/// Prints `count` jokes, or `all` that the page has, on standard output in fortune format, and on
/// standard error where they came from. Ends with 1 when there are none.
#[must_use]
pub fn run(settings: &JokeSettings, all: bool, count: usize) -> ExitCode {
    let attempts = try_sources(settings);
    let harvest = attempts.iter().find_map(|one| one.outcome.as_ref().ok());
    // A closed standard error is no reason to keep the jokes back.
    let _ = explain(&mut io::stderr().lock(), &attempts, harvest.is_some());
    let Some(harvest) = harvest else {
        return ExitCode::FAILURE;
    };
    let jokes = choose(harvest, all, count);
    match print(&mut io::stdout().lock(), &jokes) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader, `head` perhaps, has enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "daoxiao: cannot write the jokes: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All the jokes in the page's order, or some at random.
fn choose(harvest: &Harvest, all: bool, count: usize) -> Vec<String> {
    let mut jokes = harvest.jokes.clone();
    if !all {
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

fn explain(out: &mut impl Write, attempts: &[Attempt], found: bool) -> io::Result<()> {
    for Attempt {
        source,
        url,
        outcome,
    } in attempts
    {
        write!(out, "{source}: {url}: ")?;
        match outcome {
            Ok(harvest) => writeln!(out, "{}", sum_up(harvest))?,
            Err(failure) => writeln!(out, "{failure}")?,
        }
    }
    match (attempts.is_empty(), found) {
        (true, _) => writeln!(out, "daoxiao: no joke: there is no source to ask"),
        (false, false) => writeln!(out, "daoxiao: no joke from any source"),
        (false, true) => Ok(()),
    }
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

    fn explained(attempts: &[Attempt], found: bool) -> String {
        let mut text = Vec::new();
        explain(&mut text, attempts, found).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn all_jokes_come_in_order_and_some_at_random() {
        assert_eq!(choose(&harvest(), true, 1), harvest().jokes);
        assert_eq!(choose(&harvest(), false, 99).len(), 9);
        let mut two = choose(&harvest(), false, 2);
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
        let attempts = [attempt("zol", Err(failure)), attempt("60s", Ok(harvest()))];
        assert_eq!(
            explained(&attempts, true),
            "zol: http://x/: the site answered with status 500\n\
             60s: http://x/: items matched: 10, jokes: 9, 1 left out: 1 too long for a reply\n"
        );
    }

    #[test]
    fn no_joke_is_explained() {
        assert_eq!(
            explained(&[attempt("60s", Err(Failure::NoTime))], false),
            "60s: http://x/: no time was left for it\ndaoxiao: no joke from any source\n"
        );
        assert_eq!(
            explained(&[], false),
            "daoxiao: no joke: there is no source to ask\n"
        );
    }
}
