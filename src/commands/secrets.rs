//! The account's secrets, which come from the environment only.

use std::{env, fmt::Display, str::FromStr, time::Duration};

use super::CommandError;
use crate::{
    callback::Account,
    entropy,
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

/// A variable that a command cannot work with. Never shows its value.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// Its value is refused.
    #[error("{variable} cannot be used: {expected}")]
    Invalid {
        variable: &'static str,
        expected: String,
    },
    /// It is needed and not set.
    #[error("{variable} is not set: {reason}")]
    Missing {
        variable: &'static str,
        reason: &'static str,
    },
    /// The system has no randomness to make a Token up with.
    #[error("no Token can be made up ({0}); set {TOKEN} to one")]
    NoRandomness(getrandom::Error),
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
    secret(TOKEN)?.ok_or_else(|| {
        missing(
            TOKEN,
            "set it to the Token that the bot has and that the platform's form has",
        )
    })
}

/// The Token from the environment, or else one that is made up.
pub(super) fn run_token() -> Result<RunToken, CommandError> {
    if let Some(token) = secret(TOKEN)? {
        return Ok(RunToken {
            token,
            made_up: false,
        });
    }
    let token = entropy::token().map_err(SecretError::NoRandomness);
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
        (Some(_), None) => {
            let reason = "WECHAT_ENCODING_AES_KEY is, and encryption needs both";
            return Err(missing(APP_ID, reason));
        }
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

/// The error of a variable that is needed and not set.
pub(super) fn missing(variable: &'static str, reason: &'static str) -> CommandError {
    CommandError::usage(SecretError::Missing { variable, reason })
}

/// A value from the environment that is never shown.
fn secret<T: FromStr<Err: Display>>(variable: &'static str) -> Result<Option<T>, CommandError> {
    let Some(value) = env::var_os(variable) else {
        return Ok(None);
    };
    // What is no text has a character then that no secret has.
    let parsed = value.to_string_lossy().parse();
    parsed.map(Some).map_err(|error: T::Err| {
        CommandError::usage(SecretError::Invalid {
            variable,
            expected: error.to_string(),
        })
    })
}
