use proptest::prelude::*;

use super::*;

fn read(xml: &str) -> Vec<(String, String)> {
    let fields = fields(xml).unwrap();
    let pair = |field: Field<'_>| (field.name.into_owned(), field.text.into_owned());
    fields.into_iter().map(pair).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    pairs.iter().map(owned).collect()
}

/// What is read of one element that holds this.
fn text(inside: &str) -> String {
    let xml = format!("<xml><A>{inside}</A></xml>");
    let fields = fields(&xml).unwrap();
    find(&fields, "A").unwrap().to_owned()
}

#[test]
fn reads_the_children_of_the_root_only() {
    assert_eq!(
        read(
            "<xml>\n<A>1</A><B><![CDATA[<2>]]></B><C/><D>\n<A>3</A><E> <![CDATA[ 4]]></E></D>\n</xml>"
        ),
        pairs(&[("A", "1"), ("B", "<2>"), ("C", ""), ("D", "3 4")])
    );
}

#[test]
fn text_beside_the_elements_has_no_name() {
    assert_eq!(
        read("<xml><A>1</A>\n<!-- c -->webwx\n<b:B xmlns:b='u'>2</b:B></xml>"),
        pairs(&[("A", "1"), ("", "webwx"), ("", "2")])
    );
}

#[test]
fn blanks_around_sections_are_layout_and_those_inside_are_content() {
    assert_eq!(text(" \n<![CDATA[ a ]]>\t"), " a ");
    assert_eq!(text("\r\n<![CDATA[ ]]>\r\n\r"), " ");
    assert_eq!(text("\r\n<![CDATA[\r\na\r]]>"), "\na\n");
    assert_eq!(text(" a\n"), "a");
    assert_eq!(text(" \n "), "");
    assert_eq!(text(" <![CDATA[]]> "), "");
    assert_eq!(text(" a <![CDATA[ ]]> "), "a  ");
    assert_eq!(text("<![CDATA[ ]]> a "), "  a");
    assert_eq!(text("<![CDATA[ a]]]]><![CDATA[>b ]]>"), " a]]>b ");
    assert_eq!(text(" &lt;&#x7B11; "), "<笑");
    assert_eq!(text(" a<!-- c --> <![CDATA[ b]]>"), "a b");
}

#[test]
fn accepts_a_byte_order_mark_a_declaration_and_blanks() {
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
        fields("<xml>&#2;</xml>").unwrap_err(),
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
            fields(&format!("{dtd}<xml><A>&e;</A></xml>")),
            Err(XmlError::Dtd)
        );
        assert!(fields(&format!("<xml>{dtd}<A/></xml>")).is_err());
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
        assert_eq!(fields(wrong), Err(XmlError::Root), "{wrong}");
    }
    for wrong in ["", "xml", "<xml/><xml/>", "<xml></xml>x", "{\"xml\":1}"] {
        assert!(
            matches!(fields(wrong), Err(XmlError::NotWellFormed { .. })),
            "{wrong}"
        );
    }
}

#[test]
fn refuses_a_known_element_that_stands_twice() {
    for known in KNOWN {
        let xml = format!("<xml><{known}>a</{known}><A/><{known}/></xml>");
        assert_eq!(fields(&xml), Err(XmlError::Twice(known)));
    }
    assert_eq!(
        read("<xml><A>1</A><A>2</A></xml>"),
        pairs(&[("A", "1"), ("A", "2")])
    );
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
            pairs(&[("MsgType", "text"), ("Content", pasted), ("MsgId", "1")]),
            "{pasted}"
        );
    }
}

#[test]
fn what_was_pasted_into_a_page_or_a_place_is_words_too() {
    let message = |name: &str, words: &str| {
        format!("<xml><MsgType>m</MsgType><{name}><![CDATA[{words}]]></{name}><Url>u</Url></xml>")
    };
    for name in ["Title", "Description", "Label", "Poiname"] {
        for pasted in ["a]]>b", "<Content><![CDATA[a]]></Content>", "]]></Url>"] {
            assert_eq!(
                read(&message(name, pasted)),
                pairs(&[("MsgType", "m"), (name, pasted), ("Url", "u")]),
                "{pasted}"
            );
        }
        let pasted = message(name, "a]]>b");
        let content = format!("<xml><Content><![CDATA[{pasted}]]></Content></xml>");
        assert_eq!(read(&content), pairs(&[("Content", pasted.as_str())]));
    }
    assert_eq!(
        read(
            "<xml><Title><![CDATA[a]]>]]></Title>\
             <Description><![CDATA[<Title><![CDATA[b]]></Title>]]></Description></xml>"
        ),
        pairs(&[
            ("Title", "a]]>"),
            ("Description", "<Title><![CDATA[b]]></Title>")
        ])
    );
    assert!(fields(&message("ToUserName", "a]]>b")).is_err());
}

#[test]
fn what_is_wrong_outside_the_content_stays_wrong() {
    for wrong in [
        "<xml><MsgType/><MsgType/><Content><![CDATA[a]]></Content></xml>",
        "<xml><MsgType/><MsgType/><Content><![CDATA[a]]>b]]></Content></xml>",
        "<xml><Content><![CDATA[a]]>b]]></Content><MsgId>1</MsgId>",
    ] {
        assert!(fields(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_says_where_and_repeats_nothing() {
    let error = fields("<xml>\n<oUser>secret</gh>\n</xml>").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body is no XML at line 2, character 14"
    );
}

#[test]
fn plain_elements_must_agree_with_the_message() {
    let inner = fields("<xml><ToUserName>gh</ToUserName><Content>a</Content><X><Y>1</Y></X></xml>")
        .unwrap();
    let agrees = |outer: &str| agree(outer, &fields(outer).unwrap(), &inner);
    for right in [
        "<xml><ToUserName>gh</ToUserName><Encrypt>e</Encrypt></xml>",
        "<xml>\n<ToUserName><![CDATA[gh]]></ToUserName>\n<Encrypt>e</Encrypt>\n<X>\n<Y>1</Y></X></xml>",
        "<xml><Encrypt>e</Encrypt><AgentID>1</AgentID></xml>",
        "<xml><Content><![CDATA[\u{2}a]]></Content><Encrypt>e</Encrypt></xml>",
    ] {
        assert!(agrees(right), "{right}");
    }
    for wrong in [
        "<xml><ToUserName>gi</ToUserName><Encrypt>e</Encrypt></xml>",
        "<xml><Content>b</Content><Encrypt>e</Encrypt></xml>",
        "<xml><X><Y>2</Y></X><Encrypt>e</Encrypt></xml>",
        "<xml>!<ToUserName>gh</ToUserName><Encrypt>e</Encrypt></xml>",
        "<xml>\u{2}<ToUserName>gh</ToUserName><Encrypt>e</Encrypt></xml>",
        "<xml><ToUserName\u{2}>gh</ToUserName><Encrypt>e</Encrypt></xml>",
    ] {
        assert!(!agrees(wrong), "{wrong}");
    }
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{number:x}"))
}

#[test]
fn the_worst_of_64_kib_is_read_or_refused_at_once() {
    let fill = |before: &str, piece: &str, after: &str| {
        let room = 65_536 - before.len() - after.len();
        [before, &piece.repeat(room / piece.len()), after].concat()
    };
    let numbered = |before: &str, after: &str| {
        let attributes = numbers(4_000).map(|n| [before, &n, after].concat());
        format!("<xml><a {}/></xml>", attributes.collect::<String>())
    };
    let nested: String = numbers(2_000)
        .map(|n| ["<a xmlns:n", &n, "='u'>"].concat())
        .collect();
    let documents = [
        fill("<xml>", "<a>", ""),
        fill("<xml>", "<a/>", "</xml>"),
        fill("<xml>", "<a></a>", "</xml>"),
        fill("<xml>", "<![CDATA[]]>", "</xml>"),
        fill("<xml><Content>", "&amp;", "</Content></xml>"),
        fill("<xml><Content>", "\r", "</Content></xml>"),
        fill("<xml><Content><![CDATA[", "]]>", "]]></Content></xml>"),
        fill("<xml>", "<Content><![CDATA[", "]]></Content></xml>"),
        fill("<xml>", "a<!---->", "</xml>"),
        fill("<xml>", "<a>b</a>c", "</xml>"),
        fill("<xml>", "\u{1}", "</xml>"),
        fill("<!DOCTYPE x [", "<!ENTITY a '&b;&b;'>", "]><xml>&a;</xml>"),
        fill("<xml>", "<?a =?>", "</xml>"),
        format!(
            "<xml>{0}{1}</xml>",
            "<a>".repeat(9_000),
            "</a>".repeat(9_000)
        ),
        format!(
            "<xml>{0}1{1}</xml>",
            "<a>b".repeat(8_000),
            "</a>".repeat(8_000)
        ),
        numbered("n", "='' "),
        numbered("xmlns:n", "='u' "),
        format!("<xml>{nested}"),
    ];
    // A debug build takes a second for all; with quadratic time, this test would take minutes.
    let read = documents.map(|document| {
        assert!(document.len() <= 75_000);
        fields(&document).is_ok()
    });
    assert_eq!(read.iter().filter(|is_read| **is_read).count(), 13);
}

#[test]
fn attributes_are_few() {
    let with = |attributes: &str| {
        format!(
            "<xml><A {attributes}><![CDATA[{}]]></A></xml>",
            "=".repeat(900)
        )
    };
    assert!(fields(&with("a='1'")).is_ok());
    let many: String = numbers(MAX_ATTRIBUTES + 1)
        .map(|n| ["a", &n, "='' "].concat())
        .collect();
    assert_eq!(fields(&with(&many)), Err(XmlError::Attributes));
    let hidden = format!("<xml><!-- <![CDATA[ --><A {many}/><!-- ]]> --></xml>");
    assert_eq!(fields(&hidden), Err(XmlError::Attributes));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(xml in "(<|>|/|xml|Content|<!\\[CDATA\\[|\\]\\]>|<xml>|</xml>|[ -~]|\\PC|[\u{0}-\u{20}])*") {
        let _ = fields(&xml);
    }

    #[test]
    fn any_words_in_a_section_are_read_as_they_are(words in "(\\]|>|<|&|\\PC|\n)*") {
        let xml = format!("<xml><Content><![CDATA[{words}]]></Content></xml>");
        prop_assert_eq!(read(&xml), pairs(&[("Content", words.as_str())]));
    }
}
