//! Which charset a page is in, and its text.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// HTML wants the charset declared within these bytes.
const META_BYTES: usize = 1_024;

/// A charset by one of its names in the WHATWG list; `gb2312` means GBK, as in every browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charset(&'static Encoding);

impl Charset {
    /// The charset with this name, in any case.
    pub(super) fn named(name: &str) -> Option<Charset> {
        Encoding::for_label_no_replacement(name.as_bytes()).map(Charset)
    }
}

/// The text of a body: in the charset the owner set, else by the byte order mark, else by the
/// `Content-Type`, else by a `<meta>` near the beginning, else in UTF-8.
/// What is not in that charset becomes U+FFFD.
pub(super) fn decode(body: &[u8], content_type: Option<&str>, set: Option<Charset>) -> String {
    let found = || {
        Encoding::for_bom(body)
            .map(|(encoding, _)| encoding)
            .or_else(|| declared(content_type?))
            .or_else(|| in_meta(body))
            .unwrap_or(UTF_8)
    };
    let encoding = set.map_or_else(found, |charset| charset.0);
    encoding.decode_with_bom_removal(body).0.into_owned()
}

/// The charset in the first `<meta>` that names a known one and is not in a comment or a script.
fn in_meta(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..META_BYTES).unwrap_or(body);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut rest = head.as_str();
    while let Some((_, tag)) = rest.split_once('<') {
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = behind(comment, "-->");
            continue;
        }
        let name_end = tag.find(|c: char| !c.is_ascii_alphanumeric());
        let (name, inside) = tag.split_at(name_end.unwrap_or(tag.len()));
        if name.is_empty() {
            rest = tag;
            continue;
        }
        let (attributes, after) = attributes(inside);
        rest = match name {
            "script" | "style" | "title" => behind(after, &format!("</{name}")),
            _ => after,
        };
        if let Some(encoding) = of_meta(name, &attributes) {
            // A declaration that could be read byte by byte is not in UTF-16.
            let wide = encoding == UTF_16LE || encoding == UTF_16BE;
            return Some(if wide { UTF_8 } else { encoding });
        }
    }
    None
}

/// What stands behind the first `end`; nothing, if there is none.
fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, after)| after)
}

/// The known charset that a `<meta>` with these attributes names.
fn of_meta(name: &str, attributes: &[(&str, &str)]) -> Option<&'static Encoding> {
    let value = |wanted| {
        let mut found = attributes.iter().filter(|(name, _)| *name == wanted);
        found.next().map(|(_, value)| *value)
    };
    if name != "meta" {
        return None;
    }
    // `charset=gbk/>` is meant as it looks.
    let named = value("charset").map(|name| name.trim_end_matches('/'));
    let named = named.and_then(|name| Encoding::for_label_no_replacement(name.as_bytes()));
    named.or_else(|| {
        value("http-equiv").filter(|about| about.trim() == "content-type")?;
        declared(value("content")?)
    })
}

/// The attributes of a tag, and what stands behind it.
fn attributes(mut rest: &str) -> (Vec<(&str, &str)>, &str) {
    let is_blank = |c: char| c.is_ascii_whitespace() || c == '/';
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(is_blank);
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let (name, after) = split(rest, |c| is_blank(c) || matches!(c, '=' | '>'));
        let Some(given) = after.trim_start().strip_prefix('=') else {
            if after.is_empty() {
                return (attributes, "");
            }
            attributes.push((name, ""));
            rest = after;
            continue;
        };
        let given = given.trim_start();
        let quote = given.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => given.split_at(1).1.split_once(quote).unwrap_or_default(),
            None => split(given, |c| c.is_ascii_whitespace() || c == '>'),
        };
        attributes.push((name, value));
        rest = after;
    }
}

/// The text up to the first character that ends it, and from there.
fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// The first known charset after a `charset=`, in any case, quoted or not.
fn declared(text: &str) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    text.split("charset").skip(1).find_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let (label, _) = split(value, |c| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',' | '/')
        });
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
            "<meta name=x content='charset=big5'><meta charset=gbk>",
            "<meta content='a>b' charset = gbk>",
            "<meta/charset=gbk/>",
            "<meta content='x charset; charset=gbk' http-equiv=content-type>",
            "<!-- <meta charset=big5> --><meta charset=gbk>",
            "<script>'<meta charset=big5>'</script><meta charset=gbk>",
            "<p title='<meta charset=big5>'><metadata charset=big5>1 < 2<meta charset=gbk>",
        ] {
            assert_eq!(with_meta(meta, GBK), JOKE, "{meta}");
        }
        assert_eq!(with_meta("<meta charset=utf-16le>", JOKE.as_bytes()), JOKE);
        assert_eq!(with_meta("charset=gbk <meta>", JOKE.as_bytes()), JOKE);
    }

    #[test]
    fn half_a_tag_or_comment_names_nothing() {
        for head in [
            "<",
            "<meta",
            "<meta ",
            "<meta =",
            "<meta ==>",
            "<meta charset",
            "<meta charset='gbk",
            "<meta charset=\"gbk>",
            "<!-- <meta charset=gbk>",
            "<script><meta charset=gbk>",
        ] {
            assert_eq!(in_meta(head.as_bytes()), None, "{head}");
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
        let gbk = Charset::named("GB2312");
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
        assert_eq!(Charset::named(" Gb2312 "), Charset::named("gbk"));
        assert_eq!(Charset::named("martian"), None);
        assert_eq!(Charset::named("hz-gb-2312"), None);
        assert_eq!(Charset::named(""), None);
    }
}
