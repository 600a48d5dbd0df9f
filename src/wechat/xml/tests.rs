use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn try_read(xml: &str) -> Result<Vec<(String, String)>, XmlError> {
    let owned = |(name, text): &(&str, Cow<'_, str>)| ((*name).to_owned(), (**text).to_owned());
    super::read(xml.as_bytes(), |fields| {
        Ok(fields.0.iter().map(owned).collect())
    })
}

fn read(xml: &str) -> Vec<(String, String)> {
    try_read(xml).unwrap()
}

/// The text of the only element of that name.
fn get(xml: &str, name: &'static str) -> Result<Option<String>, XmlError> {
    super::read(xml.as_bytes(), |fields| {
        Ok(fields.get(name)?.map(str::to_owned))
    })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    pairs.iter().map(owned).collect()
}

/// What is read of one element that holds this.
fn text(inside: &str) -> String {
    let xml = format!("<xml><A>{inside}</A></xml>");
    get(&xml, "A").unwrap().unwrap_or_default()
}

#[test]
fn reads_the_children_of_the_root_only() {
    assert_eq!(
        read(
            "<xml>\n<A>1</A><B><![CDATA[<2>]]></B><C/><D>\n<A>3</A><E> <![CDATA[ 4]]></E></D>\n</xml>"
        ),
        pairs(&[("A", "1"), ("B", "<2>"), ("C", ""), ("D", "3  4")])
    );
}

#[test]
fn text_and_other_namespaces_beside_the_elements_are_left_out() {
    assert_eq!(
        read("<xml><A>1</A>\n<!-- c -->webwx\n<b:B xmlns:b='u'>2</b:B></xml>"),
        pairs(&[("A", "1")])
    );
}

#[test]
fn whitespace_around_a_text_is_layout() {
    assert_eq!(text(" \n<![CDATA[a b]]>\t"), "a b");
    assert_eq!(text(" a\n"), "a");
    assert_eq!(text(" \n "), "");
    assert_eq!(text(" <![CDATA[]]> "), "");
    assert_eq!(text("<![CDATA[a]]]]><![CDATA[>b]]>"), "a]]>b");
    assert_eq!(text(" &lt;&#x7B11; "), "<笑");
    assert_eq!(text("a<!-- c --><![CDATA[ b]]>"), "a b");
}

#[test]
fn whitespace_around_a_section_of_words_is_layout_and_inside_of_it_words() {
    for (inside, words) in [
        (" \n<![CDATA[ a ]]>\t", " a "),
        ("\r\n<![CDATA[ ]]>\r\n\r", " "),
        ("<![CDATA[\r\na\r]]>", "\na\n"),
        ("<![CDATA[ a]]]]><![CDATA[>b ]]>", " a]]>b "),
        (" a\n", "a"),
    ] {
        let xml = format!("<xml><MsgType>text</MsgType><Content>{inside}</Content></xml>");
        assert_eq!(
            get(&xml, "Content"),
            Ok(Some(words.to_owned())),
            "{inside:?}"
        );
    }
}

#[test]
fn accepts_a_byte_order_mark_a_declaration_and_whitespace() {
    for before in [
        "\u{feff}",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        " \n",
        "<!-- c -->",
    ] {
        assert_eq!(
            read(&format!("{before}<xml><A>1</A></xml>\n")),
            pairs(&[("A", "1")])
        );
    }
    let both = "\u{feff}<?xml version='1.0'?><xml><A>1</A></xml>";
    assert_eq!(read(both), pairs(&[("A", "1")]));
}

#[test]
fn leaves_out_what_xml_forbids() {
    assert_eq!(
        text("<![CDATA[a\u{2}b\u{1d}\u{fffe}\u{ffff}\t\u{7f}]]>"),
        "ab\t\u{7f}"
    );
    assert_eq!(text("a\0b"), "ab");
    assert_eq!(
        try_read("<xml>&#2;</xml>").unwrap_err(),
        XmlError::NotWellFormed { row: 1, column: 6 }
    );
}

#[test]
fn refuses_a_dtd_wherever_it_stands() {
    for dtd in [
        "<!DOCTYPE x>",
        "<!DOCTYPE x [<!ENTITY e \"boom\">]>",
        "<!DOCTYPE x SYSTEM \"file:///\">",
    ] {
        assert_eq!(
            try_read(&format!("{dtd}<xml><A>&e;</A></xml>")),
            Err(XmlError::Dtd)
        );
        assert!(try_read(&format!("<xml>{dtd}<A/></xml>")).is_err());
    }
}

#[test]
fn refuses_another_root() {
    for wrong in [
        "<XML><A/></XML>",
        "<a><xml/></a>",
        "<xml xmlns='u'/>",
        "<x:xml xmlns:x='u'/>",
    ] {
        assert_eq!(try_read(wrong), Err(XmlError::Root), "{wrong}");
    }
    for wrong in ["", "xml", "<xml/><xml/>", "<xml></xml>x", "{\"xml\":1}"] {
        assert!(
            matches!(try_read(wrong), Err(XmlError::NotWellFormed { .. })),
            "{wrong}"
        );
    }
}

#[test]
fn there_is_no_choosing_between_two_elements_of_one_name() {
    let get_of = |name| get("<xml><A>1</A><B>2</B><A/><C/></xml>", name);
    assert_eq!(get_of("A"), Err(XmlError::Twice("A")));
    assert_eq!(get_of("B"), Ok(Some("2".to_owned())));
    assert_eq!(get_of("C"), Ok(None));
    assert_eq!(get_of("D"), Ok(None));
    let words = "<Content><![CDATA[a]]></Content>";
    let twice = format!("<xml><MsgType>text</MsgType>{words}<Content>b</Content></xml>");
    assert_eq!(get(&twice, "Content"), Err(XmlError::Twice("Content")));
}

#[test]
fn reads_what_a_user_pasted_as_the_users_words() {
    let message = |content: &str| {
        format!(
            "<xml><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[{content}]]></Content><MsgId>1</MsgId></xml>"
        )
    };
    for pasted in [
        "a]]>b",
        "<xml><Content><![CDATA[hi]]></Content><MsgType><![CDATA[event]]></MsgType></xml>",
        "]]></Content><MsgType><![CDATA[event]]></MsgType><Content><![CDATA[",
        "]]></Content><Content><![CDATA[",
        "]]></Content></xml>",
        "]]></Content><Event>subscribe</Event><!-- ",
        "]]></Content><Recognition><![CDATA[x",
        "]]",
        "]]>]]>",
    ] {
        assert_eq!(
            read(&message(pasted)),
            pairs(&[("Content", pasted), ("MsgType", "text"), ("MsgId", "1")]),
            "{pasted}"
        );
    }
}

/// A message's elements, each with its words in a section.
fn with_words(msg_type: &str, elements: &[(&str, &str)]) -> String {
    let elements = elements
        .iter()
        .map(|(name, words)| format!("<{name}><![CDATA[{words}]]></{name}>"));
    format!(
        "<xml><MsgType>{msg_type}</MsgType>{}<MsgId>1</MsgId></xml>",
        elements.collect::<String>()
    )
}

#[test]
fn a_whole_element_in_the_words_of_another_is_words() {
    let names = [("text", "Content"), ("voice", "Recognition")];
    let pasted = [
        "Content",
        "Recognition",
        "EventKey",
        "ScanResult",
        "Title",
        "Url",
        "Label",
        "Poiname",
        "MsgType",
        "Encrypt",
        "xml",
    ];
    for ((msg_type, name), pasted) in names
        .into_iter()
        .flat_map(|name| pasted.map(|pasted| (name, pasted)))
    {
        for (before, after) in [("", ""), ("", " 怎么解析"), ("a", "]]>"), ("<b>", "</b>")] {
            let words = format!("{before}<{pasted}><![CDATA[a]]></{pasted}>{after}");
            let expected = [
                (name, words.as_str()),
                ("MsgType", msg_type),
                ("MsgId", "1"),
            ];
            let xml = with_words(msg_type, &[(name, &words)]);
            assert_eq!(read(&xml), pairs(&expected));
        }
    }
    let wrong = "<xml><ToUserName><![CDATA[a]]>b]]></ToUserName></xml>";
    assert!(try_read(wrong).is_err());
}

#[test]
fn whatever_is_pasted_into_a_page_or_a_place_leaves_what_the_bot_needs() {
    let page = [("Title", "t"), ("Description", "d"), ("Url", "u")].as_slice();
    let place = [("Label", "l"), ("Poiname", "p")].as_slice();
    let pasted = with_words("link", page);
    let changes = [("link", page), ("location", place), ("event", place)]
        .into_iter()
        .flat_map(|(msg_type, elements)| {
            (0..elements.len()).map(move |changed| (msg_type, elements, changed))
        });
    for (msg_type, elements, changed) in changes {
        let mut elements = elements.to_vec();
        for words in [
            pasted.as_str(),
            "a]]>b",
            "]]>",
            "<Content><![CDATA[a]]></Content>",
            "]]></Title><Url>",
            "]]></Url><MsgType>event</MsgType>",
        ] {
            elements[changed].1 = words;
            let xml = with_words(msg_type, &elements);
            assert_eq!(
                get(&xml, "MsgType"),
                Ok(Some(msg_type.to_owned())),
                "{words}"
            );
            assert_eq!(get(&xml, "MsgId"), Ok(Some("1".to_owned())), "{words}");
        }
    }
}

#[test]
fn what_a_user_scanned_is_words_too() {
    for scanned in [
        "a]]>b",
        "<EventKey><![CDATA[x]]></EventKey>",
        "<ScanResult><![CDATA[x]]></ScanResult> ",
    ] {
        let xml = format!(
            "<xml><MsgType>event</MsgType><EventKey><![CDATA[6]]></EventKey><ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType>\
             <ScanResult><![CDATA[{scanned}]]></ScanResult></ScanCodeInfo></xml>"
        );
        assert_eq!(
            read(&xml),
            pairs(&[
                ("ScanResult", scanned),
                ("EventKey", "6"),
                ("MsgType", "event"),
                ("ScanCodeInfo", "qrcode")
            ])
        );
    }
}

#[test]
fn what_was_pasted_is_words_though_it_is_well_formed() {
    for pasted in [
        "a]]><b>c</b><![CDATA[d",
        "]]><b/><![CDATA[",
        "]]><!-- c --><![CDATA[z",
        "a]]><?x ?><![CDATA[",
    ] {
        assert_eq!(
            read(&format!(
                "<xml><MsgType>text</MsgType><Content><![CDATA[{pasted}]]></Content></xml>"
            )),
            pairs(&[("Content", pasted), ("MsgType", "text")])
        );
    }
    assert_eq!(
        read("<xml><Content><![CDATA[a]]]]><![CDATA[>b]]></Content></xml>"),
        pairs(&[("Content", "a]]>b")])
    );
    assert_eq!(
        read("<xml><Content>a<b>c</b></Content></xml>"),
        pairs(&[("Content", "ac")])
    );
}

#[test]
fn what_is_wrong_outside_the_content_stays_wrong() {
    for wrong in [
        "<xml><A><Content><![CDATA[a]]></Content></xml>",
        "<xml><Content><![CDATA[a]]></Content><A>]]></A></xml>",
        "<xml><Content><![CDATA[a]]>b]]></Content><MsgId>1</MsgId>",
    ] {
        assert!(try_read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_says_where_and_repeats_nothing() {
    let words = "<Content><![CDATA[笑\n话]]></Content>";
    for before in ["\n", words, &words.replace("笑", "]]>")] {
        let error = try_read(&format!(
            "<xml><MsgType>text</MsgType>{before}<oUser>secret</gh>\n</xml>"
        ));
        let character = if before == "\n" {
            14
        } else {
            14 + "话]]></Content>".chars().count()
        };
        let expected = format!("the body is not XML at line 2, character {character}");
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{number:x}"))
}

const LONGEST: usize = 24 * 1024;

/// Bodies of that length which take as long as any.
fn worst() -> [String; 24] {
    const TEXT: &str = "<xml><MsgType>text</MsgType>";
    let fill = |before: &str, piece: &str, after: &str| {
        let room = LONGEST - before.len() - after.len();
        [before, &piece.repeat(room / piece.len()), after].concat()
    };
    let numbered = |before: &str, after: &str, end: &str| {
        let mut xml = "<xml><a ".to_owned();
        numbers(4_000).for_each(|n| xml.extend([before, &n, after]));
        xml.truncate(LONGEST);
        xml + end
    };
    let within_limits = |count, before: &str, after: &str| {
        let begin: String = numbers(count)
            .flat_map(|n| [before.to_owned(), n, after.to_owned()])
            .collect();
        fill(&format!("<xml><a {begin}>"), "<b>", "<")
    };
    [
        fill("<xml>", "<a>", ""),
        fill("<xml>", "<a/>", "</xml>"),
        fill("<xml>", "<a></a>", "</xml>"),
        fill("<xml>", "<![CDATA[]]>", "</xml>"),
        fill("<xml><Content>", "&amp;", "</Content></xml>"),
        fill("<xml><Content>", "\r", "</Content></xml>"),
        fill(
            &format!("{TEXT}<Content><![CDATA["),
            "]]>",
            "]]></Content></xml>",
        ),
        fill(TEXT, "<Content><![CDATA[", "]]></Content></xml>"),
        fill(TEXT, "<Content><![CDATA[", "</xml>"),
        fill(TEXT, "<Content><![CDATA[]]></Content>", "</xml>"),
        fill(
            "<xml><MsgType>event</MsgType>",
            "<EventKey><![CDATA[",
            "]]></EventKey></xml>",
        ),
        fill(
            "<xml><MsgType>link</MsgType>",
            "<Title><![CDATA[",
            "]]></Url></xml>",
        ),
        fill("<xml>", "a<!---->", "</xml>"),
        fill("<xml>", "<a>b</a>c", "</xml>"),
        fill("<xml>", "\u{1}", "</xml>"),
        fill("<!DOCTYPE x [", "<!ENTITY a '&b;&b;'>", "]><xml>&a;</xml>"),
        fill("<xml>", "<?a =?>", "</xml>"),
        format!(
            "<xml>{0}{1}</xml>",
            "<a>".repeat(3_400),
            "</a>".repeat(3_400)
        ),
        numbered("n", "='' ", "/></xml>"),
        numbered("xmlns:n", "='u' ", "/></xml>"),
        numbered("xmlns:n", "='u'><a ", ""),
        within_limits(MAX_EQUAL_SIGNS, "xmlns:n", "='u'><a "),
        within_limits(MAX_NAMESPACES, "xmlns:n", "='u'><a "),
        within_limits(MAX_EQUAL_SIGNS, "n", "='' "),
    ]
}

#[test]
fn the_worst_of_24_kib_is_read_or_refused_at_once() {
    let read = worst().map(|document| {
        assert!(document.len() <= LONGEST + 10);
        let mut is_read = false;
        let times = [(); 3].map(|()| {
            let begun = Instant::now();
            is_read = try_read(&document).is_ok();
            begun.elapsed()
        });
        // A release build may take 5 ms, a debug build ten times that; on a busy machine, the
        // fastest of three counts.
        let fastest = times.into_iter().min();
        let begin: String = document.chars().take(60).collect();
        assert!(
            fastest < Some(Duration::from_millis(50)),
            "{begin}: {fastest:?}"
        );
        is_read
    });
    assert_eq!(read.iter().filter(|is_read| **is_read).count(), 9);
}

#[test]
fn elements_levels_and_attributes_are_few() {
    let of = |xml: &str| try_read(xml).map(|fields| fields.len());
    let children = |count| {
        let elements: String = numbers(count)
            .map(|n| ["<a", &n, ">1</a", &n, ">\n"].concat())
            .collect();
        format!("<xml>{elements}</xml>")
    };
    assert_eq!(of(&children(64)), Ok(64));
    assert_eq!(of(&children(65)), Err(XmlError::TooComplex));
    assert_eq!(of(&children(2_000)), Err(XmlError::TooComplex));
    assert_eq!(
        of(&format!("<xml>{}</xml>", "<A>1</A>".repeat(65))),
        Err(XmlError::TooComplex)
    );
    let levels = |count: usize| {
        format!(
            "<xml>{}text{}</xml>",
            "<a>".repeat(count - 1),
            "</a>".repeat(count - 1)
        )
    };
    assert_eq!(of(&levels(64)), Ok(1));
    assert_eq!(of(&levels(65)), Err(XmlError::TooComplex));
    let with = |attributes: &str| {
        format!(
            "<xml><MsgType>text</MsgType><A {attributes}/><Content><![CDATA[{}]]></Content></xml>",
            "=".repeat(900)
        )
    };
    assert_eq!(of(&with("a='1'")), Ok(3));
    let many: String = numbers(MAX_EQUAL_SIGNS + 1)
        .map(|n| ["a", &n, "='' "].concat())
        .collect();
    assert_eq!(of(&with(&many)), Err(XmlError::TooComplex));
    let namespaces = |count| {
        let elements = numbers(count).map(|n| ["<a xmlns:n", &n, "=''>"].concat());
        let elements: String = elements.collect();
        format!("<xml>{elements}{}</xml>", "</a>".repeat(count))
    };
    assert_eq!(of(&namespaces(MAX_NAMESPACES)), Ok(1));
    assert_eq!(
        of(&namespaces(MAX_NAMESPACES + 1)),
        Err(XmlError::TooComplex)
    );
    let hidden = format!("<xml><!-- <![CDATA[ --><A {many}/><!-- ]]> --></xml>");
    assert_eq!(of(&hidden), Err(XmlError::TooComplex));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(xml in "(<|>|/|xml|Content|<!\\[CDATA\\[|\\]\\]>|<xml>|</xml>|[ -~]|\\PC|[\u{0}-\u{20}])*") {
        let _ = try_read(&xml);
    }

    #[test]
    fn any_words_in_a_section_are_read_as_they_are(words in "(\\]|>|<|&|\\PC|\n)*") {
        let xml = with_words("text", &[("Content", &words)]);
        prop_assert_eq!(read(&xml), pairs(&[("Content", words.as_str()), ("MsgType", "text"), ("MsgId", "1")]));
    }

    #[test]
    fn any_pasted_words_are_read_as_they_are(words in "(<!\\[CDATA\\[|\\]\\]>|<b>|</b>|<!--|-->|\\]|>|a| )*") {
        let xml = with_words("text", &[("Content", &words)]);
        let expected = joined(&words);
        prop_assert_eq!(read(&xml), pairs(&[("Content", expected.as_str()), ("MsgType", "text"), ("MsgId", "1")]));
    }
}

/// The words without the divisions between their sections, as WeChat and others divide a `]]>`:
/// what a user pasted cannot be told from that.
fn joined(words: &str) -> String {
    words.replace("]]><![CDATA[", "")
}
