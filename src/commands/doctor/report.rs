//! Prints the findings, line by line or as one JSON object.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::finding::{Ending, Fault, Finding, Fix, Line};
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
    checks: Vec<Value>,
    first: Option<Fault>,
    warned: bool,
    written: io::Result<()>,
}

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            checks: Vec::new(),
            first: None,
            warned: false,
            written: Ok(()),
        }
    }

    /// Adds the finding of a check; `None` if it cannot be printed.
    pub(super) fn add(&mut self, line: Line) -> Option<()> {
        self.warned |= matches!(line.finding, Finding::Warning(_));
        match self.form {
            Form::Json => self.checks.push(object(&line)),
            Form::Quiet if matches!(line.finding, Finding::Fine(_)) => {}
            Form::Lines | Form::Quiet => {
                self.written = writeln!(io::stdout(), "{}", line.localized());
            }
        }
        if let Finding::Wrong(fault) = line.finding {
            self.first.get_or_insert(fault);
        }
        self.written.is_ok().then_some(())
    }

    /// Returns whether no fault was found so far.
    pub(super) fn is_well(&self) -> bool {
        self.first.is_none()
    }

    /// Prints the end: what to do first, or `well` if nothing.
    pub(super) fn close(self, url: &BotUrl, well: Ending) -> io::Result<()> {
        let (mut out, is_well) = (io::stdout(), self.is_well());
        self.written?;
        if self.form == Form::Json {
            let first = self.first.as_ref().map(|fault| Fix(fault).localized());
            let (url, checks) = (url.to_string(), self.checks);
            let whole = json!({ "url": url, "well": is_well, "first": first, "checks": checks });
            return writeln!(out, "{whole}");
        }
        let ending = match self.first {
            Some(fault) => Ending::DoFirst(fault),
            None if self.warned => Ending::ButForWarnings,
            None => well,
        };
        if self.form == Form::Lines || !is_well {
            writeln!(out, "{}", ending.localized())?;
        }
        if self.form == Form::Lines {
            writeln!(out, "{}", Ending::PlatformProbe.localized())?;
        }
        Ok(())
    }
}

/// The check's name is the same in every language; the texts are in the owner's.
fn object(line: &Line) -> Value {
    let (result, message, fix) = match &line.finding {
        Finding::Fine(fine) => ("ok", fine.localized(), None),
        Finding::Warning(warning) => ("warning", warning.localized(), None),
        Finding::Wrong(fault) => ("fault", fault.localized(), Some(Fix(fault).localized())),
    };
    let milliseconds = u64::try_from(line.took.as_millis()).unwrap_or(u64::MAX);
    json!({
        "check": line.check.to_string(), "result": result, "message": message, "fix": fix,
        "milliseconds": milliseconds,
    })
}
