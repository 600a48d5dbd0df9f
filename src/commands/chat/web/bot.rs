//! The bot that the page talks to.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use log::Level;

use crate::{
    access_log,
    commands::{CommandError, chat::Running},
    logger::Copies,
    simulator::{WeChat, url::BotUrl},
};

/// The bot's line about a request is there that long after its answer, unless the machine is busy.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// A bot at its address.
pub(in crate::commands::chat) struct Bot {
    pub(super) wechat: WeChat,
    url: BotUrl,
    own: Option<Own>,
}

/// What there is beside it of a bot that was started for the page.
struct Own {
    start: Box<dyn Fn() -> Result<Running, CommandError>>,
    running: Running,
    words: Option<WordsFile>,
    log: &'static Copies,
}

/// The owner's words, and what the file was like when they were read.
struct WordsFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Bot {
    /// One that runs at this address.
    pub(in crate::commands::chat) fn elsewhere(url: BotUrl, wechat: WeChat) -> Self {
        let own = None;
        Self { wechat, url, own }
    }

    /// One that is started here, and again when the file of its words has changed.
    pub(in crate::commands::chat) fn start(
        wechat: WeChat,
        words: Option<PathBuf>,
        log: &'static Copies,
        start: impl Fn() -> Result<Running, CommandError> + 'static,
    ) -> Result<Self, CommandError> {
        // Looked at first: what changes while it is read is read again.
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

    /// Has the owner's words read again if their file was saved; what is wrong with it, if they
    /// cannot be used. Then those that were read before stay in force.
    pub(super) fn renew(&mut self) -> Option<CommandError> {
        let own = self.own.as_mut()?;
        if !own.words.as_mut()?.has_changed() {
            return None;
        }
        match (own.start)() {
            Ok(running) => {
                self.url = running.url.clone();
                own.running = running;
                None
            }
            Err(error) => Some(error),
        }
    }

    /// What the bot has logged since it was last asked, up to its line about a request; `None` of
    /// one that logs elsewhere.
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
        let mut file = Self { path, seen: None };
        file.has_changed();
        file
    }

    fn has_changed(&mut self) -> bool {
        let metadata = fs::metadata(&self.path).ok();
        let now = metadata.and_then(|file| Some((file.modified().ok()?, file.len())));
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}
