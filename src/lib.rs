//! A WeChat official-account bot: your words backwards, and a joke when asked.
//!
//! In scope: one account's callbacks (the handshake, messages, events, the passive replies to them,
//! in plaintext, compatible and secure mode), on one blocking loop, in one process that stays alive
//! by itself. Not in scope: the platform's API that needs an access token, media replies, several
//! accounts, a database.
//!
//! A call from WeChat goes through these modules, and this is the order to read them in:
//!
//! 1. `cli` and `commands::serve`: from the command line to a running bot.
//! 2. `server`: the loop, and the match on method and path. What keeps the process alive beside it
//!    is `survival`'s.
//! 3. `callback`: one call from its query to the body of the answer. `wechat::query` reads the
//!    query, `wechat::signature` proves it to be WeChat's, `wechat::crypt` decrypts the body,
//!    `wechat::message` reads it by `wechat::xml`, and a repeat gets the answer that was kept.
//! 4. `bot`: what to do with the message, by `words`: the owner's, `reverse`, or a joke. Jokes are
//!    `joke`'s, and whoever runs the callback brings them.
//! 5. `wechat::reply`: the answer as XML.
//!
//! Beside them: `cgi` is the other way into `callback`, by the same steps (`exchange`); `simulator`
//! plays WeChat for the commands that need it; `access_log` words the line of each request,
//! `logger` writes it; `entropy` has the system's random bytes. `wechat`, `callback`, `bot` and
//! `reverse` open no socket and read no clock, environment or randomness: time and random bytes are
//! arguments.

mod access_log;
mod bot;
pub mod callback;
mod cgi;
pub mod cli;
mod commands;
mod entropy;
mod exchange;
pub mod joke;
mod language;
mod logger;
mod printable;
pub mod reverse;
mod server;
mod simulator;
pub mod survival;
pub mod wechat;
mod wording;
pub mod words;
