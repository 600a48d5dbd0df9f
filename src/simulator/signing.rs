//! The steps by which a request is signed, for people to see.

use url::form_urlencoded;

use super::{SignedRequest, field};
use crate::wechat::{AccountKeys, signature::sign, xml::read_strictly};

/// One signature of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signing {
    /// Name of the query's field with the signature.
    pub(crate) name: &'static str,
    /// Names and texts of the signed parts, in the order in which they are joined.
    pub(crate) parts: Vec<(&'static str, String)>,
    /// Signature made with the account's Token.
    pub(crate) right: String,
    /// Signature in the query.
    pub(crate) given: String,
}

impl AccountKeys {
    /// Returns the signatures of a request.
    pub(crate) fn signings(&self, request: &SignedRequest) -> Vec<Signing> {
        let query = query_fields(&request.query);
        let value = |name| field(&query, name).unwrap_or_default();
        let body = request.body.as_deref().map(read_strictly);
        let body = body.and_then(Result::ok).unwrap_or_default();
        let token = ("Token", self.token.as_str());
        let [timestamp, nonce] = ["timestamp", "nonce"].map(|name| (name, value(name)));
        let signature = value("signature");
        let mut signings = vec![signing("signature", signature, [token, timestamp, nonce])];
        if let Some(encrypt) = field(&body, "Encrypt") {
            let parts = [token, timestamp, nonce, ("Encrypt", encrypt)];
            signings.push(signing("msg_signature", value("msg_signature"), parts));
        }
        signings
    }
}

fn signing<const N: usize>(
    name: &'static str,
    given: &str,
    mut parts: [(&'static str, &str); N],
) -> Signing {
    parts.sort_unstable_by_key(|(_, text)| *text);
    Signing {
        name,
        parts: parts.map(|(name, text)| (name, text.to_owned())).to_vec(),
        right: sign(&parts.map(|(_, text)| text)),
        given: given.to_owned(),
    }
}

/// Returns the fields of a query, decoded.
pub(crate) fn query_fields(query: &str) -> Vec<(String, String)> {
    let fields = form_urlencoded::parse(query.as_bytes());
    fields.into_owned().collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{
        simulator::{Push, Stamp, UserAction},
        wechat::crypt::MsgCrypt,
    };

    fn stamp() -> Stamp {
        Stamp::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000), 42)
    }

    fn plain(token: &str) -> AccountKeys {
        AccountKeys {
            token: token.parse().unwrap(),
            crypt: None,
        }
    }

    #[test]
    fn three_strings_are_sorted_and_hashed() {
        let keys = plain("testtoken");
        let call = keys.verification(&stamp(), "1");
        let signature = "9c0a6be3b285fa6a347ea3c22ba94bf205b123dd";
        let parts = [
            ("timestamp", "1700000000"),
            ("nonce", "42"),
            ("Token", "testtoken"),
        ];
        assert_eq!(
            keys.signings(&call),
            [Signing {
                name: "signature",
                parts: parts.map(|(name, text)| (name, text.to_owned())).to_vec(),
                right: signature.to_owned(),
                given: signature.to_owned(),
            }]
        );
    }

    #[test]
    fn a_forged_signature_is_not_the_right_one() {
        let call = plain("othertoken").verification(&stamp(), "1");
        let signings = plain("testtoken").signings(&call);
        assert_ne!(signings[0].given, signings[0].right);
        assert_eq!(
            signings[0].given,
            plain("othertoken").signings(&call)[0].right
        );
    }

    #[test]
    fn an_encrypted_message_is_signed_too() {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let app_id = "wx1234567890abcdef".parse().unwrap();
        let keys = AccountKeys {
            crypt: Some(MsgCrypt::new(key.parse().unwrap(), app_id)),
            ..plain("testtoken")
        };
        let push = Push {
            user: "o".to_owned(),
            create_time: 1,
            msg_id: 1,
            action: UserAction::Image,
        };
        let signings = keys.signings(&keys.push(&stamp(), &push, [0; 16]));
        let names: Vec<&str> = signings.iter().map(|signing| signing.name).collect();
        assert_eq!(names, ["signature", "msg_signature"]);
        assert_eq!(signings[1].parts.len(), 4);
        for signing in signings {
            assert_eq!(signing.given, signing.right);
        }
    }

    #[test]
    fn a_query_is_shown_decoded() {
        let fields = query_fields("a=b%20c&echostr=%E7%AC%91&d");
        let expected = [("a", "b c"), ("echostr", "笑"), ("d", "")];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
