//! Detection of a page's charset, and decoding.

use std::{iter, str::FromStr};

use encoding_rs::{BIG5, Encoding, GB18030, GBK, UTF_8, WINDOWS_1252};
use thiserror::Error;

/// Bytes in which HTML wants the charset declared.
const HEAD_BYTES: usize = 1_024;

/// At most one character in this many may be garbled, as by being cut in half.
const MAX_GARBLED: usize = 20;

/// Two-byte characters needed before a text that uses only the Hangul rows (0xb0–0xc8) is taken for
/// Korean, or one for Big5.
const MIN_PAIRS: usize = 8;

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

/// A decoded text, the name of its charset, and the reason for this charset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) charset: &'static str,
    pub(super) reason: CharsetReason,
}

/// Reason for a text's charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum CharsetReason {
    #[error("as --joke-charset says")]
    Set,
    #[error("by its byte order mark")]
    Mark,
    #[error("as its Content-Type says")]
    Header,
    #[error("as it says itself")]
    Page,
    #[error("which is the default")]
    Default,
    #[error("which its bytes are, whatever is declared")]
    IsUtf8,
    #[error("which its bytes fit, and not what is declared")]
    Fits,
}

/// Decodes a body: in the charset that the owner set, or that a byte order mark shows; else in the
/// one that [`detect`] finds. Bytes that do not fit become U+FFFD.
pub(super) fn decode(body: &[u8], content_type: &str, set: Option<Charset>) -> Decoded {
    let (charset, reason) = match (set, Encoding::for_bom(body)) {
        (Some(Charset(charset)), _) => (charset, CharsetReason::Set),
        (None, Some((charset, _))) => (charset, CharsetReason::Mark),
        (None, None) => detect(body, content_type),
    };
    Decoded {
        text: charset.decode_with_bom_removal(body).0.into_owned(),
        charset: charset.name(),
        reason,
    }
}

/// Returns the charset that the `Content-Type` or the page itself declares, unless the bytes are
/// UTF-8, or fit another one and not the declared one.
fn detect(body: &[u8], content_type: &str) -> (&'static Encoding, CharsetReason) {
    let header =
        charset_after(content_type, "charset").map(|charset| (charset, CharsetReason::Header));
    let page = in_page(body).map(|charset| (charset, CharsetReason::Page));
    // Any bytes fit Latin, which proves nothing.
    let fits = |charset| charset != WINDOWS_1252 && is_in(charset, body);
    // Servers call pages Latin whatever they are, so the page goes first.
    let named = header.filter(|(charset, _)| *charset != WINDOWS_1252);
    let mut candidates = [named, page].into_iter().flatten();
    let (declared, reason) = candidates
        .find(|(charset, _)| fits(charset))
        .or(named)
        .or(page)
        .or(header)
        .unwrap_or((UTF_8, CharsetReason::Default));
    let is_utf8 = is_mostly_utf8(body);
    let may_be_big5 = [UTF_8, GBK, GB18030].contains(&declared);
    if is_utf8 && declared != UTF_8 {
        (UTF_8, CharsetReason::IsUtf8)
    } else if !is_utf8 && may_be_big5 && is_mostly_big5(body) {
        (BIG5, CharsetReason::Fits)
    } else if !fits(declared) && is_in(UTF_8, body) {
        (UTF_8, CharsetReason::Fits)
    } else if !is_utf8 && !fits(declared) && is_mostly_gb2312(body) {
        (GB18030, CharsetReason::Fits)
    } else {
        (declared, reason)
    }
}

fn is_in(charset: &'static Encoding, body: &[u8]) -> bool {
    let text = charset.decode_without_bom_handling_and_without_replacement(body);
    text.is_some()
}

/// Returns true if most characters of two bytes are those of GB2312, as in any text of today's
/// Chinese, and only a few are cut in half. The bytes of others often fit GB18030, too, but as
/// characters that nobody uses; Korean uses only rows 0xb0–0xc8, Japanese mostly kana.
fn is_mostly_gb2312(body: &[u8]) -> bool {
    let text = GB18030.decode_without_bom_handling(body).0;
    let garbled = text.matches(char::REPLACEMENT_CHARACTER).count();
    let count = |is: fn((u8, u8)) -> bool| pairs(body).filter(|pair| is(*pair)).count();
    let usual = count(|(lead, trail)| lead >= 0xa1 && trail >= 0xa1);
    let korean = count(|(lead, _)| (0xb0..=0xc8).contains(&lead));
    let kana = count(|(lead, _)| lead == 0xa4 || lead == 0xa5);
    let all = pairs(body).count();
    let is_foreign = korean == all && all >= MIN_PAIRS || kana * 4 > all;
    all > 0 && usual * 10 >= all * 9 && garbled * MAX_GARBLED < all && !is_foreign
}

/// Returns true if all two-byte characters are signs or those of the first level of Big5, not those
/// of GB2312, and some of each kind, with ASCII for a second byte or not.
fn is_mostly_big5(body: &[u8]) -> bool {
    let all = pairs(body).count();
    let ascii = pairs(body).filter(|(_, trail)| trail.is_ascii()).count();
    is_in(BIG5, body)
        && !is_mostly_gb2312(body)
        && all >= MIN_PAIRS
        && (1..=all * 3 / 4).contains(&ascii)
        && pairs(body).all(|(lead, _)| (0xa1..=0xc6).contains(&lead))
}

/// Yields each non-ASCII byte with the byte after it.
fn pairs(body: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    let mut bytes = body.iter().copied();
    iter::from_fn(move || {
        let lead = bytes.find(|byte| !byte.is_ascii())?;
        Some((lead, bytes.next().unwrap_or_default()))
    })
}

/// Returns true if a body is in UTF-8, perhaps with a mistake in it. Its bytes may fit other
/// charsets by chance, but not the other way round.
fn is_mostly_utf8(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let garbled = text.matches(char::REPLACEMENT_CHARACTER).count();
    text.chars().filter(|c| c.len_utf8() > 2).count() > 2 * garbled
}

/// Undoes a double encoding: UTF-8 or GB2312 that was taken for Latin and encoded again, `ç¬‘` for
/// `笑`.
pub(super) fn decoded_again(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    // Windows-1252 is the Latin of the web.
    let encoded = |c: char| match WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])) {
        (bytes, _, false) => bytes.first().copied(),
        _ => None,
    };
    let byte = |c: char| u8::try_from(c).ok().or_else(|| encoded(c));
    let bytes: Vec<u8> = text.chars().map(byte).collect::<Option<_>>()?;
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let bytes = error.as_bytes();
            let text = GB18030.decode_without_bom_handling(bytes).0;
            is_mostly_gb2312(bytes).then(|| text.into_owned())
        }
    }
}

/// Returns true for UTF-8 that was taken for GBK: `鑰佸笀` for `老师`, or what is left of it.
pub(super) fn is_garbled(text: &str) -> bool {
    let bytes = GB18030.encode(text).0;
    let read = String::from_utf8_lossy(&bytes);
    let count = |is: fn(char) -> bool| read.chars().filter(|c| is(*c)).count();
    let bad = count(|c| c == char::REPLACEMENT_CHARACTER);
    // GBK reads as characters of two bytes by chance.
    let short = count(|c| c.len_utf8() == 2);
    let good = count(|c| c.len_utf8() > 2) - bad;
    text.contains("锟斤拷") || good > 2 * (bad + short)
}

/// Returns the first known charset that a page declares near its beginning, outside comments: as
/// HTML does it, or as XML.
fn in_page(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..HEAD_BYTES).unwrap_or(body);
    let head = String::from_utf8_lossy(head);
    let in_prolog = || {
        let (prolog, _) = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
        charset_after(prolog, "encoding")
    };
    let mut outside_comments = head
        .split("-->")
        .filter_map(|part| part.split("<!--").next());
    let in_meta = || outside_comments.find_map(|part| charset_after(part, "charset"));
    // A declaration that can be read byte by byte is not in UTF-16, but in UTF-8.
    in_prolog().or_else(in_meta).map(Encoding::output_encoding)
}

/// Returns the first known charset after an attribute's name and `=`, in any case, quoted or not.
fn charset_after(text: &str, attribute: &str) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    text.split(attribute).skip(1).find_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let ends = |c: char| !c.is_ascii_graphic() || r#""';,/>"#.contains(c);
        Encoding::for_label_no_replacement(value.split(ends).next()?.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOKE: &str = "笑话";
    const GBK: &[u8] = b"\xd0\xa6\xbb\xb0";
    const BIG5: &[u8] = b"\xaf\xba\xb8\xdc";

    fn text(body: &[u8], content_type: &str, set: Option<Charset>) -> String {
        decode(body, content_type, set).text
    }

    fn with_meta(meta: &str, body: &[u8]) -> String {
        let page = [meta.as_bytes(), body].concat();
        text(&page, "text/html", None).split_off(meta.len())
    }

    #[test]
    fn without_any_sign_a_page_is_in_utf_8() {
        assert_eq!(text(JOKE.as_bytes(), "", None), JOKE);
        assert_eq!(text(JOKE.as_bytes(), "text/html", None), JOKE);
        assert_eq!(text(b"a\xffb", "", None), "a\u{fffd}b");
    }

    #[test]
    fn bytes_that_do_not_fit_what_is_declared_are_read_as_what_they_fit() {
        let gbk = encoding_rs::GBK.encode("电梯坏了，我走楼梯。").0;
        for declared in ["", "text/html; charset=utf-8"] {
            let decoded = decode(&gbk, declared, None);
            assert_eq!(decoded.text, "电梯坏了，我走楼梯。");
            assert_eq!(
                (decoded.charset, decoded.reason),
                ("gb18030", CharsetReason::Fits)
            );
        }
        let utf8 = "电梯坏了我走楼梯";
        for declared in [
            "text/html; charset=gb2312",
            "text/html; charset=big5",
            "x; charset=windows-1251",
        ] {
            let decoded = decode(utf8.as_bytes(), declared, None);
            assert_eq!(decoded.text, utf8);
            assert_eq!(
                (decoded.charset, decoded.reason),
                ("UTF-8", CharsetReason::IsUtf8)
            );
        }
        let meta = format!("<meta charset=gb2312>{utf8}");
        assert_eq!(text(meta.as_bytes(), "", None), meta);
    }

    #[test]
    fn big5_that_nobody_declares_or_that_is_called_gbk_is_read() {
        let big5 = encoding_rs::BIG5.encode("笑話一則在這裡呢").0;
        for declared in ["text/html", "text/html; charset=gbk"] {
            assert_eq!(text(&big5, declared, None), "笑話一則在這裡呢");
        }
        let rare = encoding_rs::BIG5.encode("笑話一則在這裡呢乂").0;
        assert!(text(&rare, "text/html", None).contains('\u{fffd}'));
    }

    #[test]
    fn the_pages_own_charset_counts_where_that_of_the_header_does_not_fit() {
        let page = "<meta charset=big5>電梯壞了，我走樓梯上班乂";
        let big5 = encoding_rs::BIG5.encode(page).0;
        assert_eq!(text(&big5, "text/html; charset=utf-8", None), page);
        let page = "<?xml version='1.0' encoding='windows-1251'?><a>Доктор</a>";
        let cyrillic = encoding_rs::WINDOWS_1251.encode(page).0;
        assert_eq!(text(&cyrillic, "text/xml; charset=utf-8", None), page);
    }

    #[test]
    fn korean_and_japanese_are_not_taken_for_gb2312() {
        let korean = encoding_rs::EUC_KR
            .encode("엘리베이터가 고장나서 계단으로")
            .0;
        let japanese = encoding_rs::EUC_JP.encode("エレベーターが壊れたので").0;
        for body in [korean, japanese] {
            assert!(text(&body, "text/html", None).contains('\u{fffd}'));
        }
    }

    #[test]
    fn utf_8_with_a_mistake_in_it_is_not_taken_for_gb18030() {
        let mistaken = [JOKE.repeat(4).as_bytes(), b"\xe7\xac", JOKE.as_bytes()].concat();
        for declared in ["", "text/html; charset=gbk"] {
            assert!(
                text(&mistaken, declared, None).starts_with("笑话笑话"),
                "{declared}"
            );
        }
    }

    #[test]
    fn what_is_set_is_read_so_whatever_comes_of_it() {
        assert_ne!(text(JOKE.as_bytes(), "", "gbk".parse().ok()), JOKE);
    }

    #[test]
    fn the_prolog_of_xml_names_the_charset() {
        let xml = |name: &str| {
            [
                format!("<?xml version='1.0' encoding=\"{name}\"?><a>").as_bytes(),
                GBK,
            ]
            .concat()
        };
        assert!(text(&xml("GB2312"), "text/xml", None).ends_with(JOKE));
        let big5 = [b"<?xml encoding='Big5'?>", BIG5].concat();
        assert!(text(&big5, "", None).ends_with("笑話"));
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
            assert_eq!(text(GBK, header, None), JOKE, "{header}");
        }
        assert_eq!(
            text("笑話".as_bytes(), "text/html; charset=utf8", None),
            "笑話"
        );
        assert_eq!(text(BIG5, "text/html; charset=big5", None), "笑話");
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
        let meta = "<meta charset=big5>";
        let early = " ".repeat(1_024 - meta.len()) + meta;
        assert_eq!(with_meta(&early, BIG5), "笑話");
        let late = " ".repeat(1_025 - "<meta charset=big5".len()) + meta;
        assert_ne!(with_meta(&late, BIG5), "笑話");
    }

    #[test]
    fn what_is_set_goes_before_the_mark_the_mark_before_the_header_the_header_before_the_meta() {
        let gbk = "GB2312".parse().ok();
        let marked = ["\u{feff}".as_bytes(), JOKE.as_bytes()].concat();
        assert_eq!(text(&marked, "text/html; charset=gbk", None), JOKE);
        assert_eq!(text(GBK, "text/html; charset=utf-8", gbk), JOKE);
        assert_ne!(text(&marked, "", gbk), JOKE);
        let page = [b"<meta charset=utf-8>", GBK].concat();
        assert!(text(&page, "text/html; charset=gbk", None).ends_with(JOKE));
        let page = [b"<meta charset=gbk>", GBK].concat();
        assert!(text(&page, "text/html; charset=martian", None).ends_with(JOKE));
    }

    #[test]
    fn only_names_of_charsets_that_can_be_read_are_known() {
        assert_eq!(" Gb2312 ".parse::<Charset>(), "gbk".parse());
        for name in ["martian", "hz-gb-2312", ""] {
            assert_eq!(name.parse::<Charset>(), Err(CharsetError), "{name}");
        }
    }
}
