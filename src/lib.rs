//! A WeChat official-account bot: your words backwards, and a joke when asked.
//!
//! In scope: one account's callbacks (the handshake, messages, events, the passive replies to them,
//! in plaintext, compatible and secure mode), on one blocking loop, in a worker process that a
//! supervisor replaces when it ends. Not in scope: the platform's API that needs an access token,
//! media replies, several accounts, a database.
//!
//! A request is HTTP's; a callback is a request from WeChat; a message is what the callback's body
//! says once it is decrypted and parsed. A callback goes through these modules, and this is the
//! order to read them in:
//!
//! 1. `cli` and `commands::serve`: from the command line to a running bot. The flags and variables
//!    that commands share are in `commands::{args, secrets, bot_args, joke_args}`.
//! 2. `server`: the loop, and the match on method and path. `survival` has the two processes: the
//!    supervisor, and the worker around the loop.
//! 3. `exchange`: what `server` and `commands::cgi` share: reading a body, and a response.
//! 4. `callback`: one callback from its query and the body's length to the body of the answer.
//!    `wechat::query` reads the query, `wechat::signature` proves it to be WeChat's,
//!    `wechat::crypt` decrypts the body, `wechat::message` reads it by `wechat::xml`, and a repeat
//!    gets the answer that was kept.
//! 5. `bot`: decides what to do with the message, by `words`: say one of the owner's texts, say the
//!    text backwards (`reverse`), or tell a joke. The caller of `callback` supplies the joke, from
//!    `joke`: there `source`, `fetch` and `client` get a page, `formats` (`charset`; `json`, `xml`,
//!    `html`, `text`; `judge`) the jokes in it, and `deck` deals them.
//! 6. `wechat::reply`: the answer as XML.
//!
//! Beside them: `simulator` plays WeChat for `chat`, `say` and `doctor`; `translations` contains
//! what the program says to its owner, in each `language`; `network` explains why a connection
//! failed; `printable` makes foreign text safe to show; `access_log` words the line of each
//! request, `logger` writes it; `systemd` is told how the bot is doing; `entropy` reads the
//! system's random bytes. `wechat`, `callback`, `bot`, `words` and `reverse` open no socket and
//! read no clock, environment or randomness: time and random bytes are arguments.
//!
//! `pub` is what the program, the benches and the tests outside the crate need.

mod access_log;
mod bot;
pub mod callback;
pub mod cli;
mod commands;
mod entropy;
mod exchange;
pub mod joke;
mod language;
mod logger;
mod network;
mod printable;
pub mod reverse;
mod server;
mod simulator;
pub mod survival;
mod systemd;
mod translations;
pub mod wechat;
pub mod words;
