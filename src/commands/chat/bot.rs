//! The bot of a talk: one that runs elsewhere, or one in this process.

use std::{
    fs, io, mem,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    thread,
    time::SystemTime,
};

use crate::{
    commands::{CommandError, bot_args::BotArgs, secrets},
    joke::JokeSettings,
    server::{Server, Service},
    simulator::{target::Target, url::BotUrl},
    survival::health::Health,
    wechat::AccountKeys,
};

pub(super) struct Bot {
    pub(super) target: Target,
    own: Option<Own>,
}

/// A bot in this process, and what starting it again takes.
struct Own {
    args: BotArgs,
    health: Arc<Health>,
    /// State of the owner's file of words when it was read.
    words: Option<FileState>,
}

/// Time and length of a file.
type FileState = (SystemTime, u64);

impl Bot {
    /// Returns the bot at this address, or starts one in this process.
    pub(super) fn open(url: Option<BotUrl>, args: BotArgs) -> Result<Self, CommandError> {
        if let Some(url) = url {
            let target = secrets::target(url)?;
            return Ok(Self { target, own: None });
        }
        let keys = secrets::keys_of(secrets::token_or_random()?.0)?;
        // Looks at the file before it is read, so that a change during the reading is noticed.
        let words = args.words_state();
        let (url, health) = args.serve(&keys)?;
        Ok(Self {
            target: Target { url, keys },
            own: Some(Own {
                args,
                health,
                words,
            }),
        })
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Starts the bot again if its file of words was saved, with new jokes and without its kept
    /// answers, and returns whether it did. On an error the running bot goes on, and the next call
    /// tries again.
    pub(super) fn reload_words(&mut self) -> Result<bool, CommandError> {
        let Some(own) = &mut self.own else {
            return Ok(false);
        };
        let words = own.args.words_state();
        if words == own.words {
            return Ok(false);
        }
        let (url, health) = own.args.serve(&self.target.keys)?;
        mem::replace(&mut own.health, health).leave(0);
        (self.target.url, own.words) = (url, words);
        Ok(true)
    }
}

impl BotArgs {
    fn words_state(&self) -> Option<FileState> {
        let file = fs::metadata(self.words.as_ref()?).ok()?;
        Some((file.modified().ok()?, file.len()))
    }

    /// Serves a bot with these settings, on a loopback port, until it is told to leave.
    fn serve(&self, keys: &AccountKeys) -> Result<(BotUrl, Arc<Health>), CommandError> {
        let (responder, jokes) = self.bot(keys.clone())?;
        let service = Service {
            paths: vec!["/".to_owned()],
            trust_proxy: false,
            responder,
        };
        serve(service, jokes).map_err(CommandError::failure)
    }
}

fn serve(service: Service, jokes: JokeSettings) -> io::Result<(BotUrl, Arc<Health>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/", listener.local_addr()?).parse();
    let url = url.map_err(io::Error::other)?;
    let health = Arc::<Health>::default();
    let mut server = Server::open(listener, service, jokes, Arc::clone(&health))?;
    thread::Builder::new()
        .name("bot".to_owned())
        .spawn(move || server.run())?;
    Ok((url, health))
}
