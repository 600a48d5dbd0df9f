//! The system's random bytes, for what reads no randomness itself.

use crate::{callback::Randomness, wechat::signature::Token};

/// What one encrypted reply must not share with another, unless the system gives none.
pub(crate) fn randomness() -> Option<Randomness> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let nonce = getrandom::u64().ok()?.to_string();
    Some(Randomness { bytes, nonce })
}

/// A Token for one run.
pub(crate) fn token() -> Result<Token, getrandom::Error> {
    let mut bytes = [0; _];
    getrandom::fill(&mut bytes)?;
    Ok(Token::random(bytes))
}
