//! The real program, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::string_slice,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and says why on standard error"
)]

mod askers;
mod cgi;
mod cli;
mod connections;
mod deploy;
mod doctor;
mod encryption;
mod fake;
mod flood;
mod fronts;
mod generated;
mod http;
mod joke;
mod joke_cases;
mod joke_command;
mod joke_formats;
mod joke_sites;
mod log;
mod owner;
mod protocol;
mod readme;
mod replies;
mod retries;
mod support;
mod survival;
mod tidy;
mod tools;
mod web;
mod words;
