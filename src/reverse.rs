//! Text backwards, by what a reader sees as one character.

use std::{iter, sync::LazyLock};

use unicode_segmentation::UnicodeSegmentation;

/// The text backwards: a grapheme cluster stays whole, and so does the code of a WeChat face (表情),
/// an emoticon that is sent as text, such as `/::)` or `[微笑]`.
pub fn reverse(text: &str) -> String {
    // The fast path, for what most people write.
    let mut backwards = String::with_capacity(text.len());
    let is_plain = text.chars().rev().all(|char| {
        backwards.push(char);
        stands_alone(char)
    });
    if is_plain {
        return backwards;
    }
    let mut backwards = Vec::with_capacity(text.chars().count());
    backwards.extend(graphemes_and_faces(text));
    backwards.reverse();
    backwards.concat()
}

/// Whether the character is a grapheme cluster by itself beside any other such character, and no
/// part of a face: visible ASCII, the usual Hanzi, and the punctuation between them.
fn stands_alone(char: char) -> bool {
    match char {
        '/' | '[' => false,
        '\n'
        | ' '..='~'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{3001}'..='\u{3020}'
        | '\u{ff01}'..='\u{ff5e}' => true,
        _ => false,
    }
}

/// The text in the pieces that a reader sees as one character: grapheme clusters and faces.
///
/// A mark that combines with the last character of a face stays with the face.
pub(crate) fn graphemes_and_faces(text: &str) -> impl Iterator<Item = &str> {
    let mut clusters = text.grapheme_indices(true);
    iter::from_fn(move || {
        let (start, cluster) = clusters.next()?;
        let mut end = start + cluster.len();
        // Faces are looked for where one can begin only, so that long texts take linear time.
        if cluster.starts_with(['/', '[']) {
            let face_end = start + face_at_start(text.get(start..)?).len();
            while end < face_end {
                let (start, cluster) = clusters.next()?;
                end = start + cluster.len();
            }
        }
        text.get(start..end)
    })
}

/// The face code that the text starts with, or nothing.
fn face_at_start(text: &str) -> &'static str {
    // No face is the beginning of another one, so the only candidate is the last that sorts before
    // the text.
    let after = FACES.partition_point(|face| *face <= text);
    let candidate = after.checked_sub(1).and_then(|index| FACES.get(index));
    candidate
        .filter(|face| text.starts_with(**face))
        .unwrap_or(&"")
}

/// The codes of all faces, sorted.
static FACES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("reverse/faces.txt").lines();
    let mut faces: Vec<_> = lines.filter(|line| !line.starts_with("# ")).collect();
    faces.sort_unstable();
    faces
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_and_hanzi_stand_backwards() {
        assert_eq!(reverse(""), "");
        assert_eq!(reverse("hello"), "olleh");
        assert_eq!(reverse("上海自来水"), "水来自海上");
        assert_eq!(reverse("a b\nc"), "c\nb a");
        assert_eq!(reverse("a\r\nb"), "b\r\na");
    }

    #[test]
    fn what_a_reader_sees_as_one_stays_whole() {
        assert_eq!(reverse("我👨‍👩‍👧你"), "你👨‍👩‍👧我");
        assert_eq!(reverse("🇨🇳🇯🇵"), "🇯🇵🇨🇳");
        assert_eq!(reverse("cafe\u{301}!"), "!e\u{301}fac");
        assert_eq!(reverse("👍🏽1️⃣"), "1️⃣👍🏽");
    }

    #[test]
    fn faces_stay_whole_and_come_from_the_end() {
        assert_eq!(reverse("a/::)b"), "b/::)a");
        assert_eq!(
            reverse("早[微笑]/:strong/::'(安"),
            "安/::'(/:strong[微笑]早"
        );
        assert_eq!(reverse("[TaiChi L][NO]"), "[NO][TaiChi L]");
        assert_eq!(reverse("/:<W>&/::<"), "/::<&/:<W>");
    }

    #[test]
    fn what_only_looks_like_a_face_is_letters() {
        assert_eq!(reverse("[]"), "][");
        assert_eq!(reverse("[微 笑]"), "]笑 微[");
        assert_eq!(reverse("/:"), ":/");
        assert_eq!(reverse("a/b"), "b/a");
        assert_eq!(reverse("/:stron"), "norts:/");
    }

    #[test]
    fn a_mark_on_the_end_of_a_face_stays_with_it() {
        assert_eq!(reverse("/::)\u{301}a"), "a/::)\u{301}");
    }

    #[test]
    fn every_face_is_found_and_none_begins_another() {
        assert_eq!(FACES.len(), 105 + 267 + 99);
        for face in FACES.iter() {
            assert_eq!(reverse(&format!("x{face}y")), format!("y{face}x"));
            let longer = FACES.iter().filter(|other| other.starts_with(face));
            assert_eq!(longer.collect::<Vec<_>>(), [face]);
        }
    }

    #[test]
    fn the_longest_body_of_anything_odd_keeps_its_length() {
        for piece in [
            "/",
            "/:",
            "[",
            "/::)",
            "🇨",
            "\u{301}",
            "👩\u{200d}",
            "क\u{94d}",
            "\r",
        ] {
            let text = piece.repeat(65_536 / piece.len());
            // Debug builds take 0.2 s for all; with quadratic time, this test would take minutes.
            assert_eq!(reverse(&text).len(), text.len());
        }
    }

    /// Characters for which backwards twice is the same: none of them joins what comes to stand
    /// beside it.
    ///
    /// It is no law for a lone combining mark, half a flag or `\r` and `\n`, which join a new
    /// neighbour, nor for letters that spell a face only backwards, so `/`, `[` and `:` come here
    /// inside faces alone.
    fn character() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9 ,.!?]",
            "[\u{4e00}-\u{9fa5}]",
            "[\u{1f600}-\u{1f64f}]",
            Just("👨‍👩‍👧".to_owned()),
            Just("🇨🇳".to_owned()),
            Just("é".to_owned()),
            Just("e\u{301}".to_owned()),
            prop::sample::select(FACES.as_slice()).prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn backwards_twice_is_the_same(characters in prop::collection::vec(character(), 0..60)) {
            let text = characters.concat();
            let backwards: String = characters.into_iter().rev().collect();
            prop_assert_eq!(reverse(&text), backwards.clone());
            prop_assert_eq!(reverse(&backwards), text);
        }

        #[test]
        fn nothing_is_lost_or_added(text in "(\\PC|[/:\\[\\]()\r\n\u{200d}\u{301}])*") {
            let mut before: Vec<char> = text.chars().collect();
            let mut after: Vec<char> = reverse(&text).chars().collect();
            before.sort_unstable();
            after.sort_unstable();
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn characters_that_stand_alone_are_clusters_beside_each_other() {
        let alone: Vec<char> = ('\0'..=char::MAX)
            .filter(|char| stands_alone(*char))
            .collect();
        assert_eq!(alone.len(), 94 + 20_992 + 32 + 94);
        for pair in alone.windows(2) {
            let text: String = pair.iter().collect();
            assert_eq!(text.graphemes(true).count(), 2, "{text:?}");
        }
        for char in alone {
            for neighbour in ['中', 'a', '。', '\n'] {
                let text: String = [neighbour, char, neighbour].iter().collect();
                assert_eq!(text.graphemes(true).count(), 3, "{text:?}");
            }
        }
    }
}
