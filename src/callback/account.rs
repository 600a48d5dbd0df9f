//! Reading and sealing bodies by the keys of an account.

use std::time::SystemTime;

use thiserror::Error;

use super::{Randomness, Rejection};
use crate::wechat::{
    AccountKeys,
    crypt::CryptError,
    message::Message,
    query::{CallbackQuery, QueryError},
    reply::encrypted_body,
    signature::{check_signature, sign},
    unix_seconds,
    xml::{self, XmlError},
};

/// With a key, messages that are not encrypted are refused.
impl AccountKeys {
    /// Reads the message in a body. With a key, only `<Encrypt>` counts, whose signature is checked
    /// before anything is made of it.
    pub(super) fn read_message(
        &self,
        query: &CallbackQuery<'_>,
        body: &[u8],
    ) -> Result<Message, Rejection> {
        let Some(crypt) = &self.crypt else {
            return Ok(Message::parse(body)?);
        };
        if query.encrypt_type.as_deref() != Some("aes") {
            return Err(EnvelopeError::EncryptType.into());
        }
        let (timestamp, nonce) = (&query.timestamp, &query.nonce);
        let msg_signature = query.msg_signature.as_deref();
        let msg_signature = msg_signature.ok_or(QueryError::Missing("msg_signature"))?;
        let message = xml::read(body, |fields| {
            let encrypt = fields.get("Encrypt")?.ok_or(EnvelopeError::NoEncrypt)?;
            let signed = [self.token.as_str(), timestamp, nonce, encrypt];
            if !check_signature(msg_signature, &signed) {
                return Err(EnvelopeError::MsgSignature);
            }
            Ok(crypt.decrypt(encrypt)?)
        })?;
        Ok(Message::parse(message.as_bytes())?)
    }

    /// The body that answers with a reply: with a key, in an envelope.
    pub(super) fn seal(
        &self,
        reply: String,
        now: SystemTime,
        random: impl FnOnce() -> Option<Randomness>,
    ) -> Result<String, Rejection> {
        let Some(crypt) = &self.crypt else {
            return Ok(reply);
        };
        let Randomness { bytes, nonce } = random().ok_or(Rejection::NoRandomness)?;
        let encrypt = crypt.encrypt(&reply, bytes);
        let timestamp = unix_seconds(now).to_string();
        let msg_signature = sign(&[self.token.as_str(), &timestamp, &nonce, &encrypt]);
        Ok(encrypted_body(&encrypt, &msg_signature, &timestamp, &nonce))
    }
}

/// Why there is no message to be had from a body, where the account has a key: for the log only.
///
/// A peer that could tell these apart could find out what a message says by sending changed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// The query does not say that the body is encrypted.
    #[error(
        "the query has no encrypt_type=aes, and WECHAT_ENCODING_AES_KEY is set: \
         choose the secure mode at the platform, or unset the key"
    )]
    EncryptType,
    /// The body is not WeChat's XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The body holds no encrypted message.
    #[error("the body has no Encrypt, and WECHAT_ENCODING_AES_KEY is set")]
    NoEncrypt,
    /// The `msg_signature` is not over this encrypted message.
    #[error("the msg_signature is wrong")]
    MsgSignature,
    /// The message cannot be decrypted.
    #[error(transparent)]
    Crypt(#[from] CryptError),
}
