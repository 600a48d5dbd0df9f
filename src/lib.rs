//! A WeChat official-account bot: your words backwards, and a joke when asked.

pub mod joke;

/// The commands besides `serve`.
pub mod commands {
    pub mod joke;
}
