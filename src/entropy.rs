//! The system's random bytes, for what reads no randomness itself.

use crate::{callback::Randomness, wechat::signature::Token};

/// What one encrypted reply must not share with another.
pub(crate) fn randomness() -> Result<Randomness, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Randomness {
        bytes,
        nonce: getrandom::u64()?.to_string(),
    })
}

/// A Token for one run.
pub(crate) fn token() -> Result<Token, getrandom::Error> {
    let mut bytes = [0; _];
    getrandom::fill(&mut bytes)?;
    Ok(Token::random(bytes))
}
