//! The account's side of the encryption modes: what an envelope holds, and the envelope around a reply.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::{Randomness, Rejection, required, unix_seconds};
use crate::wechat::crypt::{CryptError, MsgCrypt};
use crate::wechat::message::{Field, Message, XmlError, agree, fields, find};
use crate::wechat::query::CallbackQuery;
use crate::wechat::reply::encrypted_body;
use crate::wechat::signature::{Token, check_msg_signature, sign};

/// What the platform and the bot know about the account.
#[derive(Debug)]
pub struct Account {
    /// Signs every callback.
    pub token: Token,
    /// Encrypts messages; with it, those that are not encrypted are refused.
    pub crypt: Option<MsgCrypt>,
    /// How far a timestamp may be from now, either way; `None` or zero for any age.
    pub max_age: Option<Duration>,
}

impl Account {
    /// The message in a body, plain or encrypted as the account has it.
    pub(super) fn read(
        &self,
        query: &CallbackQuery<'_>,
        body: &[u8],
    ) -> Result<Message, Rejection> {
        let Some(crypt) = &self.crypt else {
            return Message::parse(body).map_err(Rejection::Message);
        };
        let envelope = str::from_utf8(body).map_err(|_| EnvelopeError::NotUtf8)?;
        let outer = fields(envelope).map_err(EnvelopeError::Xml)?;
        let message = self.open(crypt, query, &outer)?;
        let inner = fields(&message).map_err(|error| Rejection::Message(error.into()))?;
        if !agree(envelope, &outer, &inner) {
            return Err(EnvelopeError::Disagreement.into());
        }
        Message::from_fields(&inner).map_err(Rejection::Message)
    }

    /// The message in the envelope's `<Encrypt>`, whose signature is checked before anything is made of it.
    fn open(
        &self,
        crypt: &MsgCrypt,
        query: &CallbackQuery<'_>,
        envelope: &[Field<'_>],
    ) -> Result<String, Rejection> {
        if query.encrypt_type.as_deref() != Some("aes") {
            return Err(EnvelopeError::EncryptType.into());
        }
        let timestamp = required(query.timestamp.as_deref(), "timestamp")?;
        let nonce = required(query.nonce.as_deref(), "nonce")?;
        let msg_signature = required(query.msg_signature.as_deref(), "msg_signature")?;
        let encrypt = find(envelope, "Encrypt").ok_or(EnvelopeError::NoEncrypt)?;
        if !check_msg_signature(&self.token, timestamp, nonce, encrypt, msg_signature) {
            return Err(EnvelopeError::MsgSignature.into());
        }
        Ok(crypt.decrypt(encrypt).map_err(EnvelopeError::Crypt)?)
    }

    /// The envelope around a reply.
    pub(super) fn seal(
        &self,
        crypt: &MsgCrypt,
        reply: &str,
        now: SystemTime,
        random: &Randomness,
    ) -> String {
        let encrypt = crypt.encrypt(reply, random.bytes);
        let timestamp = unix_seconds(now);
        let signed = timestamp.to_string();
        let msg_signature = sign(&[self.token.as_str(), &signed, &random.nonce, &encrypt]);
        encrypted_body(&encrypt, &msg_signature, timestamp, &random.nonce)
    }
}

/// Why there is no message to be had from a body, where the account has a key: for the log only.
///
/// A peer that could tell these apart could find out what a message says by sending changed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The query does not say that the body is encrypted.
    EncryptType,
    /// The body is not text.
    NotUtf8,
    /// The body is not WeChat's XML.
    Xml(XmlError),
    /// The body holds no encrypted message.
    NoEncrypt,
    /// The `msg_signature` is not over this encrypted message.
    MsgSignature,
    /// The message cannot be decrypted.
    Crypt(CryptError),
    /// What stands around the encrypted message says other than the message.
    Disagreement,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncryptType => {
                "the query has no encrypt_type=aes, and WECHAT_ENCODING_AES_KEY is set: \
                 choose the secure mode at the platform, or unset the key"
            }
            Self::NotUtf8 => "the body is not UTF-8",
            Self::Xml(error) => return error.fmt(f),
            Self::NoEncrypt => "the body has no Encrypt, and WECHAT_ENCODING_AES_KEY is set",
            Self::MsgSignature => "the msg_signature is wrong",
            Self::Crypt(error) => return error.fmt(f),
            Self::Disagreement => "the body says other than the encrypted message in it",
        })
    }
}

impl Error for EnvelopeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Xml(error) => Some(error),
            Self::Crypt(error) => Some(error),
            _ => None,
        }
    }
}
