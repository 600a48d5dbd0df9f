//! The encryption modes: AES-256-CBC as the platform frames it.

use std::{fmt, str::FromStr};

use aes::Aes256;
use base64::{
    Engine, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD},
};
use cbc::{
    Decryptor, Encryptor,
    cipher::{
        BlockModeDecrypt, BlockModeEncrypt, KeyIvInit,
        block_padding::{NoPadding, Padding, Pkcs7},
    },
};
use thiserror::Error;

use super::is_alphanumeric;

/// The platform pads to blocks of 32 bytes, twice AES's own.
const PADDED_BLOCK: usize = 32;
/// A message begins with as many random bytes, so that equal texts are encrypted differently.
const RANDOM_LENGTH: usize = 16;

/// Decrypts what WeChat posts and encrypts what is answered.
#[derive(Debug, Clone)]
pub struct MsgCrypt {
    key: EncodingAesKey,
    app_id: AppId,
}

impl MsgCrypt {
    /// Reads and writes messages for the account `app_id`.
    #[must_use]
    pub fn new(key: EncodingAesKey, app_id: AppId) -> Self {
        Self { key, app_id }
    }

    /// The message in the base64 text of an `<Encrypt>` element.
    ///
    /// The peer must not learn which error it was; see [`CryptError`].
    pub fn decrypt(&self, encrypt: &str) -> Result<String, CryptError> {
        let mut bytes = STANDARD.decode(encrypt).map_err(|_| CryptError::Base64)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(PADDED_BLOCK) {
            return Err(CryptError::Length);
        }
        Decryptor::<Aes256>::new((&self.key.0).into(), self.key.iv().into())
            .decrypt_padded::<NoPadding>(&mut bytes)
            .map_err(|_| CryptError::Length)?;
        let framed = unpad(&bytes).ok_or(CryptError::Padding)?;
        let (message, app_id) = unframe(framed).ok_or(CryptError::MessageLength)?;
        if app_id != self.app_id.0.as_bytes() {
            return Err(CryptError::AppId);
        }
        String::from_utf8(message.to_vec()).map_err(|_| CryptError::Utf8)
    }

    /// The message as the base64 text of an `<Encrypt>` element; `random` must be fresh each time.
    ///
    /// # Panics
    ///
    /// When the message has 4 GiB or more.
    #[must_use]
    pub fn encrypt(&self, message: &str, random: [u8; RANDOM_LENGTH]) -> String {
        let mut bytes = frame(message, &self.app_id, random);
        let length = bytes.len();
        let encrypted = Encryptor::<Aes256>::new((&self.key.0).into(), self.key.iv().into())
            .encrypt_padded::<NoPadding>(&mut bytes, length)
            .expect("a framed message is a multiple of AES's block");
        STANDARD.encode(encrypted)
    }
}

/// Random bytes, the message's length, the message, the AppID, and 1 to 32 bytes that say how many
/// they are.
fn frame(message: &str, app_id: &AppId, random: [u8; RANDOM_LENGTH]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a reply is shorter than 4 GiB");
    let unpadded = random.len() + size_of::<u32>() + message.len() + app_id.0.len();
    let padding = PADDED_BLOCK - unpadded % PADDED_BLOCK;
    let pad = u8::try_from(padding).expect("a padding is at most 32 bytes");
    // Faster than `concat`.
    let mut bytes = Vec::with_capacity(unpadded + padding);
    bytes.extend_from_slice(&random);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message.as_bytes());
    bytes.extend_from_slice(app_id.0.as_bytes());
    bytes.resize(unpadded + padding, pad);
    bytes
}

/// The bytes without their padding.
fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let (before, last) = bytes.split_last_chunk::<PADDED_BLOCK>()?;
    let rest = Pkcs7::raw_unpad(last).ok()?;
    bytes.get(..before.len() + rest.len())
}

/// The message and the AppID out of an unpadded frame.
fn unframe(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_random, rest) = bytes.split_first_chunk::<RANDOM_LENGTH>()?;
    let (length, rest) = rest.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)
}

/// The key that the platform shows as 43 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodingAesKey([u8; 32]);

impl EncodingAesKey {
    /// The platform takes the first half of the key as initialization vector.
    fn iv(&self) -> &[u8; 16] {
        self.0
            .first_chunk()
            .expect("a key of 32 bytes begins with 16")
    }
}

/// The last of the 43 characters has two unused bits, which the platform sets at random.
const TRAILING_BITS_ALLOWED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

impl FromStr for EncodingAesKey {
    type Err = EncodingAesKeyError;

    fn from_str(text: &str) -> Result<Self, EncodingAesKeyError> {
        let bytes = TRAILING_BITS_ALLOWED.decode(text).ok();
        bytes
            .filter(|_| is_alphanumeric(text, 43..=43))
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(EncodingAesKeyError)
    }
}

impl fmt::Debug for EncodingAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodingAesKey(…)")
    }
}

/// The text is no EncodingAESKey; it is not repeated here, since it may be a mistyped secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an EncodingAESKey is 43 characters of A-Z, a-z and 0-9")]
pub struct EncodingAesKeyError;

/// The account's public name at the platform, such as `wxb11529c136998cb6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppId(String);

impl FromStr for AppId {
    type Err = AppIdError;

    fn from_str(text: &str) -> Result<Self, AppIdError> {
        // The platform's have 18 characters.
        is_alphanumeric(text, 1..=64)
            .then(|| Self(text.to_owned()))
            .ok_or(AppIdError)
    }
}

/// The text is no AppID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an AppID is 1 to 64 characters of A-Z, a-z and 0-9, such as wxb11529c136998cb6")]
pub struct AppIdError;

/// Why a text cannot be decrypted: for the log only.
///
/// A peer that could tell these apart could find out what a message says by sending changed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CryptError {
    /// The text is not base64.
    #[error("the encrypted text is not base64")]
    Base64,
    /// The bytes are none, or no whole number of the platform's blocks.
    #[error("the encrypted bytes are not a whole number of blocks of 32")]
    Length,
    /// The padding is not 1 to 32 equal bytes that say how many they are.
    #[error("the padding is wrong (is WECHAT_ENCODING_AES_KEY the account's?)")]
    Padding,
    /// The message is said to be longer than the bytes there are.
    #[error("the message is said to be longer than what was sent")]
    MessageLength,
    /// The message is for another account.
    #[error("the message is for another AppID (is WECHAT_APPID the account's?)")]
    AppId,
    /// The message is not UTF-8.
    #[error("the decrypted message is not UTF-8")]
    Utf8,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn msg_crypt(key: &str, app_id: &str) -> MsgCrypt {
        MsgCrypt::new(key.parse().unwrap(), app_id.parse().unwrap())
    }

    fn vectors(list: &str) -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/crypto.json")).unwrap();
        file[list].as_array().unwrap().clone()
    }

    fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
        vector[name].as_str().unwrap()
    }

    /// Encrypts bytes that `encrypt` would never frame.
    fn encrypt_raw(mut bytes: Vec<u8>) -> String {
        let key: EncodingAesKey = KEY.parse().unwrap();
        let length = bytes.len();
        let encrypted = Encryptor::<Aes256>::new((&key.0).into(), key.iv().into())
            .encrypt_padded::<NoPadding>(&mut bytes, length)
            .unwrap();
        STANDARD.encode(encrypted)
    }

    #[test]
    fn agrees_byte_for_byte_with_the_vectors_of_the_public_sdks() {
        for vector in vectors("vectors") {
            let crypt = msg_crypt(text(&vector, "encoding_aes_key"), text(&vector, "appid"));
            let random = text(&vector, "random").as_bytes().try_into().unwrap();
            let (plain, encrypted) = (text(&vector, "plaintext"), text(&vector, "ciphertext"));
            assert_eq!(
                crypt.decrypt(encrypted).as_deref(),
                Ok(plain),
                "{}",
                vector["id"]
            );
            assert_eq!(crypt.encrypt(plain, random), encrypted, "{}", vector["id"]);
        }
    }

    #[test]
    fn refuses_each_vector_for_its_own_reason() {
        let refusals: Vec<_> = vectors("negative")
            .iter()
            .map(|vector| {
                let crypt = msg_crypt(text(vector, "encoding_aes_key"), text(vector, "appid"));
                let id = text(vector, "id").to_owned();
                (id, crypt.decrypt(text(vector, "ciphertext")).err())
            })
            .collect();
        let expected = [
            ("good-control", None),
            ("wrong-appid", Some(CryptError::AppId)),
            ("pad-last-byte-0", Some(CryptError::Padding)),
            ("pad-last-byte-255", Some(CryptError::Padding)),
            ("ciphertext-not-multiple-of-16", Some(CryptError::Length)),
            ("ciphertext-empty", Some(CryptError::Length)),
        ];
        let expected = expected.map(|(id, refusal)| (id.to_owned(), refusal));
        assert_eq!(refusals, expected);
    }

    #[test]
    fn refuses_what_is_not_strict_base64() {
        let crypt = msg_crypt(KEY, "wx1");
        let encrypted = crypt.encrypt("hi", [7; 16]);
        for wrong in [
            encrypted.trim_end_matches('=').to_owned(),
            encrypted.replace('=', " "),
            format!("{encrypted}\n"),
            format!(" {encrypted}"),
            encrypted.replacen('=', "_", 1),
            "笑话".to_owned(),
        ] {
            assert_eq!(crypt.decrypt(&wrong), Err(CryptError::Base64), "{wrong:?}");
        }
    }

    #[test]
    fn refuses_a_padding_of_unequal_bytes_or_a_wrong_length() {
        let crypt = msg_crypt(KEY, "wx1");
        let framed = frame("hello", &crypt.app_id, [7; 16]);
        assert_eq!(framed.len(), 32);
        assert_eq!(
            crypt.decrypt(&encrypt_raw(framed.clone())).as_deref(),
            Ok("hello")
        );
        for wrong in [0, 1, 3, 5, 33, 255] {
            let mut framed = framed.clone();
            framed[31] = wrong;
            let expected = match wrong {
                1 => CryptError::AppId,
                _ => CryptError::Padding,
            };
            assert_eq!(
                crypt.decrypt(&encrypt_raw(framed)),
                Err(expected),
                "{wrong}"
            );
        }
        let mut unequal = framed;
        unequal[28] = 9;
        assert_eq!(
            crypt.decrypt(&encrypt_raw(unequal)),
            Err(CryptError::Padding)
        );
    }

    #[test]
    fn refuses_half_a_block() {
        let crypt = msg_crypt(KEY, "wx1");
        for length in [16, 48] {
            let padded = encrypt_raw(vec![16; length]);
            assert_eq!(crypt.decrypt(&padded), Err(CryptError::Length));
        }
    }

    #[test]
    fn takes_a_padding_of_a_whole_block() {
        let crypt = msg_crypt(KEY, "wx1");
        let encrypted = crypt.encrypt("hello, wx", [7; 16]);
        assert_eq!(STANDARD.decode(&encrypted).unwrap().len(), 64);
        assert_eq!(crypt.decrypt(&encrypted).as_deref(), Ok("hello, wx"));
    }

    #[test]
    fn refuses_a_length_beyond_the_bytes() {
        let crypt = msg_crypt(KEY, "wx1");
        for length in [[0, 0, 0, 9], [0xff; 4], [0x80, 0, 0, 0]] {
            let mut framed = frame("hello", &crypt.app_id, [7; 16]);
            framed[16..20].copy_from_slice(&length);
            let refusal = crypt.decrypt(&encrypt_raw(framed));
            assert_eq!(refusal, Err(CryptError::MessageLength), "{length:?}");
        }
        let too_short = encrypt_raw(vec![14; 32]);
        assert_eq!(crypt.decrypt(&too_short), Err(CryptError::MessageLength));
        let nothing = encrypt_raw(vec![32; 32]);
        assert_eq!(crypt.decrypt(&nothing), Err(CryptError::MessageLength));
    }

    #[test]
    fn refuses_a_message_that_is_not_utf8() {
        let crypt = msg_crypt(KEY, "wx1");
        let mut framed = frame("hello", &crypt.app_id, [7; 16]);
        framed[20] = 0xff;
        assert_eq!(crypt.decrypt(&encrypt_raw(framed)), Err(CryptError::Utf8));
    }

    #[test]
    fn a_key_may_have_stray_trailing_bits() {
        let keys = ["A", "B", "C", "D"].map(|last| {
            let text = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF".to_owned() + last;
            text.parse::<EncodingAesKey>().unwrap()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_key_is_43_letters_and_digits() {
        for wrong in [
            "",
            KEY.get(..42).unwrap(),
            &format!("{KEY}="),
            &format!("{KEY}A"),
            &format!("{}+", KEY.get(..42).unwrap()),
            &format!("{}笑", KEY.get(..40).unwrap()),
        ] {
            assert_eq!(wrong.parse::<EncodingAesKey>(), Err(EncodingAesKeyError));
        }
    }

    #[test]
    fn an_app_id_is_letters_and_digits() {
        assert!("wxb11529c136998cb6".parse::<AppId>().is_ok());
        for wrong in ["", "wx 1", "wx1\n", "账号", "a".repeat(65).as_str()] {
            assert_eq!(wrong.parse::<AppId>(), Err(AppIdError), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_never_shows_itself() {
        let shown = format!("{:?}", msg_crypt(KEY, "wx1"));
        assert_eq!(
            shown,
            "MsgCrypt { key: EncodingAesKey(…), app_id: AppId(\"wx1\") }"
        );
    }

    proptest! {
        #[test]
        fn what_was_encrypted_decrypts_to_the_same(message in ".{0,200}", random: [u8; 16]) {
            let crypt = msg_crypt(KEY, "wxb11529c136998cb6");
            let encrypted = crypt.encrypt(&message, random);
            prop_assert_eq!(crypt.decrypt(&encrypted), Ok(message));
        }

        #[test]
        fn any_text_is_decrypted_or_refused(encrypt in "[A-Za-z0-9+/]{0,100}={0,2}", blocks in prop::collection::vec(any::<[u8; 32]>(), 0..4)) {
            let crypt = msg_crypt(KEY, "wx1");
            let _ = crypt.decrypt(&encrypt);
            let _ = crypt.decrypt(&STANDARD.encode(blocks.concat()));
        }
    }
}
