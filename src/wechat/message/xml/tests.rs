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

/// A message's elements, each with its words in a section.
fn with_words(elements: &[(&str, &str)]) -> String {
    let elements = elements
        .iter()
        .map(|(name, words)| format!("<{name}><![CDATA[{words}]]></{name}>"));
    format!(
        "<xml><MsgType>m</MsgType>{}<MsgId>1</MsgId></xml>",
        elements.collect::<String>()
    )
}

#[test]
fn a_whole_element_in_the_words_of_another_is_words() {
    let of_a_page = ["Title", "Description", "Url"].as_slice();
    let of_a_place = ["Label", "Poiname"].as_slice();
    let alone = ["Content", "Recognition", "EventKey"].map(|name| [name]);
    let messages = [of_a_page, of_a_place]
        .into_iter()
        .chain(alone.iter().map(<[_; 1]>::as_slice));
    for names in messages {
        for (name, pasted) in names
            .iter()
            .flat_map(|name| USERS_WORDS.map(|pasted| (name, pasted)))
        {
            for (before, after) in [("", ""), ("", " 怎么解析"), ("a", "]]>"), ("<b>", "</b>")]
            {
                let words = format!("{before}<{pasted}><![CDATA[a]]></{pasted}>{after}");
                let elements: Vec<(&str, &str)> = names
                    .iter()
                    .map(|other| (*other, if other == name { words.as_str() } else { "w" }))
                    .collect();
                let expected =
                    [&[("MsgType", "m")], elements.as_slice(), &[("MsgId", "1")]].concat();
                assert_eq!(read(&with_words(&elements)), pairs(&expected));
            }
        }
    }
}

#[test]
fn a_whole_message_in_a_page_leaves_what_the_bot_needs() {
    let page = [("Title", "t"), ("Description", "d"), ("Url", "u")];
    let pasted = with_words(&page);
    for changed in 0..page.len() {
        let mut page = page;
        for words in [
            pasted.as_str(),
            "]]></Title><Url>",
            "]]></Url><MsgType>event</MsgType>",
        ] {
            page[changed].1 = words;
            let xml = with_words(&page);
            let fields = fields(&xml).unwrap();
            assert_eq!(find(&fields, "MsgType"), Some("m"), "{words}");
            assert_eq!(find(&fields, "MsgId"), Some("1"), "{words}");
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
            "<xml><EventKey><![CDATA[6]]></EventKey><ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType>\
             <ScanResult><![CDATA[{scanned}]]></ScanResult></ScanCodeInfo></xml>"
        );
        let info = format!("qrcode{scanned}");
        assert_eq!(
            read(&xml),
            pairs(&[("EventKey", "6"), ("ScanCodeInfo", &info)])
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
                "<xml><Content><![CDATA[{pasted}]]></Content></xml>"
            )),
            pairs(&[("Content", pasted)])
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

const INNER: &str = "<ToUserName>gh</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>\
    <MsgType>text</MsgType><Content>a</Content><MsgId>2</MsgId><Label/><X><Y>1</Y></X>";

fn agrees_with_inner(outer: &str) -> bool {
    let outer = format!("<xml>{outer}<Encrypt>e</Encrypt></xml>");
    let inner = format!("<xml>{INNER}</xml>");
    agree(&outer, &fields(&outer).unwrap(), &fields(&inner).unwrap())
}

#[test]
fn an_envelope_holds_the_account_alone_or_the_message() {
    let account = "<ToUserName>gh</ToUserName>";
    for right in [
        account.to_owned(),
        format!("\n{account}\n<AgentID>1</AgentID>"),
        INNER.to_owned(),
        INNER.replace("><", ">\n<"),
        INNER.replace("gh", "<![CDATA[gh]]>"),
        INNER.replace(">a<", "><![CDATA[\u{2}a]]><"),
        INNER.replace("<Label/>", ""),
    ] {
        assert!(agrees_with_inner(&right), "{right}");
    }
    for wrong in [
        account.replace("gh", "gi"),
        format!("!{account}"),
        format!("\u{2}{account}"),
        account.replace("e>gh", "e\u{2}>gh"),
        format!("{account}<Nonsense>1</Nonsense>"),
        format!("{INNER}!"),
        format!("{INNER}<Nonsense/>"),
        INNER.replace("Label", "Mabel"),
        INNER.replace(">a<", ">b<"),
        INNER.replace("<Y>1", "<Y>2"),
    ] {
        assert!(!agrees_with_inner(&wrong), "{wrong}");
    }
}

#[test]
fn elements_of_a_message_do_not_agree_without_all_that_identifies_it() {
    let elements = fields_of(INNER);
    for known in [
        "ToUserName",
        "FromUserName",
        "CreateTime",
        "MsgType",
        "MsgId",
    ] {
        let others = elements.iter().filter(|(name, _)| name != known);
        let others: String = others.map(|(_, element)| element.as_str()).collect();
        assert!(!agrees_with_inner(&others), "{known}");
    }
    for (name, element) in elements {
        let alone = name == "ToUserName";
        assert_eq!(agrees_with_inner(&element), alone, "{element}");
    }
}

/// The elements' names and themselves.
fn fields_of(elements: &str) -> Vec<(String, String)> {
    read(&format!("<xml>{elements}</xml>"))
        .into_iter()
        .map(|(name, text)| {
            let element = format!("<{name}>{text}</{name}>");
            (name, element)
        })
        .collect()
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

    #[test]
    fn any_pasted_words_are_read_as_they_are(words in "(<!\\[CDATA\\[|\\]\\]>|<b>|</b>|<!--|-->|\\]|>|a| )*") {
        let xml = format!("<xml><Content><![CDATA[{words}]]></Content></xml>");
        let expected = joined(&words).unwrap_or(words);
        prop_assert_eq!(read(&xml), pairs(&[("Content", expected.as_str())]));
    }
}

/// The words without the divisions between their sections, where they are divided rightly, as WeChat and others divide
/// a `]]>`: what a user pasted cannot be told from that.
fn joined(words: &str) -> Option<String> {
    let mut joined = String::new();
    let mut rest = words;
    while let Some((section, after)) = rest.split_once("]]>") {
        let (between, next) = after.split_once("<![CDATA[")?;
        if between.contains('<') || between.contains("]]>") {
            return None;
        }
        joined.extend([section, between]);
        rest = next;
    }
    joined.push_str(rest);
    Some(joined)
}
