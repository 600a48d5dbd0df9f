//! What supervisor and worker say to each other: lines on a socket pair, each written at once, and
//! so short that all that can have come are read at once.
//!
//! The two may be of different versions after an upgrade, so these words stay what they are.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

/// By the worker, before its version: it has prepared everything, and can serve. No other program
/// says that.
pub(super) const READY: &str = "ready daoxiao ";
/// By the worker: it accepts no connection any more.
pub(super) const NOT_ACCEPTING: &str = "not accepting";
/// To the worker: serve.
pub(super) const GO: &str = "go";
/// To the worker: stop accepting, answer what comes on the connections that you have, then end.
pub(super) const RETIRE: &str = "retire";
/// To the worker: stop accepting, answer what you have, and end.
pub(super) const END: &str = "end";

pub(super) fn send(mut link: &UnixStream, words: &str) {
    // That the other side is gone is noticed where its lines are read.
    let _ = link.write_all(format!("{words}\n").as_bytes());
}

/// The lines that have come; an error when the other side is gone.
pub(super) fn receive(mut link: &UnixStream) -> io::Result<Vec<String>> {
    let mut bytes = [0; 256];
    let read = link.read(&mut bytes)?;
    let bytes = bytes.get(..read).filter(|bytes| !bytes.is_empty());
    let text = String::from_utf8_lossy(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(text.lines().map(str::to_owned).collect())
}
