//! Which charset a page is in, and its text.

use std::{iter, str::FromStr};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use thiserror::Error;

/// HTML wants the charset declared within these bytes.
const HEAD_BYTES: usize = 1_024;

/// A charset by one of its names in the WHATWG list; `gb2312` means GBK, as in every browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charset(&'static Encoding);

impl FromStr for Charset {
    type Err = CharsetError;

    fn from_str(name: &str) -> Result<Self, CharsetError> {
        let encoding = Encoding::for_label_no_replacement(name.as_bytes());
        encoding.map(Charset).ok_or(CharsetError)
    }
}

/// No charset has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no such charset; known are utf-8, gb2312, gbk, gb18030, big5 and the other names of the \
     WHATWG encoding standard"
)]
pub(crate) struct CharsetError;

/// The text of a body: in the charset the owner set, else by the byte order mark, else by the
/// `Content-Type`, else by what the page declares near its beginning, else in UTF-8.
/// What is not in that charset becomes U+FFFD.
pub(super) fn decode(body: &[u8], content_type: Option<&str>, set: Option<Charset>) -> String {
    let found = || {
        Encoding::for_bom(body)
            .map(|(encoding, _)| encoding)
            .or_else(|| declared(content_type?))
            .or_else(|| in_page(body))
            .unwrap_or(UTF_8)
    };
    let encoding = set.map_or_else(found, |charset| charset.0);
    encoding.decode_with_bom_removal(body).0.into_owned()
}

/// The first known charset that is declared near the beginning, outside comments.
fn in_page(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..HEAD_BYTES).unwrap_or(body);
    let head = String::from_utf8_lossy(head);
    let mut parts = head.split("<!--");
    let first = parts.next().unwrap_or_default();
    let others = parts.map(|part| part.split_once("-->").map_or("", |(_, after)| after));
    let encoding = iter::once(first).chain(others).find_map(declared)?;
    // A declaration that could be read byte by byte is not in UTF-16.
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    Some(if is_wide { UTF_8 } else { encoding })
}

/// The first known charset after a `charset=`, in any case, quoted or not.
fn declared(text: &str) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    text.split("charset").skip(1).find_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let label = value
            .split(|c: char| !c.is_ascii_graphic() || r#""';,/>"#.contains(c))
            .next()?;
        Encoding::for_label_no_replacement(label.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOKE: &str = "笑话";
    const GBK: &[u8] = b"\xd0\xa6\xbb\xb0";
    const BIG5: &[u8] = b"\xaf\xba\xb8\xdc";

    fn with_meta(meta: &str, body: &[u8]) -> String {
        let page = [meta.as_bytes(), body].concat();
        decode(&page, Some("text/html"), None).split_off(meta.len())
    }

    #[test]
    fn without_any_sign_a_page_is_in_utf_8() {
        assert_eq!(decode(JOKE.as_bytes(), None, None), JOKE);
        assert_eq!(decode(JOKE.as_bytes(), Some("text/html"), None), JOKE);
        assert_eq!(decode(b"\xd0\xa6x", None, None), "\u{426}x");
        assert_eq!(decode(b"a\xffb", None, None), "a\u{fffd}b");
    }

    #[test]
    fn the_header_names_the_charset_in_any_case_and_quoting() {
        for header in [
            "text/html;charset=gbk",
            "text/html; Charset=\"GB2312\"; x=y",
            "TEXT/HTML; CHARSET = 'gb18030'",
            "text/plain;charset=GBK ;x",
            "text/html; charset=martian; charset=gbk",
            "text/html; x=charset; charset=gbk",
        ] {
            assert_eq!(decode(GBK, Some(header), None), JOKE, "{header}");
        }
        assert_eq!(
            decode("笑話".as_bytes(), Some("text/html; charset=utf8"), None),
            "笑話"
        );
        assert_eq!(decode(BIG5, Some("text/html; charset=big5"), None), "笑話");
    }

    #[test]
    fn a_meta_names_the_charset_in_any_case_and_quoting() {
        for meta in [
            "<meta charset=gbk>",
            "<META CharSet='GB2312' />",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=gb2312\">",
            "<meta charset=martian><meta charset=gbk>",
            "<meta name=x content=charset><meta charset=gbk>",
            "<meta content='a>b' charset = gbk>",
            "<meta/charset=gbk/>",
            "<meta content='x charset; charset=gbk' http-equiv=content-type>",
            "<!-- <meta charset=big5> --><meta charset=gbk>",
        ] {
            assert_eq!(with_meta(meta, GBK), JOKE, "{meta}");
        }
        assert_eq!(with_meta("<meta charset=utf-16le>", JOKE.as_bytes()), JOKE);
    }

    #[test]
    fn half_a_declaration_or_one_in_a_comment_names_nothing() {
        for head in [
            "<meta",
            "<meta charset",
            "<meta charset=",
            "<meta charset='g",
            "<!-- <meta charset=gbk>",
            "x<!-- --><!-- charset=gbk",
        ] {
            assert_eq!(in_page(head.as_bytes()), None, "{head}");
        }
    }

    #[test]
    fn a_meta_counts_in_the_first_1024_bytes_only() {
        let meta = "<meta charset=gbk>";
        let early = " ".repeat(1_024 - meta.len()) + meta;
        assert_eq!(with_meta(&early, GBK), JOKE);
        let late = " ".repeat(1_025 - "<meta charset=gbk".len()) + meta;
        assert_ne!(with_meta(&late, GBK), JOKE);
    }

    #[test]
    fn what_is_set_goes_before_the_mark_the_mark_before_the_header_the_header_before_the_meta() {
        let gbk = "GB2312".parse().ok();
        let marked = ["\u{feff}".as_bytes(), JOKE.as_bytes()].concat();
        assert_eq!(decode(&marked, Some("text/html; charset=gbk"), None), JOKE);
        assert_eq!(decode(GBK, Some("text/html; charset=utf-8"), gbk), JOKE);
        assert_ne!(decode(&marked, None, gbk), JOKE);
        let page = [b"<meta charset=utf-8>", GBK].concat();
        assert!(decode(&page, Some("text/html; charset=gbk"), None).ends_with(JOKE));
        let page = [b"<meta charset=gbk>", GBK].concat();
        assert!(decode(&page, Some("text/html; charset=martian"), None).ends_with(JOKE));
    }

    #[test]
    fn only_names_of_charsets_that_can_be_read_are_known() {
        assert_eq!(" Gb2312 ".parse::<Charset>(), "gbk".parse());
        for name in ["martian", "hz-gb-2312", ""] {
            assert_eq!(name.parse::<Charset>(), Err(CharsetError), "{name}");
        }
    }
}
