//! The account's secrets, from the environment or from files that it names.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{
    entropy,
    language::Localize,
    simulator::{target::Target, url::BotUrl},
    systemd,
    wechat::{
        AccountKeys,
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

/// Bytes read at most: no secret is longer, and the file may be something else.
const MAX_FILE_BYTES: u64 = 4096;

/// Error in a variable; never shows its value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// The value is refused.
    #[error("{variable} cannot be used: {expected}")]
    Invalid {
        variable: String,
        expected: Box<dyn Localize>,
    },
    #[error("WECHAT_TOKEN is not set: set it to the bot's Token, the one in the platform's form")]
    NoToken,
    #[error(
        "WECHAT_TOKEN is not set: the service's settings file needs a line WECHAT_TOKEN=…, without \
         export"
    )]
    NoTokenOfService,
    #[error("there is a variable named \"export {variable}\": write no export in a settings file")]
    Exported { variable: String },
    #[error(
        "{variable} cannot be used: a comment behind the value is part of it; put it on a line of its own"
    )]
    Commented { variable: String },
    #[error("{variable} cannot be used: there is whitespace in it")]
    Spaced { variable: String },
    #[error("WECHAT_APPID is not set: WECHAT_ENCODING_AES_KEY is, and encryption needs both")]
    NoAppId,
    #[error(
        "REQUEST_METHOD is not set: this command is run by a web server, which passes the request \
         in variables"
    )]
    NoRequest,
    #[error("no random Token can be made ({0}); set {TOKEN} to one")]
    NoRandomness(#[from] getrandom::Error),
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

/// Returns the error for a flag that does not exist because its value would be a secret.
pub(crate) fn on_command_line(flag: String) -> Option<EnvironmentError> {
    let variable = match flag.as_str() {
        "--token" | "--wechat-token" => TOKEN,
        "--aes-key" | "--encoding-aes-key" | "--key" => ENCODING_AES_KEY,
        "--appid" | "--app-id" => APP_ID,
        _ => return None,
    };
    Some(EnvironmentError::OnCommandLine { flag, variable })
}

/// Refuses what comes of a settings file that is written like a shell script: Docker takes `export
/// X=…` for a variable named `export X`, and it and systemd take a comment for a part of the value.
pub(crate) fn check_environment() -> Result<(), EnvironmentError> {
    for (name, value) in env::vars_os() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let variable = name.trim_start_matches("export ").to_owned();
        let is_ours = variable.starts_with("DAOXIAO_") || variable.starts_with("WECHAT_");
        // In a selector, an id begins so, too.
        let may_be_id = variable.starts_with("DAOXIAO_JOKE_");
        let is_comment = |word: &str| word == "#" || word.starts_with('#') && !may_be_id;
        if is_ours && variable != name {
            return Err(EnvironmentError::Exported { variable });
        }
        if is_ours && value.split_whitespace().skip(1).any(is_comment) {
            return Err(EnvironmentError::Commented { variable });
        }
    }
    Ok(())
}

/// Returns the Token from the environment, for a command that needs one.
pub(super) fn required_token() -> Result<Token, EnvironmentError> {
    secret(TOKEN)?.ok_or(EnvironmentError::NoToken)
}

/// Returns the Token that a bot runs with: from the environment, or else a random one; and whether
/// it is random.
pub(super) fn token_or_random() -> Result<(Token, bool), EnvironmentError> {
    match secret(TOKEN)? {
        Some(token) => Ok((token, false)),
        // A service has no terminal to show a random one, and the log is no place for a secret.
        None if env::var_os(systemd::NOTIFY_SOCKET).is_some() => {
            Err(EnvironmentError::NoTokenOfService)
        }
        None => Ok((entropy::token()?, true)),
    }
}

/// Returns the bot at this address, with the keys of the account in the environment.
pub(super) fn target(url: BotUrl) -> Result<Target, EnvironmentError> {
    let keys = keys()?;
    Ok(Target { url, keys })
}

/// Returns the keys of the account in the environment.
pub(super) fn keys() -> Result<AccountKeys, EnvironmentError> {
    keys_of(required_token()?)
}

/// Returns the keys of the account of a Token, with encryption if the environment has its key.
pub(super) fn keys_of(token: Token) -> Result<AccountKeys, EnvironmentError> {
    let key: Option<EncodingAesKey> = secret(ENCODING_AES_KEY)?;
    let app_id: Option<AppId> = secret(APP_ID)?;
    let crypt = match (key, app_id) {
        (Some(key), Some(app_id)) => Some(MsgCrypt::new(key, app_id)),
        (Some(_), None) => return Err(EnvironmentError::NoAppId),
        // An AppID without a key is no request for encryption.
        (None, _) => None,
    };
    Ok(AccountKeys { token, crypt })
}

/// Returns a value from the environment, or from a file that the environment names, as containers
/// and systemd pass secrets. Errors do not show it. An empty value is a mistake unless there is a
/// file: without its secret, a bot would have a random Token or no encryption.
fn secret<T: FromStr<Err: Localize + 'static>>(
    variable: &'static str,
) -> Result<Option<T>, EnvironmentError> {
    let file_variable = format!("{variable}_FILE");
    let file = env::var_os(&file_variable).filter(|path| !path.is_empty());
    let value = env::var_os(variable).filter(|value| !value.is_empty() || file.is_none());
    let (variable, text) = match (value, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(EnvironmentError::Twice { variable }),
        // Invalid UTF-8 becomes U+FFFD, which no secret contains.
        (Some(value), None) => (variable.to_owned(), value.to_string_lossy().into_owned()),
        (None, Some(path)) => match read(Path::new(&path)) {
            Ok(text) => (file_variable, text),
            Err(error) => {
                let (variable, path) = (file_variable, path.into());
                return Err(EnvironmentError::Unreadable {
                    variable,
                    path,
                    error,
                });
            }
        },
    };
    if text.contains(char::is_whitespace) {
        return Err(EnvironmentError::Spaced { variable });
    }
    let invalid = |error: T::Err| EnvironmentError::Invalid {
        variable,
        expected: Box::new(error),
    };
    text.parse().map(Some).map_err(invalid)
}

/// Reads a file, without the byte order mark at its beginning and the line break at its end.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let line = text.strip_suffix('\n').unwrap_or(text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
