//! WeChat's side of a conversation: the requests that its server sends, and the reading of answers.
//!
//! `chat`, `say`, `sign` and `doctor` play WeChat with it. `http` sends the requests, `target`
//! supplies time and nonces; the rest is pure.

pub(crate) mod answer;
pub(crate) mod http;
pub(crate) mod target;
mod tls;
pub(crate) mod url;

use std::time::SystemTime;

use ::url::form_urlencoded;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    printable::printable_lines,
    wechat::{
        AccountKeys,
        crypt::CryptError,
        reply::{MAX_CONTENT_BYTES, SUCCESS, push_element},
        signature::{Token, check_signature, sign},
        unix_seconds,
        xml::{XmlError, read_strictly},
    },
};

/// Official account that messages are addressed to, in the form of the platform's names.
pub(crate) const ACCOUNT: &str = "gh_daoxiao";

/// Made-up URL of the picture in a message, and made-up id by which its media would be fetched.
const PICTURE: &str = "http://mmbiz.qpic.cn/mmbiz_jpg/daoxiao/0";
const MEDIA: &str = "daoxiao_media_id";

/// Place in a location message: the middle of Shanghai.
const PLACE: &str =
    "<Location_X>31.2304</Location_X><Location_Y>121.4737</Location_Y><Scale>15</Scale>";

/// Characters escaped in a query: all but letters, digits, and `-` and `_`, which an OpenID has.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Time and nonce of one request, as the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    timestamp: String,
    nonce: String,
}

/// One message or event of a user on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// The user's OpenID.
    pub(crate) user: String,
    /// Time of sending, in Unix seconds.
    pub(crate) create_time: u64,
    /// MsgId; not sent for an event.
    pub(crate) msg_id: u64,
    pub(crate) action: UserAction,
}

/// A user's words or action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserAction {
    /// Typed words.
    Text(String),
    /// A picture.
    Image,
    /// Spoken words, as WeChat recognized them; `None` if speech recognition is off.
    Voice(Option<String>),
    /// A place, by its name.
    Location(String),
    /// Something done, such as `subscribe`, or `CLICK` with the menu item's key.
    Event {
        /// Name as the platform writes it.
        name: String,
        /// EventKey; may be empty.
        key: String,
    },
}

/// A request of WeChat's server: `GET` without a body, otherwise `POST`. The default is a `GET`
/// with an empty query, which is not signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignedRequest {
    /// The URL's part after the `?`.
    pub(crate) query: String,
    /// XML of a message.
    pub(crate) body: Option<String>,
}

/// A server's answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BotReply {
    /// `success` or an empty body: received, without a reply.
    Acknowledged,
    Passive(PassiveReply),
}

/// A passive reply, decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassiveReply {
    /// True if it came encrypted.
    pub(crate) encrypted: bool,
    /// XML as received, or as decrypted.
    pub(crate) xml: String,
    fields: Vec<(String, String)>,
}

/// Error in an answer that should be a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplyError {
    #[error("the reply isn't UTF-8")]
    NotUtf8,
    #[error("the reply isn't valid XML: {0}")]
    NotXml(#[from] XmlError),
    #[error("the reply is encrypted, but there is no key here")]
    KeyMissing,
    #[error("the encrypted reply has no {0}")]
    Missing(&'static str),
    #[error("the reply's MsgSignature is wrong")]
    MsgSignature,
    #[error("the reply can't be decrypted: {0}")]
    Crypt(#[from] CryptError),
}

impl Stamp {
    /// Writes the time as Unix seconds and the nonce in decimal digits, as WeChat does.
    pub(crate) fn new(now: SystemTime, nonce: u32) -> Self {
        Self {
            timestamp: unix_seconds(now).to_string(),
            nonce: nonce.to_string(),
        }
    }

    /// Returns `signature=…&timestamp=…&nonce=…`.
    pub(crate) fn signed_query(&self, token: &Token) -> String {
        let Self { timestamp, nonce } = self;
        let signature = sign(&[token.as_str(), timestamp, nonce]);
        format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
    }
}

impl AccountKeys {
    /// Builds the request that verifies a URL; a good server answers with `echostr`.
    pub(crate) fn verification(&self, stamp: &Stamp, echostr: &str) -> SignedRequest {
        let echostr = utf8_percent_encode(echostr, QUERY);
        SignedRequest {
            query: format!("{}&echostr={echostr}", stamp.signed_query(&self.token)),
            body: None,
        }
    }

    /// Builds the request that delivers a message, encrypted if there is a key.
    pub(crate) fn push(&self, stamp: &Stamp, push: &Push, random: [u8; 16]) -> SignedRequest {
        let user = utf8_percent_encode(&push.user, QUERY);
        let mut query = format!("{}&openid={user}", stamp.signed_query(&self.token));
        let mut body = push.to_xml();
        if let Some(crypt) = &self.crypt {
            let encrypt = crypt.encrypt(&body, random);
            let Stamp { timestamp, nonce } = stamp;
            let msg_signature = sign(&[self.token.as_str(), timestamp, nonce, &encrypt]);
            query = format!("{query}&encrypt_type=aes&msg_signature={msg_signature}");
            let (account, encrypt) = (element("ToUserName", ACCOUNT), element("Encrypt", &encrypt));
            body = format!("<xml>{account}{encrypt}</xml>");
        }
        let body = Some(body);
        SignedRequest { query, body }
    }

    /// Reads the body of the answer to a message.
    pub(crate) fn read_reply(&self, body: &[u8]) -> Result<BotReply, ReplyError> {
        let bare = body.trim_ascii();
        if bare.is_empty() || bare == SUCCESS.as_bytes() {
            return Ok(BotReply::Acknowledged);
        }
        let text = str::from_utf8(bare).map_err(|_| ReplyError::NotUtf8)?;
        let mut reply = PassiveReply::parse(text.to_owned(), false)?;
        if reply.field("Encrypt").is_some() {
            reply = PassiveReply::parse(self.open(&reply)?, true)?;
        }
        Ok(BotReply::Passive(reply))
    }

    fn open(&self, envelope: &PassiveReply) -> Result<String, ReplyError> {
        let crypt = self.crypt.as_ref().ok_or(ReplyError::KeyMissing)?;
        let part = |name| envelope.field(name).ok_or(ReplyError::Missing(name));
        let encrypt = part("Encrypt")?;
        let (timestamp, nonce) = (part("TimeStamp")?, part("Nonce")?);
        let signature = part("MsgSignature")?;
        if !check_signature(signature, &[self.token.as_str(), timestamp, nonce, encrypt]) {
            return Err(ReplyError::MsgSignature);
        }
        Ok(crypt.decrypt(encrypt)?)
    }
}

impl Push {
    /// Returns the message as the platform writes it, before any encryption.
    pub(crate) fn to_xml(&self) -> String {
        let media = element("MediaId", MEDIA);
        let (msg_type, elements) = match &self.action {
            UserAction::Text(text) => ("text", element("Content", text)),
            UserAction::Image => ("image", element("PicUrl", PICTURE) + &media),
            UserAction::Voice(words) => {
                let recognition = words.as_deref().map(|words| element("Recognition", words));
                let format = element("Format", "amr");
                ("voice", media + &format + &recognition.unwrap_or_default())
            }
            UserAction::Location(label) => {
                ("location", PLACE.to_owned() + &element("Label", label))
            }
            UserAction::Event { name, key } => {
                ("event", element("Event", name) + &element("EventKey", key))
            }
        };
        let id = match self.action {
            UserAction::Event { .. } => String::new(),
            _ => format!("<MsgId>{}</MsgId>", self.msg_id),
        };
        format!(
            "<xml>{}{}<CreateTime>{}</CreateTime>{}{elements}{id}</xml>",
            element("ToUserName", ACCOUNT),
            element("FromUserName", &self.user),
            self.create_time,
            element("MsgType", msg_type),
        )
    }
}

fn element(name: &str, text: &str) -> String {
    let mut xml = String::new();
    push_element(&mut xml, name, text);
    xml
}

impl PassiveReply {
    fn parse(xml: String, encrypted: bool) -> Result<Self, XmlError> {
        let fields = read_strictly(&xml)?;
        Ok(Self {
            encrypted,
            xml,
            fields,
        })
    }

    /// Returns [`Self::text`], escaped for a terminal.
    pub(crate) fn printable_text(&self) -> String {
        printable_lines(&self.text(), MAX_CONTENT_BYTES)
    }

    /// Returns the text that the user reads; if the reply is no text, its type, such as `[image]`.
    pub(crate) fn text(&self) -> String {
        match (self.field("Content"), self.field("MsgType")) {
            (Some(content), _) => content.to_owned(),
            (None, kind) => format!("[{}]", kind.unwrap_or_default()),
        }
    }

    /// Returns whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the text of an element.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }
}

/// Returns the fields of a query, decoded.
pub(crate) fn query_fields(query: &str) -> Vec<(String, String)> {
    let fields = form_urlencoded::parse(query.as_bytes());
    fields.into_owned().collect()
}

/// Returns the text of the first field of that name.
pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(found, _)| found == name);
    found.map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wechat::crypt::MsgCrypt;

    /// Ends in bits that the key does not use, as real keys do.
    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn plain() -> AccountKeys {
        AccountKeys {
            token: "testtoken".parse().unwrap(),
            crypt: None,
        }
    }

    fn secure() -> AccountKeys {
        let app_id = "wx1234567890abcdef".parse().unwrap();
        AccountKeys {
            crypt: Some(MsgCrypt::new(KEY.parse().unwrap(), app_id)),
            ..plain()
        }
    }

    fn stamp() -> Stamp {
        Stamp::new(
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            42,
        )
    }

    fn text(text: &str) -> Push {
        Push {
            user: "o_User-1".to_owned(),
            create_time: 1_700_000_000,
            msg_id: 7,
            action: UserAction::Text(text.to_owned()),
        }
    }

    fn reply(heard: &BotReply) -> &PassiveReply {
        match heard {
            BotReply::Passive(reply) => reply,
            BotReply::Acknowledged => panic!("no reply"),
        }
    }

    #[test]
    fn a_query_is_signed_with_time_and_nonce() {
        assert_eq!(
            stamp().signed_query(&plain().token),
            "signature=9c0a6be3b285fa6a347ea3c22ba94bf205b123dd&timestamp=1700000000&nonce=42"
        );
    }

    #[test]
    fn a_verification_carries_its_echostr_escaped() {
        let call = plain().verification(&stamp(), "a b+&笑");
        let (_, echostr) = call.query.rsplit_once('&').unwrap();
        assert_eq!(echostr, "echostr=a%20b%2B%26%E7%AC%91");
        assert_eq!(call.body, None);
    }

    #[test]
    fn a_text_is_the_platforms_xml() {
        let call = plain().push(&stamp(), &text("1 < ]]>"), [0; 16]);
        assert_eq!(
            call.body.unwrap(),
            "<xml><ToUserName><![CDATA[gh_daoxiao]]></ToUserName>\
             <FromUserName><![CDATA[o_User-1]]></FromUserName>\
             <CreateTime>1700000000</CreateTime>\
             <MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[1 < ]]]]><![CDATA[>]]></Content>\
             <MsgId>7</MsgId></xml>"
        );
        assert!(call.query.ends_with("&nonce=42&openid=o_User-1"));
    }

    #[test]
    fn what_is_no_text_has_the_platforms_elements() {
        let xml = |action| {
            let push = Push { action, ..text("") };
            let xml = push.to_xml();
            let (_, said) = xml.split_once("</CreateTime>").unwrap();
            said.to_owned()
        };
        assert_eq!(
            xml(UserAction::Image),
            "<MsgType><![CDATA[image]]></MsgType>\
             <PicUrl><![CDATA[http://mmbiz.qpic.cn/mmbiz_jpg/daoxiao/0]]></PicUrl>\
             <MediaId><![CDATA[daoxiao_media_id]]></MediaId><MsgId>7</MsgId></xml>"
        );
        let voice = "<MsgType><![CDATA[voice]]></MsgType>\
                     <MediaId><![CDATA[daoxiao_media_id]]></MediaId>\
                     <Format><![CDATA[amr]]></Format>";
        assert_eq!(
            xml(UserAction::Voice(None)),
            format!("{voice}<MsgId>7</MsgId></xml>")
        );
        assert_eq!(
            xml(UserAction::Voice(Some("你好".to_owned()))),
            format!("{voice}<Recognition><![CDATA[你好]]></Recognition><MsgId>7</MsgId></xml>")
        );
        assert_eq!(
            xml(UserAction::Location("广场".to_owned())),
            "<MsgType><![CDATA[location]]></MsgType><Location_X>31.2304</Location_X>\
             <Location_Y>121.4737</Location_Y><Scale>15</Scale>\
             <Label><![CDATA[广场]]></Label><MsgId>7</MsgId></xml>"
        );
    }

    #[test]
    fn an_event_has_its_key_and_no_id() {
        let push = Push {
            action: UserAction::Event {
                name: "CLICK".to_owned(),
                key: "笑话".to_owned(),
            },
            ..text("")
        };
        let body = plain().push(&stamp(), &push, [0; 16]).body.unwrap();
        let said = "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[CLICK]]></Event>\
                    <EventKey><![CDATA[笑话]]></EventKey></xml>";
        assert!(body.ends_with(said), "{body}");
    }

    #[test]
    fn with_a_key_nothing_but_the_account_is_legible() {
        let call = secure().push(&stamp(), &text("秘密"), [9; 16]);
        assert!(call.query.contains("&encrypt_type=aes&msg_signature="));
        let body = call.body.unwrap();
        let fields = read_strictly(&body).unwrap();
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ToUserName", "Encrypt"]);
        let crypt = secure().crypt.unwrap();
        let message = crypt.decrypt(field(&fields, "Encrypt").unwrap()).unwrap();
        assert!(message.contains("<Content><![CDATA[秘密]]></Content>"));
    }

    #[test]
    fn a_query_is_read_decoded() {
        let fields = query_fields("a=b%20c&echostr=%E7%AC%91&d");
        let expected = [("a", "b c"), ("echostr", "笑"), ("d", "")];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn success_and_nothing_are_no_reply() {
        for body in ["", "success", " success\n"] {
            assert_eq!(
                plain().read_reply(body.as_bytes()),
                Ok(BotReply::Acknowledged)
            );
        }
    }

    #[test]
    fn a_plain_reply_is_read_in_either_mode() {
        let body =
            "<xml><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[ a]]></Content></xml>";
        for keys in [plain(), secure()] {
            let heard = keys.read_reply(body.as_bytes()).unwrap();
            let reply = reply(&heard);
            assert_eq!(
                (reply.printable_text().as_str(), reply.encrypted),
                (" a", false)
            );
        }
    }

    #[test]
    fn a_reply_without_text_is_told_by_its_type() {
        let heard = plain()
            .read_reply(b"<xml><MsgType>image</MsgType></xml>")
            .unwrap();
        assert_eq!(reply(&heard).printable_text(), "[image]");
    }

    #[test]
    fn an_encrypted_reply_is_opened_if_all_of_it_is_right() {
        let crypt = secure().crypt.unwrap();
        let encrypt = crypt.encrypt("<xml><Content>a</Content></xml>", [1; 16]);
        let signature = sign(&["testtoken", "1", "2", &encrypt]);
        let encrypted = element("Encrypt", &encrypt);
        let envelope = |signature: &str| {
            let signature = element("MsgSignature", signature);
            format!("<xml>{encrypted}{signature}<TimeStamp>1</TimeStamp><Nonce>2</Nonce></xml>")
        };
        let heard = secure()
            .read_reply(envelope(&signature).as_bytes())
            .unwrap();
        let opened = reply(&heard);
        assert_eq!(
            (opened.printable_text().as_str(), opened.encrypted),
            ("a", true)
        );
        let read = |keys: AccountKeys, body: &str| keys.read_reply(body.as_bytes()).unwrap_err();
        assert_eq!(read(plain(), &envelope(&signature)), ReplyError::KeyMissing);
        assert_eq!(read(secure(), &envelope("0")), ReplyError::MsgSignature);
        assert_eq!(
            read(secure(), &format!("<xml>{encrypted}</xml>")),
            ReplyError::Missing("TimeStamp")
        );
    }

    #[test]
    fn what_is_no_xml_is_no_reply() {
        for body in [
            "<html></html>",
            "<xml><Content><![CDATA[]]>]]]]></Content></xml>",
            "error",
            "<xml>",
        ] {
            let error = plain().read_reply(body.as_bytes()).unwrap_err();
            assert!(matches!(error, ReplyError::NotXml(_)), "{body}: {error}");
        }
        assert_eq!(plain().read_reply(b"\xff"), Err(ReplyError::NotUtf8));
    }
}
