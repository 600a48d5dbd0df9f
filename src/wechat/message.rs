//! What WeChat posts: XML to [`Message`].

use thiserror::Error;

use crate::wechat::xml::{self, Fields, XmlError};

/// The longest name of a user or an account, of a type or an event. An OpenID has 28 bytes. A reply
/// repeats the names, and must fit into one write.
const MAX_NAME_BYTES: usize = 128;

/// Types of messages that have no words in them.
const WORDLESS: [&str; 5] = ["image", "video", "shortvideo", "location", "link"];

/// One message or event, as far as the bot cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The account.
    pub to_user_name: String,
    /// The user's OpenID.
    pub from_user_name: String,
    /// What the user did.
    pub kind: MessageKind,
    /// Tells it from other messages by all of its elements, also those that the bot reads no
    /// further. WeChat repeats a message unchanged.
    pub fingerprint: u64,
}

/// The types that the platform names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKind {
    /// Words, unless they are empty.
    Text(Option<String>),
    /// An image, video, shortvideo, location or link, by its `MsgType`.
    Wordless(&'static str),
    /// Speech, with the words that were recognized in it when the account has that switched on.
    Voice(Option<String>),
    /// Something other than a message, such as following the account.
    Event {
        /// The event's name, whose case differs: compare it without.
        name: String,
        /// The `EventKey`, such as that of a menu item.
        key: Option<String>,
    },
    /// A type that the bot does not know.
    Unknown,
}

impl Message {
    /// Reads a body that is not encrypted.
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        xml::read(body, Self::of)
    }

    fn of(fields: &Fields<'_>) -> Result<Self, MessageError> {
        if fields.get("MsgType")?.is_none() && fields.get("Encrypt")?.is_some() {
            return Err(MessageError::Encrypted);
        }
        Ok(Self {
            to_user_name: short_text(fields, "ToUserName")?.to_owned(),
            from_user_name: short_text(fields, "FromUserName")?.to_owned(),
            kind: MessageKind::of(fields)?,
            fingerprint: fields.fingerprint(),
        })
    }
}

impl MessageKind {
    fn of(fields: &Fields<'_>) -> Result<Self, MessageError> {
        let words = |name| fields.get(name).map(|text| text.map(str::to_owned));
        let msg_type = short_text(fields, "MsgType")?;
        Ok(match msg_type {
            "text" => Self::Text(words("Content")?),
            "voice" => Self::Voice(words("Recognition")?),
            "event" if fields.get("Event")?.is_some() => Self::Event {
                name: short_text(fields, "Event")?.to_owned(),
                key: words("EventKey")?,
            },
            _ => {
                let wordless = WORDLESS.into_iter().find(|known| *known == msg_type);
                wordless.map_or(Self::Unknown, Self::Wordless)
            }
        })
    }

    /// The `MsgType` in a word for the log.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Voice(_) => "voice",
            Self::Wordless(msg_type) => msg_type,
            Self::Event { .. } => "event",
            Self::Unknown => "unknown",
        }
    }
}

/// The text of an element that must be there.
fn short_text<'f>(fields: &'f Fields<'_>, name: &'static str) -> Result<&'f str, MessageError> {
    let text = fields.get(name)?.ok_or(MessageError::Missing(name))?;
    if text.len() > MAX_NAME_BYTES {
        return Err(MessageError::TooLong(name));
    }
    Ok(text)
}

/// Why a body is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The body is not the XML that WeChat sends.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The named element is missing or empty.
    #[error("the body has no {0}")]
    Missing(&'static str),
    /// The named element is longer than the platform's are.
    #[error("the body's {0} is longer than {MAX_NAME_BYTES} bytes")]
    TooLong(&'static str),
    /// There is nothing but an encrypted message, and this is where a plain one is read.
    #[error(
        "the body is encrypted: set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, \
         or choose the plaintext mode at the platform"
    )]
    Encrypted,
}

#[cfg(test)]
mod tests;
