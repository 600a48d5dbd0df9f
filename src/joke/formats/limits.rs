//! Checks of a page, and changes to it, before the HTML parser sees it.
//!
//! The parser recurses once per nesting level, and a stack overflow cannot be caught; some of its
//! steps walk through all open elements. So a page is checked first, on the text alone, against
//! bounds that hold however the parser reads it; and the tags that it would multiply are renamed.

use super::item::is_one_of;

/// Number of `<` on a page at most. Each can become a node of about 300 bytes, and a stray end tag
/// walks along all that is open: 30,000 cost 10 MB and at worst 1 s. Real pages have up to 6,000.
const MAX_TAGS: usize = 30_000;

/// Nesting levels that the start tags of a page could make at most. Converting a page takes 280
/// bytes of stack a level, without optimisation 1,100: 12,000 take 13 of the thread's 16 MiB, and
/// 0.4 s. Real list pages have 1,000 to 3,000 start tags.
pub(super) const MAX_LEVELS: usize = 12_000;

/// Attributes of one tag at most: each is compared with all before it. Real tags have up to 30.
const MAX_ATTRIBUTES: usize = 1_000;

/// Bytes read at most while counting attributes. A `<` in quotes may begin a tag as well, so the
/// text after it is read again, and a page of 1 MiB could cost its square.
const MAX_BYTES_READ: usize = 16 << 20;

/// Prefix of a renamed tag's name.
const PREFIX: &str = "x-";

/// Tags to rename, so that the parser takes them for tags like any other: formatting tags, which it
/// would copy into every block that follows while they are open (1,000 of them make half a million
/// nodes); and `html` and `body`, whose attributes it would merge into those it has.
const RENAMED: &str = "a b big body code em font html i nobr s small strike strong tt u";

/// Returns the name of an element before its renaming: `b` for `x-b`, but `x-dl` for `x-dl`.
pub(super) fn original_name(name: &str) -> &str {
    match name.strip_prefix(PREFIX) {
        Some(original) if is_one_of(original, RENAMED) => original,
        _ => name,
    }
}

/// Reason why a page is not given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooComplex {
    /// More tags than `MAX_TAGS`.
    #[error("more than {MAX_TAGS} tags")]
    Tags,
    /// More start tags than `MAX_LEVELS`.
    #[error("more than {MAX_LEVELS} start tags")]
    Levels,
    /// A tag with more attributes than `MAX_ATTRIBUTES`, or too many bytes read to count them.
    #[error("a tag with more than {MAX_ATTRIBUTES} attributes")]
    Attributes,
}

/// Refuses a page that the parser could not read at a bounded cost.
///
/// Every `<` followed by a letter is counted as a start tag, also in scripts, comments and quotes:
/// the parser can only find fewer.
pub(super) fn check(html: &str) -> Result<(), TooComplex> {
    let (mut levels, mut bytes_read) = (0, 0);
    for (tags, (at, _)) in html.match_indices('<').enumerate() {
        if tags >= MAX_TAGS {
            return Err(TooComplex::Tags);
        }
        let tag = html.get(at + 1..).unwrap_or_default();
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        // With a cell the parser adds the row and the table body that the page left out, with a row
        // its table body.
        levels += match name_of(tag) {
            name if is_one_of(name, "td th") => 3,
            name if is_one_of(name, "tr col") => 2,
            _ => 1,
        };
        if levels > MAX_LEVELS {
            return Err(TooComplex::Levels);
        }
        let (attributes, read) = attributes(tag);
        bytes_read += read;
        if attributes > MAX_ATTRIBUTES || bytes_read > MAX_BYTES_READ {
            return Err(TooComplex::Attributes);
        }
    }
    Ok(())
}

/// Renames the [`RENAMED`] tags of a page: `<b>x</b>` becomes `<x-b>x</x-b>`. Browsers nest no
/// links, so one that is not closed before the next is closed at once:
///
/// `<a href=1>x<a href=2>y</a>` becomes `<x-a href=1></x-a>x<x-a href=2>y</x-a>`.
pub(super) fn rename_tags(html: &str) -> String {
    let is_anchor = |tag: &&str| is_one_of(name_of(tag.strip_prefix('/').unwrap_or(tag)), "a");
    let mut pieces = html.split('<');
    let mut renamed = pieces.next().unwrap_or_default().to_owned();
    while let Some(piece) = pieces.next() {
        let end_tag = piece.strip_prefix('/');
        renamed.push_str(if end_tag.is_some() { "</" } else { "<" });
        let rest = end_tag.unwrap_or(piece);
        if is_one_of(name_of(rest), RENAMED) {
            renamed.push_str(PREFIX);
        }
        let mut anchors = pieces.clone().filter(is_anchor);
        let is_open = is_one_of(name_of(piece), "a")
            && anchors.next().is_none_or(|next| !next.starts_with('/'));
        if is_open {
            let (tag, text) = rest.split_at(attributes(rest).1);
            renamed.extend([tag, "</x-a>", text]);
        } else {
            renamed.push_str(rest);
        }
    }
    renamed
}

/// Removes the data of pictures, as in `src="data:image/png;base64,iVBO…"`.
pub(super) fn without_pictures(text: &str) -> String {
    let is_data = |c: char| c.is_ascii_alphanumeric() || "+/=%".contains(c);
    let mut pieces = text.split(";base64,");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    rest.extend(pieces.map(|piece| piece.trim_start_matches(is_data)));
    rest
}

/// Returns a tag's name; an empty one if nothing ends the name, or a `<` is in it.
fn name_of(tag: &str) -> &str {
    let name = tag.split_once(ends_name).map(|(name, _)| name);
    // `<b<i>` is one tag with the name `b<i`.
    name.filter(|name| !name.contains('<')).unwrap_or_default()
}

/// Returns the number of attributes of the tag that begins here, and the number of bytes read.
/// Stops when there are too many. A `>` in quotes does not end the tag.
fn attributes(tag: &str) -> (usize, usize) {
    let mut rest = tag.trim_start_matches(|c| !ends_name(c));
    let mut count = 0;
    while count <= MAX_ATTRIBUTES {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let mut chars = rest.chars();
        let first = chars.next();
        rest = chars.as_str();
        if matches!(first, None | Some('>')) {
            break;
        }
        count += 1;
        rest = rest
            .trim_start_matches(|c| !ends_name(c) && c != '=')
            .trim_ascii_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_ascii_start) else {
            continue;
        };
        rest = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.splitn(3, quote).nth(2).unwrap_or_default(),
            _ => value.trim_start_matches(|c: char| !c.is_ascii_whitespace() && c != '>'),
        };
    }
    (count, tag.len() - rest.len())
}

fn ends_name(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '/' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_tags_are_renamed_in_any_case_and_others_are_not() {
        assert_eq!(
            rename_tags("<HTML><p>a<B>b</B ><i/><br><a\thref=x>c</a\n></bx><body><b"),
            "<x-HTML><p>a<x-B>b</x-B ><x-i/><br><x-a\thref=x>c</x-a\n></bx><x-body><b"
        );
        assert_eq!(rename_tags("1 < 2 <b<i>"), "1 < 2 <b<x-i>");
        assert_eq!(rename_tags("no tags"), "no tags");
        assert_eq!(original_name("x-b"), "b");
        assert_eq!(original_name("x-dl"), "x-dl");
    }

    #[test]
    fn a_page_over_a_bound_is_refused() {
        let over = |page: &str| check(page).unwrap_err();
        assert_eq!(over(&"<div>".repeat(200_000)), TooComplex::Levels);
        assert_eq!(over(&"<div>".repeat(MAX_LEVELS + 1)), TooComplex::Levels);
        assert_eq!(over(&"<td>".repeat(MAX_LEVELS / 3 + 1)), TooComplex::Levels);
        assert_eq!(over(&"</p>".repeat(MAX_TAGS + 1)), TooComplex::Tags);
        assert_eq!(over(&"<!>".repeat(MAX_TAGS + 1)), TooComplex::Tags);
        let attributes = (0..=MAX_ATTRIBUTES)
            .map(|n| format!(" a{n}='>'"))
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(over(&format!("<p{attributes}>")), TooComplex::Attributes);
        assert_eq!(
            over(&format!("<p title=\"<p{attributes}>\">")),
            TooComplex::Attributes
        );
        let tangle = format!("{}{}", "<p x=\"".repeat(2_000), "y".repeat(20_000));
        assert_eq!(over(&tangle), TooComplex::Attributes);
    }

    #[test]
    fn looking_for_the_ends_of_tags_is_bounded() {
        // The text at the end is read for each of 900 tags, none of which has too many attributes.
        let page = |bytes| "<p ".repeat(900) + &"y".repeat(bytes);
        assert!(check(&page(16_000)).is_ok());
        assert_eq!(check(&page(18_000)), Err(TooComplex::Attributes));
    }

    #[test]
    fn a_page_at_a_bound_is_let_through() {
        assert!(check(&"<div>".repeat(MAX_LEVELS)).is_ok());
        assert!(check(&"</p>".repeat(MAX_TAGS)).is_ok());
        let attributes = (0..MAX_ATTRIBUTES)
            .map(|n| format!(" a{n}='>'"))
            .collect::<Vec<_>>()
            .concat();
        assert!(check(&format!("<p{attributes}>")).is_ok());
    }

    #[test]
    fn attributes_are_counted_as_the_parser_counts_them() {
        for (tag, count) in [
            ("p>", 0),
            ("p a>b c", 1),
            ("p a=b c = d e='>' f=\">\"g>", 5),
            ("p/a/b/ >", 2),
            ("p =a ==>", 1),
            ("p =a b =c>", 2),
            ("p a= >", 1),
            ("p a='", 1),
            ("p", 0),
        ] {
            assert_eq!(attributes(tag).0, count, "{tag}");
        }
    }
}
