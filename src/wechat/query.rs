//! The query of a callback: WeChat's fields, as the texts it signed.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// The longest `echostr`. WeChat's has 19 digits; the answer must fit into one write.
const MAX_ECHOSTR_BYTES: usize = 1_024;
/// The longest of the other fields. A signature has 40 bytes.
const MAX_TEXT_BYTES: usize = 128;

/// The fields that WeChat puts into the query, percent-decoded once; `+` stays `+`.
///
/// Fields of other names are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackQuery<'a> {
    /// Covers the Token, the timestamp and the nonce.
    pub signature: Cow<'a, str>,
    /// Unix seconds, kept as the text that was signed.
    pub timestamp: Cow<'a, str>,
    /// A number used once, kept as the text that was signed.
    pub nonce: Cow<'a, str>,
    /// `aes` when the body is encrypted.
    pub encrypt_type: Option<Cow<'a, str>>,
    /// Covers the Token, the timestamp, the nonce and the text in `<Encrypt>`.
    pub msg_signature: Option<Cow<'a, str>>,
    /// What a handshake wants back byte for byte, so it need not be text.
    pub echostr: Option<Cow<'a, [u8]>>,
}

impl<'a> CallbackQuery<'a> {
    /// Reads the part of a request's target that follows the `?`.
    pub fn parse(query: &'a str) -> Result<Self, QueryError> {
        let (mut signature, mut timestamp, mut nonce) = (None, None, None);
        let (mut encrypt_type, mut msg_signature, mut echostr) = (None, None, None);
        let mut start = 0;
        for end in memchr_iter(b'&', query.as_bytes()).chain([query.len()]) {
            let pair = query.get(start..end).unwrap_or_default();
            start = end + 1;
            let name_end = memchr(b'=', pair.as_bytes()).unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(name_end).unwrap_or_default();
            let value = value.strip_prefix('=').unwrap_or_default();
            match name {
                "signature" => set_text(&mut signature, "signature", value)?,
                "timestamp" => set_text(&mut timestamp, "timestamp", value)?,
                "nonce" => set_text(&mut nonce, "nonce", value)?,
                "encrypt_type" => set_text(&mut encrypt_type, "encrypt_type", value)?,
                "msg_signature" => set_text(&mut msg_signature, "msg_signature", value)?,
                "echostr" => {
                    let bytes = Cow::from(percent_decode_str(value));
                    set(&mut echostr, "echostr", bytes, MAX_ECHOSTR_BYTES)?;
                }
                _ => {}
            }
        }
        Ok(Self {
            signature: signature.ok_or(QueryError::Missing("signature"))?,
            timestamp: timestamp.ok_or(QueryError::Missing("timestamp"))?,
            nonce: nonce.ok_or(QueryError::Missing("nonce"))?,
            encrypt_type,
            msg_signature,
            echostr,
        })
    }
}

fn set_text<'a>(
    field: &mut Option<Cow<'a, str>>,
    name: &'static str,
    value: &'a str,
) -> Result<(), QueryError> {
    let text = if value.contains('%') {
        let decoded = percent_decode_str(value).decode_utf8();
        decoded.map_err(|_| QueryError::NotUtf8(name))?
    } else {
        value.into()
    };
    set(field, name, text, MAX_TEXT_BYTES)
}

/// Sets a field, and refuses a second value: the one that was checked and the one that is used
/// could differ.
fn set<'a, T: ToOwned + AsRef<[u8]> + ?Sized>(
    field: &mut Option<Cow<'a, T>>,
    name: &'static str,
    value: Cow<'a, T>,
    max_bytes: usize,
) -> Result<(), QueryError> {
    if (*value).as_ref().len() > max_bytes {
        return Err(QueryError::TooLong(name));
    }
    if field.is_some() {
        return Err(QueryError::Twice(name));
    }
    *field = Some(value);
    Ok(())
}

/// Why a query cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The named field is missing.
    #[error("the query has no {0}")]
    Missing(&'static str),
    /// The named field stands twice.
    #[error("the query has the field {0} twice")]
    Twice(&'static str),
    /// The named field is not text after percent-decoding.
    #[error("the query's field {0} is not UTF-8")]
    NotUtf8(&'static str),
    /// The named field is longer than WeChat's are.
    #[error("the query's field {0} is too long")]
    TooLong(&'static str),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_query_of_an_encrypted_message() {
        let query = "signature=97f0&timestamp=1469079992&nonce=337988175&openid=oX\
                     &encrypt_type=aes&msg_signature=c173";
        assert_eq!(
            CallbackQuery::parse(query),
            Ok(CallbackQuery {
                signature: "97f0".into(),
                timestamp: "1469079992".into(),
                nonce: "337988175".into(),
                encrypt_type: Some("aes".into()),
                msg_signature: Some("c173".into()),
                echostr: None,
            })
        );
    }

    /// Reads a query that has these fields beside what it must have.
    fn parse(fields: &str) -> Result<CallbackQuery<'static>, QueryError> {
        let query = format!("signature=s&timestamp=t&{fields}");
        let query = if query.contains("nonce") {
            query
        } else {
            query + "&nonce=n"
        };
        CallbackQuery::parse(query.leak())
    }

    #[test]
    fn decodes_percent_once_and_leaves_plus_alone() {
        let fields = parse("nonce=a%2541+b%26&msg_signature=%zz%").unwrap();
        assert_eq!(fields.nonce, "a%41+b&");
        assert_eq!(fields.msg_signature, Some("%zz%".into()));
    }

    #[test]
    fn hands_echostr_on_byte_for_byte() {
        let fields = parse("echostr=%ff%00+%E7%AC%91=1").unwrap();
        assert_eq!(
            fields.echostr.as_deref(),
            Some(b"\xff\0+\xe7\xac\x91=1".as_slice())
        );
    }

    #[test]
    fn tells_an_empty_field_from_a_missing_one() {
        let fields = CallbackQuery::parse("signature=&timestamp&nonce&&=").unwrap();
        assert_eq!((&*fields.signature, &*fields.nonce), ("", ""));
        for name in ["signature", "timestamp", "nonce"] {
            let query = "signature=s&timestamp=t&nonce=n".replace(name, "other");
            assert_eq!(CallbackQuery::parse(&query), Err(QueryError::Missing(name)));
        }
    }

    #[test]
    fn refuses_a_known_field_that_stands_twice() {
        let names = [
            "signature",
            "timestamp",
            "nonce",
            "encrypt_type",
            "msg_signature",
            "echostr",
        ];
        for name in names {
            let query = format!("{name}=1&a=2&{name}=1");
            assert_eq!(CallbackQuery::parse(&query), Err(QueryError::Twice(name)));
        }
        assert!(parse("a=1&a=2").is_ok());
    }

    #[test]
    fn refuses_a_field_that_is_longer_than_wechats() {
        for (name, longest) in [("nonce", 128), ("signature", 128), ("echostr", 1_024)] {
            let query = |length| format!("{name}={}", "%41".repeat(length));
            let others = ["signature", "timestamp", "nonce"]
                .into_iter()
                .filter(|other| *other != name);
            let others: String = others.flat_map(|other| ["&", other, "=1"]).collect();
            assert!(CallbackQuery::parse(&(query(longest) + &others)).is_ok());
            let too_long = Err(QueryError::TooLong(name));
            assert_eq!(CallbackQuery::parse(&query(longest + 1)), too_long);
        }
    }

    #[test]
    fn refuses_a_text_field_that_is_not_utf8() {
        assert_eq!(
            CallbackQuery::parse("nonce=%ff"),
            Err(QueryError::NotUtf8("nonce"))
        );
    }

    proptest! {
        #[test]
        fn an_encoded_value_comes_back_as_it_was(value in any::<Vec<u8>>(), nonce in ".{0,32}") {
            use percent_encoding::{NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
            let query = format!(
                "echostr={}&nonce={}",
                percent_encode(&value, NON_ALPHANUMERIC),
                utf8_percent_encode(&nonce, NON_ALPHANUMERIC),
            );
            let fields = parse(&query).unwrap();
            prop_assert_eq!(fields.echostr.as_deref(), Some(value.as_slice()));
            prop_assert_eq!(&*fields.nonce, nonce.as_str());
        }

        #[test]
        fn any_text_is_read_or_refused(query in ".*") {
            let _ = CallbackQuery::parse(&query);
        }
    }
}
