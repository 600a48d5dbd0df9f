//! What supervisor and worker say to each other: lines on a socket pair.
//!
//! The two may be of different versions after an upgrade, so these words stay what they are.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

/// By the worker, before its version: it has prepared everything, and can serve.
pub(super) const READY: &str = "ready ";
/// By the worker: it accepts no connection any more.
pub(super) const NOT_ACCEPTING: &str = "not accepting";
/// To the worker: serve.
pub(super) const GO: &str = "go";
/// To the worker: stop accepting, answer what comes on the connections that you have, then end.
pub(super) const RETIRE: &str = "retire";
/// To the worker: stop accepting, answer what you have, and end.
pub(super) const END: &str = "end";

/// More than any line has. What says more without a line is none of ours.
const MAX_BYTES: usize = 256;

/// One end.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(super) fn say(&self, line: &str) {
        // Who is gone is told nothing; that he is gone is seen when his lines are read.
        let _ = (&self.stream).write_all(format!("{line}\n").as_bytes());
    }

    /// The next line; an error when there is none now or will never be one again.
    pub(super) fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let mut bytes = [0; MAX_BYTES];
            match (&self.stream).read(&mut bytes)? {
                read if read > 0 && self.unread.len() < MAX_BYTES => {
                    self.unread.extend(bytes.iter().take(read));
                }
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}
