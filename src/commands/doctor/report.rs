//! What was found, line by line, and the sentence at the end.

use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// As it should be; says what was seen.
    Fine(String),
    /// Works, and yet its owner should know.
    Warning(String),
    /// To be fixed.
    Wrong {
        /// What was seen.
        seen: String,
        /// What its owner must change, as a demand.
        fix: String,
    },
}

/// The lines so far.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    first_fix: Option<String>,
    warned: bool,
}

impl Finding {
    pub(super) fn fine(seen: impl Into<String>) -> Self {
        Self::Fine(seen.into())
    }

    pub(super) fn warning(seen: impl Into<String>) -> Self {
        Self::Warning(seen.into())
    }

    pub(super) fn wrong(seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Wrong {
            seen: seen.into(),
            fix: fix.into(),
        }
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            first_fix: None,
            warned: false,
        }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, check: &str, took: Duration, finding: Finding) -> io::Result<()> {
        let took = Took(took);
        match finding {
            Finding::Fine(seen) => writeln!(self.out, "✓ {check}: {seen} ({took})"),
            Finding::Warning(seen) => {
                self.warned = true;
                writeln!(self.out, "✓ {check}: warning: {seen} ({took})")
            }
            Finding::Wrong { seen, fix } => {
                self.first_fix.get_or_insert(fix);
                writeln!(self.out, "✗ {check}: {seen} ({took})")
            }
        }
    }

    /// Ends with the one sentence, `well` if there is nothing to say against it; whether all is
    /// well.
    pub(super) fn close(&mut self, well: &str) -> io::Result<bool> {
        match &self.first_fix {
            Some(fix) => writeln!(self.out, "Do this first: {fix}.")?,
            None if self.warned => {
                writeln!(self.out, "All is well, but for the warnings above.")?;
            }
            None => writeln!(self.out, "{well}")?,
        }
        Ok(self.first_fix.is_none())
    }
}

/// A duration as a person reads it.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{:.1} s", self.0.as_secs_f32())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: Vec<Finding>) -> (bool, String) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        for finding in findings {
            report
                .add("check", Duration::from_millis(7), finding)
                .unwrap();
        }
        let well = report.close("All is well.").unwrap();
        (well, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_the_first_fix() {
        let found = report(vec![
            Finding::fine("good"),
            Finding::wrong("bad", "fix this"),
            Finding::wrong("worse", "fix that"),
        ]);
        let lines = "✓ check: good (7 ms)\n✗ check: bad (7 ms)\n✗ check: worse (7 ms)\nDo this first: fix this.\n";
        assert_eq!(found, (false, lines.to_owned()));
    }

    #[test]
    fn a_warning_is_no_failure_and_is_named_at_the_end() {
        let found = report(vec![Finding::warning("odd")]);
        let lines = "✓ check: warning: odd (7 ms)\nAll is well, but for the warnings above.\n";
        assert_eq!(found, (true, lines.to_owned()));
    }

    #[test]
    fn from_one_second_on_time_is_told_in_seconds() {
        assert_eq!(Took(Duration::from_millis(999)).to_string(), "999 ms");
        assert_eq!(Took(Duration::from_millis(5003)).to_string(), "5.0 s");
    }
}
