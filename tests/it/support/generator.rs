//! Bodies that nobody would write: real messages, changed by chance, and the same each time a case
//! is run.

use std::ops::Range;

use fastrand::Rng;
use serde_json::Value;

/// Bodies are cut to what the bot reads.
const MAX_BODY_BYTES: usize = 24 * 1024;

/// Pieces that mean something to a reader of XML, of queries or of texts.
const PIECES: [&str; 48] = [
    "]]>",
    "]]",
    "<![CDATA[",
    "<",
    ">",
    "&",
    "&amp;",
    "&#10;",
    "&#0;",
    "&#x10ffff;",
    "&e;",
    "<!--",
    "-->",
    "<?x ?>",
    "<!DOCTYPE xml [<!ENTITY e 'x'>]>",
    "<xml>",
    "</xml>",
    "<Content>",
    "</Content>",
    "]]></Content>",
    "<Content><![CDATA[",
    "<MsgType>event</MsgType>",
    "<MsgType><![CDATA[text]]></MsgType>",
    "<Event>CLICK</Event>",
    "<EventKey>joke</EventKey>",
    "<Recognition>",
    "<Encrypt>",
    "</Encrypt>",
    "<a b='c'/>",
    " xmlns='u'",
    "text",
    "image",
    "voice",
    "笑话",
    "帮助",
    "help",
    "[微笑]",
    "/::)",
    "/:",
    "👨\u{200d}👩\u{200d}👧",
    "🇨🇳",
    "🇨",
    "e\u{301}",
    "\u{feff}",
    "\0",
    "\u{1}",
    "\r\n",
    "99999999999999999999",
];

/// Makes bodies out of a number.
pub struct Generator {
    messages: Vec<String>,
    rng: Rng,
}

impl Generator {
    pub fn new() -> Self {
        let files = [
            include_str!("../../fixtures/messages.json"),
            include_str!("../../fixtures/hostile.json"),
        ];
        let messages = files.iter().flat_map(|file| {
            let file: Value = serde_json::from_str(file).unwrap();
            file["vectors"].as_array().unwrap().clone()
        });
        Self {
            messages: messages
                .map(|vector| without_id(vector["xml"].as_str().unwrap()))
                .collect(),
            rng: Rng::with_seed(0),
        }
    }

    /// Begins a case, which is the same each time.
    pub fn begin(&mut self, case: u64) -> &mut Rng {
        self.rng = Rng::with_seed(case);
        &mut self.rng
    }

    /// Any bytes at all.
    pub fn bytes(&mut self) -> Vec<u8> {
        let length = self.rng.usize(..3_000);
        (0..length).map(|_| self.rng.u8(..)).collect()
    }

    /// A message, as it came or changed.
    pub fn message(&mut self) -> Vec<u8> {
        let mut body = self.original().into_bytes();
        self.change_some(&mut body);
        body.truncate(MAX_BODY_BYTES);
        body
    }

    /// Changes bytes in a few ways, or in none.
    pub fn change_some(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.rng.usize(0..4) {
            self.change(bytes);
        }
    }

    /// Changes bytes in one way.
    pub fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.rng.usize(..=bytes.len());
        let range = self.range(bytes.len());
        match self.rng.u8(..16) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.rng.u8(..8);
                }
            }
            2 => drop(bytes.splice(range, [self.rng.u8(..)])),
            3 => drop(bytes.drain(range)),
            4 => {
                let copy = bytes[range].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => bytes.truncate(at),
            6 => {
                let other = self.original().into_bytes();
                let piece = other[self.range(other.len())].to_vec();
                bytes.splice(range, piece);
            }
            7 => {
                let times = self
                    .rng
                    .usize(..=MAX_BODY_BYTES / (range.len() + 1))
                    .min(3_000);
                let copies = bytes[range].repeat(times);
                bytes.splice(at..at, copies);
            }
            8..=11 => {
                let piece = self.rng.choice(PIECES).unwrap();
                bytes.splice(at..at, piece.bytes());
            }
            _ => self.change_words(bytes),
        }
    }

    /// Puts words at the beginning of a CDATA section, so that what is around them stays right.
    fn change_words(&mut self, bytes: &mut Vec<u8>) {
        const START: &[u8] = b"<![CDATA[";
        let starts = bytes.windows(START.len()).enumerate();
        let starts: Vec<usize> = starts
            .filter(|(_, window)| *window == START)
            .map(|(at, _)| at)
            .collect();
        let Some(start) = self.rng.choice(starts) else {
            return;
        };
        let count = match self.rng.u8(..8) {
            0 => self.rng.usize(..800),
            _ => self.rng.usize(..8),
        };
        let words: String = (0..count)
            .map(|_| match self.rng.u8(..4) {
                0 => self.rng.choice(PIECES).unwrap().to_owned(),
                1 => self.rng.char('\u{4e00}'..'\u{9fff}').to_string(),
                2 => self.rng.char(..).to_string(),
                _ => self.rng.char(' '..'\u{7f}').to_string(),
            })
            .collect();
        let at = start + START.len();
        bytes.splice(at..at, words.bytes());
    }

    fn original(&mut self) -> String {
        let message = self.rng.choice(&self.messages).unwrap();
        // So few that some messages come again.
        message.replace("{id}", &self.rng.u16(..).to_string())
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.rng.usize(..=length);
        let longest = if self.rng.u8(..4) == 0 { length } else { 16 };
        let end = start + self.rng.usize(..=longest);
        start..end.min(length)
    }
}

/// The message with a place for another MsgId.
fn without_id(xml: &str) -> String {
    let id = xml
        .split_once("<MsgId>")
        .and_then(|(_, rest)| rest.split_once("</MsgId>"));
    match id {
        Some((id, _)) => xml.replace(id, "{id}"),
        None => xml.to_owned(),
    }
}
