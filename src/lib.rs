//! A WeChat official-account bot: your words backwards, and a joke when asked.
//!
//! In scope: one account's callbacks (the handshake, messages, events, the passive replies to
//! them, in plaintext, compatible and secure mode), on one blocking loop, in one process that
//! stays alive by itself. Not in scope: the platform's API that needs an access token, media
//! replies, several accounts, a database.
//!
//! A call from WeChat walks down through these modules; the best order to read them in:
//!
//! 1. [`cli`] and `commands::serve`: from the command line to a running bot.
//! 2. [`server`]: the loop, and the match on method and path. What can go wrong between it and
//!    the network is [`survival`]'s.
//! 3. [`callback`]: one call from its query to the body of the answer. The query's fields are
//!    read by [`wechat::query`], proved by [`signature`]; the body is opened by [`crypt`] and read by
//!    [`wechat::message`]; a repeat is answered out of [`callback::recent`].
//! 4. [`bot`]: what to do with the message, and all that the bot says: words backwards by
//!    [`reverse`], jokes from [`joke`].
//! 5. [`wechat::reply`]: the answer as XML.
//!
//! Beside them: [`cgi`] is the other way into [`callback`], by the same steps (`exchange`); `simulator` plays the other side of the
//! talk for the commands that need one; [`access_log`] words the line for each request, [`logger`]
//! writes it; [`entropy`] has the system's random bytes. Everything from 3 to 5 but the fetching of
//! jokes opens no socket and reads no clock, environment or randomness: time and random bytes are
//! arguments.

mod access_log;
pub mod bot;
pub mod callback;
mod cgi;
pub mod cli;
mod commands;
pub mod entropy;
mod exchange;
pub mod joke;
mod logger;
mod printable;
pub mod reverse;
mod server;
mod simulator;
pub mod survival;
pub mod wechat;
