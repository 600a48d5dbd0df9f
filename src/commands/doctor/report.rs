//! Prints the findings, line by line or as one JSON object.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    finding::{Check, CheckLine, Ending, Fault, Finding, Fine, Fix},
    reach::success_ending,
};
use crate::{language::Localize, simulator::url::BotUrl};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for each check.
    Lines,
    /// Only lines that need attention.
    Quiet,
    /// One JSON object at the end.
    Json,
}

/// The findings so far.
pub(super) struct Report {
    form: Form,
    lines: Vec<CheckLine>,
    written: io::Result<()>,
}

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            lines: Vec::new(),
            written: Ok(()),
        }
    }

    /// Adds the finding of a check; `None` if it cannot be printed.
    pub(super) fn add(&mut self, check: Check, took: Duration, finding: Finding) -> Option<()> {
        let line = CheckLine {
            check,
            finding,
            took,
        };
        if self.form == Form::Lines || self.form == Form::Quiet && line.needs_attention() {
            self.written = writeln!(io::stdout(), "{}", line.localized());
        }
        self.lines.push(line);
        self.written.is_ok().then_some(())
    }

    /// Adds a finding, and returns `None` as well if it is a fault.
    pub(super) fn require(&mut self, check: Check, took: Duration, finding: Finding) -> Option<()> {
        let is_fine = finding.is_ok();
        self.add(check, took, finding)?;
        is_fine.then_some(())
    }

    /// Returns whether no fault was found so far.
    pub(super) fn has_no_fault(&self) -> bool {
        first_fault(&self.lines).is_none()
    }

    /// Prints the end: what to do first, if anything.
    pub(super) fn close(self, url: &BotUrl) -> io::Result<()> {
        self.written?;
        let (mut out, fault) = (io::stdout(), first_fault(&self.lines));
        if self.form == Form::Json {
            let first = fault.map(|fault| Fix(fault).localized());
            let checks: Vec<Value> = self.lines.iter().map(object).collect();
            let (url, well) = (url.to_string(), fault.is_none());
            let whole = json!({ "url": url, "well": well, "first": first, "checks": checks });
            return writeln!(out, "{whole}");
        }
        let ending = match fault {
            Some(fault) => Ending::DoFirst(fault.clone()),
            None if self.lines.iter().any(CheckLine::needs_attention) => Ending::ButForWarnings,
            None => success_ending(url),
        };
        if self.form == Form::Lines || fault.is_some() {
            writeln!(out, "{}", ending.localized())?;
        }
        if self.form == Form::Lines {
            writeln!(out, "{}", Ending::PlatformProbe.localized())?;
        }
        Ok(())
    }
}

fn first_fault(lines: &[CheckLine]) -> Option<&Fault> {
    lines.iter().find_map(|line| line.finding.as_ref().err())
}

/// The check's name is the same in every language; the texts are in the owner's.
fn object(line: &CheckLine) -> Value {
    let (result, message, fix) = match &line.finding {
        Ok(Fine::Warning(warning)) => ("warning", warning.localized(), None),
        Ok(fine) => ("ok", fine.localized(), None),
        Err(fault) => ("fault", fault.localized(), Some(Fix(fault).localized())),
    };
    let milliseconds = u64::try_from(line.took.as_millis()).unwrap_or(u64::MAX);
    json!({
        "check": line.check.to_string(), "result": result, "message": message, "fix": fix,
        "milliseconds": milliseconds,
    })
}
