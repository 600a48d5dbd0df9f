//! What WeChat posts: XML to [`Message`].

mod xml;

use std::error::Error;
use std::fmt;
use std::str;

pub use self::xml::{Field, XmlError, agree, fields, find, is_xml_char, strict_fields};

/// One message or event; what is missing or empty is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The account.
    pub to_user_name: String,
    /// The user's OpenID.
    pub from_user_name: String,
    /// Unix seconds, where a number is given.
    pub create_time: Option<u64>,
    /// Kept as text: it has been seen beyond 64 bits, and as `MsgID`.
    pub msg_id: Option<String>,
    /// What the user did.
    pub kind: MessageKind,
}

/// The types that the platform names, with their own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the platform's, under its names"
)]
pub enum MessageKind {
    /// Words, and which entry of a menu in a message was chosen by them, if one was.
    Text {
        content: Option<String>,
        bizmsgmenuid: Option<String>,
    },
    /// A picture.
    Image {
        pic_url: Option<String>,
        media_id: Option<String>,
    },
    /// Speech, with what was recognized in it when the account has that switched on.
    Voice {
        media_id: Option<String>,
        format: Option<String>,
        recognition: Option<String>,
    },
    /// A film.
    Video {
        media_id: Option<String>,
        thumb_media_id: Option<String>,
    },
    /// A film made in the chat.
    ShortVideo {
        media_id: Option<String>,
        thumb_media_id: Option<String>,
    },
    /// A place on the map; the coordinates can be empty.
    Location {
        location_x: Option<String>,
        location_y: Option<String>,
        scale: Option<String>,
        label: Option<String>,
    },
    /// A page.
    Link {
        title: Option<String>,
        description: Option<String>,
        url: Option<String>,
    },
    /// Something other than a message, such as following the account.
    Event(Event),
    /// A type that the bot does not know.
    Unknown,
}

/// An event and the fields that several kinds of it have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the platform's, under its names"
)]
pub struct Event {
    /// The event's name, whose case differs: compare it without.
    pub event: String,
    pub event_key: Option<String>,
    pub ticket: Option<String>,
    pub latitude: Option<String>,
    pub longitude: Option<String>,
    pub precision: Option<String>,
}

impl Message {
    /// Reads a body that is not encrypted.
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        let xml = str::from_utf8(body).map_err(|_| MessageError::NotUtf8)?;
        Self::from_fields(&fields(xml)?)
    }

    /// Takes a message out of the children of its root.
    pub fn from_fields(fields: &[Field<'_>]) -> Result<Self, MessageError> {
        if find(fields, "MsgType").is_none() && find(fields, "Encrypt").is_some() {
            return Err(MessageError::Encrypted);
        }
        Ok(Self {
            to_user_name: required(fields, "ToUserName")?.to_owned(),
            from_user_name: required(fields, "FromUserName")?.to_owned(),
            create_time: find(fields, "CreateTime").and_then(|time| time.parse().ok()),
            msg_id: optional(fields, "MsgId").or_else(|| optional(fields, "MsgID")),
            kind: MessageKind::from_fields(required(fields, "MsgType")?, fields),
        })
    }
}

impl MessageKind {
    fn from_fields(msg_type: &str, fields: &[Field<'_>]) -> Self {
        let field = |name| optional(fields, name);
        match msg_type {
            "text" => Self::Text {
                content: field("Content"),
                bizmsgmenuid: field("bizmsgmenuid"),
            },
            "image" => Self::Image {
                pic_url: field("PicUrl"),
                media_id: field("MediaId"),
            },
            "voice" => Self::Voice {
                media_id: field("MediaId"),
                format: field("Format"),
                recognition: field("Recognition"),
            },
            "video" => Self::Video {
                media_id: field("MediaId"),
                thumb_media_id: field("ThumbMediaId"),
            },
            "shortvideo" => Self::ShortVideo {
                media_id: field("MediaId"),
                thumb_media_id: field("ThumbMediaId"),
            },
            "location" => Self::Location {
                location_x: field("Location_X"),
                location_y: field("Location_Y"),
                scale: field("Scale"),
                label: field("Label"),
            },
            "link" => Self::Link {
                title: field("Title"),
                description: field("Description"),
                url: field("Url"),
            },
            "event" => Event::from_fields(fields).map_or(Self::Unknown, Self::Event),
            _ => Self::Unknown,
        }
    }

    /// The `MsgType` in a word for the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::Voice { .. } => "voice",
            Self::Video { .. } => "video",
            Self::ShortVideo { .. } => "shortvideo",
            Self::Location { .. } => "location",
            Self::Link { .. } => "link",
            Self::Event(_) => "event",
            Self::Unknown => "unknown",
        }
    }
}

impl Event {
    fn from_fields(fields: &[Field<'_>]) -> Option<Self> {
        let field = |name| optional(fields, name);
        Some(Self {
            event: field("Event")?,
            event_key: field("EventKey"),
            ticket: field("Ticket"),
            latitude: field("Latitude"),
            longitude: field("Longitude"),
            precision: field("Precision"),
        })
    }
}

fn required<'f>(fields: &'f [Field<'_>], name: &'static str) -> Result<&'f str, MessageError> {
    filled(fields, name).ok_or(MessageError::Missing(name))
}

fn optional(fields: &[Field<'_>], name: &str) -> Option<String> {
    filled(fields, name).map(str::to_owned)
}

/// The text of the field, unless it is empty.
fn filled<'f>(fields: &'f [Field<'_>], name: &str) -> Option<&'f str> {
    find(fields, name).filter(|text| !text.is_empty())
}

/// Why a body is no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageError {
    /// The body is not text.
    NotUtf8,
    /// The body is not the XML that WeChat sends.
    Xml(XmlError),
    /// The named element is missing or empty.
    Missing(&'static str),
    /// There is nothing but an encrypted message, and this is where a plain one is read.
    Encrypted,
}

impl From<XmlError> for MessageError {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
            Self::Xml(error) => error.fmt(f),
            Self::Missing(name) => write!(f, "the body has no {name}"),
            Self::Encrypted => f.write_str(
                "the body is encrypted: set WECHAT_ENCODING_AES_KEY and WECHAT_APPID, \
                 or choose the plaintext mode at the platform",
            ),
        }
    }
}

impl Error for MessageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Xml(error) => Some(error),
            Self::NotUtf8 | Self::Missing(_) | Self::Encrypted => None,
        }
    }
}

#[cfg(test)]
mod tests;
