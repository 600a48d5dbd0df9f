//! The signatures by which WeChat proves that a callback is its own.

use std::{fmt, str::FromStr};

use sha1_smol::Sha1;
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::is_alphanumeric;

/// Whether a signature covers these parts, all taken as the texts received: the Token, the
/// timestamp, the nonce, and for `msg_signature` the text in `<Encrypt>`.
///
/// Compares in constant time: how long a refusal takes must not tell how much of a guess was right.
#[must_use]
pub fn check_signature<const N: usize>(signature: &str, parts: &[&str; N]) -> bool {
    sha1_hex(parts).ct_eq(signature.as_bytes()).into()
}

/// The parts sorted bytewise and joined, as lower-case hexadecimal SHA-1.
#[must_use]
pub fn sign<const N: usize>(parts: &[&str; N]) -> String {
    sha1_hex(parts).map(char::from).iter().collect()
}

fn sha1_hex<const N: usize>(parts: &[&str; N]) -> [u8; 40] {
    let mut parts = *parts;
    parts.sort_unstable();
    let mut sha1 = Sha1::new();
    for part in parts {
        sha1.update(part.as_bytes());
    }
    // What the library writes takes half as long again as the check of a query.
    let mut digits = [0; 40];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(sha1.digest().bytes()) {
        pair.copy_from_slice(&[byte >> 4, byte & 0xf].map(hexadecimal));
    }
    digits
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'a' + (digit - 10),
    }
}

/// The secret that the account's owner typed into the platform: 3 to 32 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A made-up Token is as long as this: 20 letters and digits are 119 bits.
const RANDOM_TOKEN_LENGTH: usize = 20;

impl Token {
    /// Makes a Token out of random bytes, one character of each.
    ///
    /// 256 is no multiple of 62, so eight characters are a little more likely; that costs less than
    /// a bit.
    #[must_use]
    pub fn random(bytes: [u8; RANDOM_TOKEN_LENGTH]) -> Self {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letters = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
        Self(letters.map(|letter| char::from(*letter)).collect())
    }

    /// The Token as it is signed; it must never reach a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        is_alphanumeric(text, 3..=32)
            .then(|| Self(text.to_owned()))
            .ok_or(TokenError)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The text is no Token; it is not repeated here, since it may be a mistyped secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a Token is 3 to 32 characters of A-Z, a-z and 0-9")]
pub struct TokenError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn token(text: &str) -> Token {
        text.parse().unwrap()
    }

    #[test]
    fn agrees_with_the_vectors_of_the_public_sdks() {
        let file: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/signatures.json")).unwrap();
        for vector in file["vectors"].as_array().unwrap() {
            let parts: Vec<&str> = match &vector["parts"] {
                Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
                parts => parts
                    .as_object()
                    .unwrap()
                    .values()
                    .filter_map(Value::as_str)
                    .collect(),
            };
            let signature = match parts[..] {
                [a, b, c] => sign(&[a, b, c]),
                [a, b, c, d] => sign(&[a, b, c, d]),
                _ => panic!("{parts:?}"),
            };
            let is_valid = signature == vector["signature"].as_str().unwrap();
            assert_eq!(
                Some(is_valid),
                vector["valid"].as_bool(),
                "{}",
                vector["id"]
            );
        }
    }

    #[test]
    fn accepts_only_the_signature_over_these_texts() {
        let signature = "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff";
        let check = |token: &str, timestamp: &str, nonce: &str, signature: &str| {
            check_signature(signature, &[token, timestamp, nonce])
        };
        assert!(check("test", "1410685589", "test", signature));
        assert!(!check("test", "01410685589", "test", signature));
        assert!(!check("test", "1410685589", "tesT", signature));
        assert!(!check("tesu", "1410685589", "test", signature));
        let upper = signature.to_uppercase();
        assert!(!check("test", "1410685589", "test", &upper));
        let short = signature.get(..39).unwrap();
        assert!(!check("test", "1410685589", "test", short));
        assert!(!check("test", "1410685589", "test", ""));
    }

    #[test]
    fn a_msg_signature_covers_the_encrypted_text_too() {
        let signature = sign(&["pamtest", "1458300676", "260774613", "rTNF=="]);
        let check =
            |encrypt| check_signature(&signature, &["pamtest", "1458300676", "260774613", encrypt]);
        assert!(check("rTNF=="));
        assert!(!check("rTNF="));
        assert!(!check(""));
    }

    #[test]
    fn sorts_by_bytes() {
        assert_eq!(sign(&["b", "B", "1"]), sign(&["1", "B", "b"]));
        assert_eq!(sign(&["b", "B", "1"]), Sha1::from("1Bb").hexdigest());
        assert_eq!(sign(&["10", "9"]), Sha1::from("109").hexdigest());
    }

    #[test]
    fn a_token_is_3_to_32_letters_and_digits() {
        for right in ["abc", "A1z", "a".repeat(32).as_str()] {
            assert_eq!(token(right).as_str(), right);
        }
        for wrong in [
            "",
            "ab",
            "a b",
            "abc\n",
            "ab-c",
            "笑话笑话",
            "a".repeat(33).as_str(),
        ] {
            assert_eq!(wrong.parse::<Token>(), Err(TokenError), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_never_shows_itself() {
        assert_eq!(format!("{:?}", token("secret")), "Token(…)");
    }

    #[test]
    fn a_random_token_is_20_letters_and_digits() {
        let mut bytes = [0; RANDOM_TOKEN_LENGTH];
        for (byte, value) in bytes.iter_mut().zip([0, 25, 26, 51, 52, 61, 62, 255]) {
            *byte = value;
        }
        assert_eq!(Token::random(bytes).as_str(), "AZaz09AHAAAAAAAAAAAA");
    }

    proptest! {
        #[test]
        fn any_random_bytes_make_a_token(bytes: [u8; RANDOM_TOKEN_LENGTH]) {
            let made_up = Token::random(bytes);
            prop_assert_eq!(made_up.as_str().parse::<Token>(), Ok(made_up.clone()));
        }
    }
}
