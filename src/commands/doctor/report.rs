//! Prints the findings, line by line or as one JSON object.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    DoctorArgs,
    finding::{Check, CheckLine, Ending, Fault, Finding, Fine, Fix},
    reach::success_ending,
};
use crate::language::Localize;

/// The findings so far.
pub(super) struct Report<'a> {
    args: &'a DoctorArgs,
    lines: Vec<CheckLine>,
    written: io::Result<()>,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a DoctorArgs) -> Self {
        Self {
            args,
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
        if !self.args.json && (!self.args.quiet || line.needs_attention()) {
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
    pub(super) fn close(self) -> io::Result<()> {
        self.written?;
        let (args, fault) = (self.args, first_fault(&self.lines));
        let ending = match fault {
            Some(fault) => Ending::DoFirst(fault.clone()),
            None if self.lines.iter().any(CheckLine::needs_attention) => Ending::ButForWarnings,
            None => success_ending(&args.url),
        };
        let text = if args.json {
            let checks: Vec<Value> = self.lines.iter().map(check_json).collect();
            let first = fault.map(|fault| Fix(fault).localized());
            let (url, well) = (args.url.to_string(), fault.is_none());
            json!({ "url": url, "well": well, "first": first, "checks": checks }).to_string()
        } else if !args.quiet {
            let hint = Ending::PlatformProbe.localized();
            format!("{}\n{hint}", ending.localized())
        } else if fault.is_some() {
            ending.localized()
        } else {
            return Ok(());
        };
        writeln!(io::stdout(), "{text}")
    }
}

fn first_fault(lines: &[CheckLine]) -> Option<&Fault> {
    lines.iter().find_map(|line| line.finding.as_ref().err())
}

/// The check's name is the same in every language; the texts are in the owner's.
fn check_json(line: &CheckLine) -> Value {
    let (result, message, fix) = match &line.finding {
        Ok(Fine::Warning(warning)) => ("warning", warning.localized(), None),
        Ok(fine) => ("ok", fine.localized(), None),
        Err(fault) => ("fault", fault.localized(), Some(Fix(fault).localized())),
    };
    json!({
        "check": line.check.to_string(), "result": result, "message": message, "fix": fix,
        "milliseconds": line.took.as_millis(),
    })
}
