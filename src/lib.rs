//! A WeChat official-account bot: your words backwards, and a joke when asked.

pub mod access_log;
pub mod bot;
pub mod callback;
pub mod cli;
pub mod commands;
pub mod crypt;
pub mod entropy;
pub mod joke;
pub mod message;
pub mod query;
pub mod recent;
pub mod reply;
pub mod reverse;
pub mod server;
pub mod settings;
pub mod signature;
pub mod survival;
pub mod wechat;
