//! Copies of the log's lines, for a page that shows them.

use std::{
    sync::{
        OnceLock,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use log::Level;

use crate::access_log;

/// Where each line goes, once somebody shows them.
static COPIED: OnceLock<Sender<Line>> = OnceLock::new();

/// Longest wait for the line about a request, which is written after its answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line, and whether it is about a request.
type Line = (String, bool);

/// Lines of the log that were not taken yet.
pub(crate) struct LogCopies(Receiver<Line>);

pub(super) fn add(line: &str, is_about_request: bool) {
    if let Some(copied) = COPIED.get() {
        // The reader may be gone when the process ends.
        let _ = copied.send((line.trim_end().to_owned(), is_about_request));
    }
}

impl LogCopies {
    /// Has each line from now on copied.
    pub(crate) fn start() -> Self {
        let (copied, lines) = channel();
        // There is one page in a process.
        let _ = COPIED.set(copied);
        Self(lines)
    }

    /// Waits for a line about a request if such lines are logged, and takes all that there are.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut end = Instant::now();
        if log::log_enabled!(target: access_log::TARGET, Level::Info) {
            end += PATIENCE;
        }
        let mut lines = Vec::new();
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        while let Ok((line, is_about_request)) = self.0.recv_timeout(left(end)) {
            lines.push(line);
            if is_about_request {
                end = Instant::now();
            }
        }
        lines
    }
}
