//! The account's secrets, which come from the environment only.

use std::{env, fs, io, path::PathBuf, str::FromStr, time::Duration};

use super::CommandError;
use crate::{
    callback::Account,
    entropy,
    language::Say,
    simulator::WeChat,
    wechat::{
        crypt::{AppId, EncodingAesKey, MsgCrypt},
        signature::Token,
    },
};

/// The variable of the Token.
pub(super) const TOKEN: &str = "WECHAT_TOKEN";
/// The variable of the `EncodingAESKey`.
const ENCODING_AES_KEY: &str = "WECHAT_ENCODING_AES_KEY";
/// The variable of the AppID.
const APP_ID: &str = "WECHAT_APPID";

/// The variable of a service that is to tell its manager, such as systemd, when it is ready.
const SERVICE: &str = "NOTIFY_SOCKET";

/// A variable that a command cannot work with. Never shows its value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// Its value is refused.
    #[error("{variable} cannot be used: {expected}")]
    Invalid {
        variable: String,
        expected: Box<dyn Say>,
    },
    #[error(
        "WECHAT_TOKEN is not set: set it to the Token that the bot has and that the platform's \
         form has"
    )]
    NoToken,
    #[error(
        "WECHAT_TOKEN is not set: a service has it in its file of settings, as a line \
         WECHAT_TOKEN=… without export before it"
    )]
    NoTokenOfService,
    #[error(
        "a variable is named \"export {variable}\": a file of settings has no export before it"
    )]
    Exported { variable: &'static str },
    #[error("{variable} cannot be used: the comment behind the value is part of it; put it above")]
    Commented { variable: String },
    #[error("WECHAT_APPID is not set: WECHAT_ENCODING_AES_KEY is, and encryption needs both")]
    NoAppId,
    #[error(
        "REQUEST_METHOD is not set: a web server runs this command, and says in variables what it \
         was asked"
    )]
    NoRequest,
    /// The system has no randomness to make a Token up with.
    #[error("no Token can be made up ({0}); set {TOKEN} to one")]
    NoRandomness(getrandom::Error),
    #[error("{variable}: the file {} cannot be read: {error}", path.display())]
    Unreadable {
        variable: String,
        path: PathBuf,
        error: io::Error,
    },
    #[error("{variable} and {variable}_FILE are both set; set one of them")]
    Twice { variable: &'static str },
    #[error("{flag}: other programs can read a secret on the command line; set {variable} instead")]
    OnCommandLine {
        flag: String,
        variable: &'static str,
    },
}

/// Flags that somebody may try for a secret, and the variable that it has.
const FLAGS: [(&str, &str); 7] = [
    ("--token", TOKEN),
    ("--wechat-token", TOKEN),
    ("--aes-key", ENCODING_AES_KEY),
    ("--encoding-aes-key", ENCODING_AES_KEY),
    ("--key", ENCODING_AES_KEY),
    ("--appid", APP_ID),
    ("--app-id", APP_ID),
];

/// The error of a flag that does not exist because what it would have is a secret.
pub(crate) fn on_command_line(flag: &str) -> Option<EnvironmentError> {
    let (flag, variable) = FLAGS.into_iter().find(|(known, _)| *known == flag)?;
    Some(EnvironmentError::OnCommandLine {
        flag: flag.to_owned(),
        variable,
    })
}

/// The Token of a run.
#[derive(Clone, Debug)]
pub(super) struct RunToken {
    pub(super) token: Token,
    /// Whether it was made up because none is set.
    pub(super) made_up: bool,
}

/// The Token from the environment, for a command that cannot do without.
pub(super) fn required_token() -> Result<Token, CommandError> {
    secret(TOKEN)?.ok_or_else(|| CommandError::usage(EnvironmentError::NoToken))
}

/// The Token from the environment, or else one that is made up.
pub(super) fn run_token() -> Result<RunToken, CommandError> {
    if let Some(token) = secret(TOKEN)? {
        return Ok(RunToken {
            token,
            made_up: false,
        });
    }
    // Nobody would see it: the log is no place for a secret.
    if env::var_os(SERVICE).is_some() {
        return Err(CommandError::usage(EnvironmentError::NoTokenOfService));
    }
    let token = entropy::token().map_err(EnvironmentError::NoRandomness);
    Ok(RunToken {
        token: token.map_err(CommandError::usage)?,
        made_up: true,
    })
}

/// The account of a Token, with encryption if its key is in the environment. A `max_age` of zero
/// means any age.
pub(super) fn account(token: Token, max_age: Duration) -> Result<Account, CommandError> {
    let key: Option<EncodingAesKey> = secret(ENCODING_AES_KEY)?;
    let app_id: Option<AppId> = secret(APP_ID)?;
    let crypt = match (key, app_id) {
        (Some(key), Some(app_id)) => Some(MsgCrypt::new(key, app_id)),
        (Some(_), None) => return Err(CommandError::usage(EnvironmentError::NoAppId)),
        // An AppID without a key says nothing about encryption.
        (None, _) => None,
    };
    Ok(Account {
        token,
        crypt,
        max_age: (!max_age.is_zero()).then_some(max_age),
    })
}

/// What WeChat's server knows of the account.
pub(super) fn wechat() -> Result<WeChat, CommandError> {
    let account = account(required_token()?, Duration::ZERO)?;
    Ok(WeChat {
        token: account.token,
        crypt: account.crypt,
    })
}

/// A value from the environment, or from the file that the environment names, as containers and
/// systemd give secrets. It is never shown.
fn secret<T: FromStr<Err: Say + 'static>>(
    variable: &'static str,
) -> Result<Option<T>, CommandError> {
    // What reads a file of settings may take all before the = for a name.
    if env::var_os(format!("export {variable}")).is_some() {
        return Err(CommandError::usage(EnvironmentError::Exported { variable }));
    }
    let file_variable = format!("{variable}_FILE");
    let (name, text) = match (env::var_os(variable), env::var_os(&file_variable)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(CommandError::usage(EnvironmentError::Twice { variable }));
        }
        // What is no text has a character then that no secret has.
        (Some(value), None) => (variable.to_owned(), value.to_string_lossy().into_owned()),
        (None, Some(path)) => {
            let text = read(&file_variable, path.into()).map_err(CommandError::usage)?;
            (file_variable, text)
        }
    };
    if text.contains('#') {
        return Err(CommandError::usage(EnvironmentError::Commented {
            variable: name,
        }));
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|error: T::Err| {
        CommandError::usage(EnvironmentError::Invalid {
            variable: name,
            expected: Box::new(error),
        })
    })
}

/// The text of a file without the line break at its end.
fn read(variable: &str, path: PathBuf) -> Result<String, EnvironmentError> {
    match fs::read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
        }
        Err(error) => Err(EnvironmentError::Unreadable {
            variable: variable.to_owned(),
            path,
            error,
        }),
    }
}
