//! The log on standard error, into which lines about requests are written many at a time.

use std::{
    env,
    fmt::{self, Display, Formatter, Write as _},
    fs::File,
    io::{self, Write},
    mem,
    os::{fd::AsFd, unix::fs::MetadataExt},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use env_filter::FilteredLog;
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::access_log;

/// Says what is logged, as in most Rust programs.
pub(crate) const VARIABLE: &str = "RUST_LOG";

/// Bytes that may wait to be written: some sixty lines. With a line about missing ones they are no
/// more than `PIPE_BUF` on Linux: written at once, they are not mixed with what others write into
/// the same pipe, and do not wait where it takes anything at all.
const MAX_WAITING_BYTES: usize = 4096 - USUAL_LINE_BYTES;

/// How long a reader of the log that has fallen behind is waited for, once. After that, lines are
/// left out until it reads again.
const PATIENCE: Duration = Duration::from_millis(100);

/// Most lines fit.
const USUAL_LINE_BYTES: usize = 128;

/// Starts the log, at this level or at the one that `RUST_LOG` says. Unless that variable wants
/// more, libraries tell errors only: what a parser thinks of a page is no news.
pub(crate) fn start(level: Option<LevelFilter>) {
    let mut builder = env_filter::Builder::new();
    builder
        .filter_level(LevelFilter::Error)
        // What it calls an error ends a worker, which is told.
        .filter_module("tiny_http", LevelFilter::Off);
    let variable = env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    match (level, variable) {
        (None, Some(value)) => builder.parse(&value),
        _ => builder.filter_module(env!("CARGO_CRATE_NAME"), level.unwrap_or(LevelFilter::Info)),
    };
    // The URLs that these fetch may have keys in them.
    for library in ["ureq", "ureq_proto"] {
        builder.filter_module(library, LevelFilter::Warn);
    }
    let filter = builder.build();
    log::set_max_level(filter.filter());
    let logger = FilteredLog::new(Lines::to(io::stderr(), takes_bytes), filter);
    // Every command starts the log once.
    let _ = log::set_boxed_logger(Box::new(logger));
}

/// The lines for somebody who shows them, once there is somebody.
static COPIES: OnceLock<Copies> = OnceLock::new();

/// Lines of the log that were not taken yet.
#[derive(Default)]
pub(crate) struct Copies {
    waiting: Mutex<Copied>,
    has_more: Condvar,
}

#[derive(Default)]
struct Copied {
    lines: Vec<String>,
    has_request: bool,
}

/// Has each line from now on copied.
pub(crate) fn copy() -> &'static Copies {
    COPIES.get_or_init(Copies::default)
}

impl Copies {
    fn add(&self, line: &str, is_about_request: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.lines.push(line.trim_end().to_owned());
        waiting.has_request |= is_about_request;
        self.has_more.notify_one();
    }

    /// Waits that long for a line about a request, and takes all that there are.
    pub(crate) fn take(&self, patience: Duration) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let has_none = |copied: &mut Copied| !copied.has_request;
        let waited = self
            .has_more
            .wait_timeout_while(waiting, patience, has_none);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *waiting).lines
    }
}

/// Whether standard error is systemd's journal, which knows the time and wants a priority.
pub(crate) fn is_journal() -> bool {
    static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
    *IS_JOURNAL.get_or_init(|| {
        let stream = env::var("JOURNAL_STREAM").ok();
        let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
        let file = stderr.and_then(|file| file.metadata()).ok();
        let here = file.map(|file| format!("{}:{}", file.dev(), file.ino()));
        stream.is_some() && stream == here
    })
}

/// What stands before a line: time and level, or the journal's priority.
pub(crate) struct Prefix(pub(crate) Level);

impl Display for Prefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_journal() {
            // As sd-daemon(3) has them.
            let priority = match self.0 {
                Level::Error => 3,
                Level::Warn => 4,
                Level::Info => 6,
                Level::Debug | Level::Trace => 7,
            };
            return write!(f, "<{priority}>");
        }
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        write!(f, "{now} {:5} ", self.0)
    }
}

/// Writes lines. One about a request waits for a flush, for a line of another kind, or until
/// [`MAX_WAITING_BYTES`] are together: of some 24 µs that a full server has for a message, a call
/// of the system for each line takes 1.8, and one for sixty next to nothing.
struct Lines<W> {
    buffer: Mutex<Buffer<W>>,
}

/// Lines that wait, and where they go.
struct Buffer<W> {
    waiting: String,
    out: W,
    /// Whether bytes are taken within this time.
    takes_bytes: fn(&W, Duration) -> bool,
    /// Lines that were left out.
    left_out: usize,
}

fn takes_bytes(out: &io::Stderr, patience: Duration) -> bool {
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
    let mut sources = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
    poll(&mut sources, timeout) != Ok(0)
}

impl<W: Write> Lines<W> {
    fn to(out: W, takes_bytes: fn(&W, Duration) -> bool) -> Self {
        Self {
            buffer: Mutex::new(Buffer {
                waiting: String::new(),
                out,
                takes_bytes,
                left_out: 0,
            }),
        }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer<W>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Send> Log for Lines<W> {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Put into words before the buffer is locked: whoever's words they are may log, too.
        let mut line = String::with_capacity(USUAL_LINE_BYTES);
        // Nothing fails that is written into memory.
        let _ = writeln!(line, "{}{}", Prefix(record.level()), record.args());
        let is_about_request = record.target() == access_log::TARGET;
        if let Some(copies) = COPIES.get() {
            copies.add(&line, is_about_request);
        }
        let mut buffer = self.buffer();
        if buffer.waiting.len() + line.len() > MAX_WAITING_BYTES {
            buffer.write_out();
        }
        buffer.waiting.push_str(&line);
        if !is_about_request {
            buffer.write_out();
        }
    }

    fn flush(&self) {
        self.buffer().write_out();
    }
}

impl<W: Write> Buffer<W> {
    fn write_out(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let is_behind = self.left_out > 0;
        let patience = if is_behind { Duration::ZERO } else { PATIENCE };
        if (self.takes_bytes)(&self.out, patience) {
            if is_behind {
                let lines = mem::take(&mut self.left_out);
                let warning = Prefix(Level::Warn);
                let told =
                    format!("{warning}{lines} lines are missing here: nobody read the log\n");
                self.waiting.insert_str(0, &told);
            }
            // When the log cannot be written, there is nobody to tell.
            let _ = self.out.write_all(self.waiting.as_bytes());
        } else {
            self.left_out += self.waiting.lines().count();
        }
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use log::Level;

    use super::*;

    fn say(lines: &Lines<Vec<u8>>, target: &str, level: Level, text: &str) {
        let mut record = Record::builder();
        let record = record.target(target).level(level);
        lines.log(&record.args(format_args!("{text}")).build());
    }

    fn request(lines: &Lines<Vec<u8>>, text: &str) {
        say(lines, access_log::TARGET, Level::Info, text);
    }

    /// What is written, without the times.
    fn written(lines: &Lines<Vec<u8>>) -> Vec<String> {
        let out = String::from_utf8(lines.buffer().out.clone()).unwrap();
        let without_time = |line: &str| line.rsplit("Z ").next().unwrap().to_owned();
        out.lines().map(without_time).collect()
    }

    #[test]
    fn a_line_about_a_request_waits_for_a_flush() {
        let lines = Lines::to(Vec::new(), |_, _| true);
        request(&lines, "one");
        request(&lines, "two");
        assert_eq!(written(&lines), [""; 0]);
        lines.flush();
        assert_eq!(written(&lines), ["INFO  one", "INFO  two"]);
        lines.flush();
        assert_eq!(written(&lines).len(), 2);
    }

    #[test]
    fn any_other_line_is_written_at_once_after_those_that_wait() {
        let lines = Lines::to(Vec::new(), |_, _| true);
        request(&lines, "one");
        say(&lines, "daoxiao::joke", Level::Warn, "none");
        request(&lines, "two");
        assert_eq!(written(&lines), ["INFO  one", "WARN  none"]);
    }

    #[test]
    fn no_more_waits_than_the_limit() {
        let lines = Lines::to(Vec::new(), |_, _| true);
        let beside_text = "2026-11-24T00:00:00Z INFO  \n".len();
        request(&lines, &"a".repeat(MAX_WAITING_BYTES - 2 * beside_text));
        request(&lines, "");
        assert_eq!(written(&lines), [""; 0]);
        request(&lines, "b");
        assert_eq!(written(&lines).len(), 2);
        request(&lines, &"c".repeat(MAX_WAITING_BYTES));
        assert_eq!(written(&lines).len(), 3);
        lines.flush();
        assert_eq!(written(&lines).len(), 4);
    }

    #[test]
    fn lines_that_nobody_reads_are_left_out_and_counted() {
        static IS_READ: AtomicBool = AtomicBool::new(false);
        let lines = Lines::to(Vec::new(), |_, _| IS_READ.load(Ordering::Relaxed));
        for text in ["one", "two", "three"] {
            say(&lines, "daoxiao::joke", Level::Warn, text);
        }
        assert_eq!(written(&lines), [""; 0]);
        IS_READ.store(true, Ordering::Relaxed);
        request(&lines, "four");
        lines.flush();
        let told = "WARN  3 lines are missing here: nobody read the log";
        assert_eq!(written(&lines), [told, "INFO  four"]);
    }
}
