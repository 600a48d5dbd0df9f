//! A WeChat official-account bot: your words backwards, and a joke when asked.

pub mod bot;
pub mod callback;
pub mod crypt;
pub mod joke;
pub mod message;
pub mod query;
pub mod recent;
pub mod reply;
pub mod reverse;
pub mod signature;
pub mod wechat;
