//! The bot that the page talks to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use log::Level;

use crate::{
    access_log,
    commands::{CommandError, chat::Running},
    logger::Copies,
    simulator::{WeChat, url::BotUrl},
};

/// Longest wait for the bot's log line about a request, which is written after its answer.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// A bot and its address.
pub(in crate::commands::chat) struct Bot {
    pub(super) wechat: WeChat,
    url: BotUrl,
    own: Option<Own>,
}

/// A bot in this process, and what starting it again takes.
struct Own {
    start: Box<dyn Fn() -> Result<Running, CommandError>>,
    running: Running,
    words: Option<WordsFile>,
    log: &'static Copies,
}

/// The owner's file of words, and its time and length when it was read.
struct WordsFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Bot {
    /// Returns a bot that runs at this address.
    pub(in crate::commands::chat) fn elsewhere(url: BotUrl, wechat: WeChat) -> Self {
        let own = None;
        Self { wechat, url, own }
    }

    /// Starts a bot in this process, which [`Self::reload_words`] can start again.
    pub(in crate::commands::chat) fn start(
        wechat: WeChat,
        words: Option<PathBuf>,
        log: &'static Copies,
        start: impl Fn() -> Result<Running, CommandError> + 'static,
    ) -> Result<Self, CommandError> {
        // Looks at the file before it is read, so that a change during the reading is noticed.
        let words = words.map(WordsFile::new);
        let running = start()?;
        Ok(Self {
            wechat,
            url: running.url.clone(),
            own: Some(Own {
                start: Box::new(start),
                running,
                words,
                log,
            }),
        })
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    pub(super) fn url(&self) -> &BotUrl {
        &self.url
    }

    /// Starts the bot again if its file of words was saved, with new jokes and without its kept
    /// answers, and returns whether it did. On an error the running bot goes on, and the next call
    /// tries again.
    pub(super) fn reload_words(&mut self) -> Result<bool, CommandError> {
        let Some(own) = &mut self.own else {
            return Ok(false);
        };
        let Some(words) = &mut own.words else {
            return Ok(false);
        };
        let seen = look(&words.path);
        if seen == words.seen {
            return Ok(false);
        }
        own.running = (own.start)()?;
        words.seen = seen;
        self.url = own.running.url.clone();
        Ok(true)
    }

    /// Returns the lines logged since the last call, after a wait for the one about a request;
    /// `None` if the bot runs elsewhere.
    pub(super) fn log(&self) -> Option<Vec<String>> {
        let own = self.own.as_ref()?;
        let logs_requests = log::log_enabled!(target: access_log::TARGET, Level::Info);
        let patience = if logs_requests {
            LOG_PATIENCE
        } else {
            Duration::ZERO
        };
        Some(own.log.take(patience))
    }
}

impl WordsFile {
    fn new(path: PathBuf) -> Self {
        let seen = look(&path);
        Self { path, seen }
    }
}

/// Returns the time and length of a file.
fn look(path: &Path) -> Option<(SystemTime, u64)> {
    let file = fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}
