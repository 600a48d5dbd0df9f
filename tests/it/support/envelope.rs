//! WeChat's side of the encryption modes, by a way of its own: AES block by block, chained by hand.

use aes::{
    Aes256,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use super::{Bot, NONCE, Reply, TOKEN, element, message, now, signature, signed_at};

/// The key and the account of every encrypted bot, unless a test says otherwise.
pub const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
pub const APP_ID: &str = "wxb11529c136998cb6";

impl Bot {
    /// Starts a bot with the tests' Token, key and AppID, and without joke sources.
    pub fn encrypted() -> Self {
        Self::encrypted_with(&["--joke-source", "none"])
    }

    /// As [`Bot::encrypted`], with these flags.
    pub fn encrypted_with(arguments: &[&str]) -> Self {
        Self::with(
            arguments,
            &[("WECHAT_ENCODING_AES_KEY", KEY), ("WECHAT_APPID", APP_ID)],
        )
    }
}

/// What both sides know of an account.
pub struct Envelope {
    aes: Aes256,
    iv: [u8; 16],
    app_id: String,
}

impl Envelope {
    /// The envelope of [`Bot::encrypted`].
    pub fn new() -> Self {
        Self::of(KEY, APP_ID)
    }

    pub fn of(encoding_aes_key: &str, app_id: &str) -> Self {
        let trailing_bits = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let key = GeneralPurpose::new(&alphabet::STANDARD, trailing_bits)
            .decode(format!("{encoding_aes_key}="))
            .unwrap();
        Self {
            aes: Aes256::new_from_slice(&key).unwrap(),
            iv: key[..16].try_into().unwrap(),
            app_id: app_id.to_owned(),
        }
    }

    /// A message as the base64 text of `<Encrypt>`.
    pub fn encrypt(&self, message: impl AsRef<[u8]>) -> String {
        self.encrypt_frame(&frame(message.as_ref(), &self.app_id))
    }

    /// Bytes that need be no frame, whose length is a multiple of 16.
    pub fn encrypt_frame(&self, bytes: &[u8]) -> String {
        let mut last = self.iv;
        let mut encrypted = Vec::new();
        for plain in bytes.chunks(16) {
            let mut block: [u8; 16] = plain.try_into().unwrap();
            block
                .iter_mut()
                .zip(last)
                .for_each(|(byte, mask)| *byte ^= mask);
            self.aes.encrypt_block((&mut block).into());
            encrypted.extend_from_slice(&block);
            last = block;
        }
        STANDARD.encode(encrypted)
    }

    /// The message in the text of an `<Encrypt>`, whose frame must be right in every byte.
    pub fn decrypt(&self, encrypt: &str) -> String {
        let encrypted = STANDARD.decode(encrypt).unwrap();
        let mut last = self.iv;
        let mut plain = Vec::new();
        for bytes in encrypted.chunks(16) {
            let bytes: [u8; 16] = bytes.try_into().unwrap();
            let mut block = bytes;
            self.aes.decrypt_block((&mut block).into());
            plain.extend(block.iter().zip(last).map(|(byte, mask)| byte ^ mask));
            last = bytes;
        }
        let length = u32::from_be_bytes(plain[16..20].try_into().unwrap());
        let end = 20 + usize::try_from(length).unwrap();
        let message = &plain[20..end];
        let mut expected = frame(message, &self.app_id);
        expected[..16].copy_from_slice(&plain[..16]);
        assert_eq!(plain, expected, "the frame is not the platform's");
        String::from_utf8(message.to_vec()).unwrap()
    }

    /// The plain reply in an encrypted one, whose signature and time are checked.
    pub fn open(&self, reply: &Reply) -> String {
        assert_eq!(
            (reply.status, reply.header("Content-Type")),
            (200, Some("application/xml"))
        );
        let value = |name| element(reply.text(), name).unwrap_or_else(|| panic!("no {name}"));
        let (encrypt, timestamp) = (value("Encrypt"), value("TimeStamp"));
        let (nonce, msg_signature) = (value("Nonce"), value("MsgSignature"));
        assert_eq!(
            msg_signature,
            signature(&[TOKEN, &timestamp, &nonce, &encrypt])
        );
        assert!(
            timestamp.parse::<u64>().unwrap().abs_diff(now()) <= 5,
            "{timestamp}"
        );
        self.decrypt(&encrypt)
    }
}

/// 16 bytes, the message's length, the message, the AppID, and a padding to blocks of 32.
pub fn frame(message: &[u8], app_id: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let mut bytes = [b"0123456789abcdef", &length[..], message, app_id.as_bytes()].concat();
    let padding = 32 - bytes.len() % 32;
    bytes.resize(bytes.len() + padding, u8::try_from(padding).unwrap());
    bytes
}

/// The body of the secure mode: a message's ToUserName and its encrypted form.
pub fn secure_body(message: &str, encrypt: &str) -> String {
    let end = "</ToUserName>";
    let to_user_name = message
        .split_once(end)
        .and_then(|(before, _)| before.rsplit_once("<ToUserName>"))
        .map_or_else(String::new, |(_, name)| format!("<ToUserName>{name}{end}"));
    format!("<xml>\n    {to_user_name}\n    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>\n")
}

/// The body of the compatible mode: a message with its encrypted form beside the plain elements.
pub fn compatible_body(message: &str, encrypt: &str) -> String {
    let (elements, rest) = message.rsplit_once("</xml>").unwrap();
    format!("{elements}<Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>{rest}")
}

/// A signed target whose `msg_signature` covers this text of `<Encrypt>`, now.
pub fn encrypted_target(encrypt: &str) -> String {
    let timestamp = now();
    let msg_signature = signature(&[TOKEN, &timestamp.to_string(), NONCE, encrypt]);
    let target = signed_at("/wechat", timestamp);
    format!("{target}&encrypt_type=aes&msg_signature={msg_signature}")
}

/// A text message in an envelope of the secure mode: target and body.
pub fn secure_text(text: &str, msg_id: &str) -> (String, String) {
    let elements = format!("<Content><![CDATA[{text}]]></Content><MsgId>{msg_id}</MsgId>");
    let message = message("text", &elements);
    let encrypt = Envelope::new().encrypt(&message);
    (encrypted_target(&encrypt), secure_body(&message, &encrypt))
}
