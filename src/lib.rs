//! A WeChat official-account bot: your words backwards, and a joke when asked.

pub mod joke;
