//! The log on standard error, into which lines about requests are written many at a time.

pub(crate) mod copies;

use std::{
    env,
    fmt::{self, Display, Formatter, Write as _},
    fs::{File, OpenOptions},
    io::{self, ErrorKind, IsTerminal, Write},
    mem,
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use env_filter::FilteredLog;
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::fstat,
};

use crate::access_log;

/// Bytes that may wait to be written: some sixty lines. With a line about missing ones they are no
/// more than `PIPE_BUF` on Linux: a pipe takes so much as a whole or not at all, and mixes nothing
/// else into it.
const MAX_WAITING_BYTES: usize = 4096 - USUAL_LINE_BYTES;

/// How long a reader of the log that has fallen behind is waited for, once. After that, lines are
/// left out until it reads again.
const PATIENCE: Duration = Duration::from_millis(100);

/// Most lines fit.
const USUAL_LINE_BYTES: usize = 128;

/// Starts the log with a filter as in `RUST_LOG`. Libraries that it doesn't name tell errors only:
/// what a parser thinks of a page is no news.
pub(crate) fn start(filter: &str) {
    let mut builder = env_filter::Builder::new();
    builder
        .filter_level(LevelFilter::Error)
        // Its errors end the worker, and the supervisor logs that.
        .filter_module("tiny_http", LevelFilter::Off)
        .parse(filter);
    // The URLs that these fetch may have keys in them.
    for library in ["ureq", "ureq_proto"] {
        builder.filter_module(library, LevelFilter::Warn);
    }
    let filter = builder.build();
    log::set_max_level(filter.filter());
    // Without a descriptor to spare, nothing could be served either.
    if let Ok(out) = open_stderr() {
        let lines = LINES.get_or_init(|| Lines::to(out, takes_bytes));
        // Every command starts the log once.
        let _ = log::set_boxed_logger(Box::new(FilteredLog::new(lines, filter)));
    }
}

/// The lines of this process.
static LINES: OnceLock<Lines<File>> = OnceLock::new();

/// Standard error, opened once more where its reader may stop reading: what others have open must
/// not change, and this one never has a writer wait. Where that is refused, as at a terminal of
/// another user, or of no use, it is a copy.
fn open_stderr() -> io::Result<File> {
    let copy = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let is_pipe = copy.metadata().is_ok_and(|it| it.file_type().is_fifo());
    if !is_pipe && !copy.is_terminal() {
        return Ok(copy);
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.write(true).custom_flags(flags.bits());
    Ok(options.open("/proc/self/fd/2").unwrap_or(copy))
}

/// Writes the lines that wait, unless another thread is writing, which may be what is stuck.
pub(crate) fn try_flush() {
    if let Some(Ok(mut buffer)) = LINES.get().map(|lines| lines.0.try_lock()) {
        buffer.write_out();
    }
}

/// Whether standard error is systemd's journal, which knows the time and wants a priority.
fn is_journal() -> bool {
    static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
    *IS_JOURNAL.get_or_init(|| {
        let stream = env::var("JOURNAL_STREAM").ok();
        let file = fstat(io::stderr()).ok();
        let here = file.map(|file| format!("{}:{}", file.st_dev, file.st_ino));
        stream.is_some() && stream == here
    })
}

/// The priority that the journal wants before a line, as sd-daemon(3) has it; nothing elsewhere.
pub(crate) fn priority(level: Level) -> &'static str {
    match level {
        _ if !is_journal() => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// What stands before a line: time and level, or the journal's priority.
struct Prefix(Level);

impl Display for Prefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_journal() {
            return f.write_str(priority(self.0));
        }
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        write!(f, "{now} {:5} ", self.0)
    }
}

/// Writes lines. One about a request waits for a flush, for a line of another kind, or until
/// [`MAX_WAITING_BYTES`] are together: under full load, a call of the system for each line would
/// take 7 % of all time.
struct Lines<W>(Mutex<Buffer<W>>);

/// Lines that wait, and where they go.
struct Buffer<W> {
    waiting: String,
    /// The rest of a line that was not taken as a whole, which comes before all others.
    begun: Vec<u8>,
    out: W,
    /// Whether bytes are taken within this time.
    takes_bytes: fn(&W, Duration) -> bool,
    /// Lines that were left out.
    left_out: usize,
}

fn takes_bytes(out: &File, patience: Duration) -> bool {
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
    let mut sources = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
    poll(&mut sources, timeout) != Ok(0)
}

impl<W: Write> Lines<W> {
    fn to(out: W, takes_bytes: fn(&W, Duration) -> bool) -> Self {
        Self(Mutex::new(Buffer {
            waiting: String::new(),
            begun: Vec::new(),
            out,
            takes_bytes,
            left_out: 0,
        }))
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        copies::add(&line, is_about_request);
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
    /// Writes the rest of the line that was begun, then how many lines were left out, then those
    /// that wait. Of what is not taken, only a line that was begun is kept.
    fn write_out(&mut self) {
        let begun = mem::take(&mut self.begun);
        let warning = match self.left_out {
            0 => String::new(),
            lines => {
                let prefix = Prefix(Level::Warn);
                format!("{prefix}{lines} lines are missing here: nobody read the log\n")
            }
        };
        let waiting = mem::take(&mut self.waiting);
        let text = [&begun, warning.as_bytes(), waiting.as_bytes()].concat();
        let is_behind = !warning.is_empty();
        let written = self.write(&text, if is_behind { Duration::ZERO } else { PATIENCE });
        let (done, rest) = text.split_at_checked(written).unwrap_or_default();
        let mut lines = rest.split_inclusive(|byte| *byte == b'\n');
        if done.last().map_or(!begun.is_empty(), |last| *last != b'\n') {
            self.begun = lines.next().unwrap_or_default().to_vec();
        }
        if is_behind && written <= begun.len() {
            // The next warning is in place of this one.
            lines.next();
        } else {
            self.left_out = 0;
        }
        self.left_out += lines.count();
    }

    /// Writes as much as is taken within this time; how many bytes that is.
    fn write(&mut self, text: &[u8], patience: Duration) -> usize {
        let end = Instant::now() + patience;
        let left = || end.saturating_duration_since(Instant::now());
        let mut written = 0;
        while let Some(rest @ [_, ..]) = text.get(written..)
            && (self.takes_bytes)(&self.out, left())
        {
            match self.out.write(rest) {
                Ok(bytes @ 1..) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process was faster, or a terminal has no room for the end of a line.
                Err(error) if error.kind() == ErrorKind::WouldBlock && left().is_zero() => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // When the log cannot be written, there is nobody to tell.
                _ => return text.len(),
            }
        }
        written
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

    /// Takes so many bytes, and then none until it is given room again.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.extend(&bytes[..taken]);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_begun_is_ended_and_what_is_missing_is_told_by_a_flush() {
        let out = Narrow {
            taken: Vec::new(),
            room: 0,
        };
        let lines = Lines::to(out, |_, _| true);
        let log = |text: &str| {
            let mut record = Record::builder();
            let record = record.target(access_log::TARGET).level(Level::Info);
            lines.log(&record.args(format_args!("{text}")).build());
        };
        let written = |room| {
            lines.buffer().out.room = room;
            lines.flush();
            let out = String::from_utf8(lines.buffer().out.taken.clone()).unwrap();
            let told = out.split_inclusive('\n');
            told.map(|line| line.get(21..).unwrap_or("").to_owned())
                .collect::<Vec<_>>()
        };
        ["one", "two", "three"].into_iter().for_each(log);
        assert_eq!(written(28), ["INFO  o"]);
        log("four");
        assert_eq!(written(10), ["INFO  one\n", ""]);
        assert_eq!(written(30), ["INFO  one\n", "WARN  2 lines ar"]);
        let told = [2, 1]
            .map(|count| format!("WARN  {count} lines are missing here: nobody read the log\n"));
        assert_eq!(written(200), ["INFO  one\n", &told[0], &told[1]]);
        log("five");
        let all = ["INFO  one\n", &told[0], &told[1], "INFO  five\n"];
        assert_eq!(written(100), all);
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
