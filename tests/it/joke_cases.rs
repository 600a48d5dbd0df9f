//! Many small bodies as sites, feeds, APIs and files have them, and the jokes that are in each.
//! `tests/fixtures/jokes/cases.json` has one a line.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use encoding_rs::Encoding;
use serde_json::Value;

use crate::support::{daoxiao, site::Site};

/// What `daoxiao joke --all` prints for a body of this type.
fn told(content_type: &str, body: &[u8], flags: &[&str]) -> (String, String) {
    let site = Site::page(content_type, body);
    let mut command = daoxiao(&["joke", "--all", "--joke-url", &site.url("/")]);
    let output = command.args(flags).stdin(Stdio::null()).output().unwrap();
    let [jokes, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (jokes, said)
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn each_body_gives_the_jokes_that_are_in_it_and_nothing_else() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/jokes/cases.json")).unwrap();
    assert!(cases.len() > 100);
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let charset = Encoding::for_label(text("charset").as_bytes()).unwrap_or(encoding_rs::UTF_8);
        let body = charset.encode(text("body")).0;
        let (jokes, said) = told(text("type"), &body, &texts(&case["flags"]));
        let expected = match texts(&case["jokes"]).as_slice() {
            [] => String::new(),
            jokes => jokes.join("\n%\n") + "\n",
        };
        assert_eq!(jokes, expected, "{}: {said}", text("name"));
    }
}

const PAGE: &str = "<li>电梯坏了，我走楼梯上班。</li><li>医生说要多喝水，我去海边了。</li>";
const TWO: &str = "电梯坏了，我走楼梯上班。\n%\n医生说要多喝水，我去海边了。\n";

#[test]
fn a_character_that_is_cut_in_half_spoils_its_own_joke_only() {
    let mut page = encoding_rs::GBK.encode(PAGE).0.into_owned();
    page.extend_from_slice(b"<li>");
    page.extend_from_slice(&encoding_rs::GBK.encode("从前有座山，山里").0);
    page.pop();
    page.extend_from_slice(b"...</li>");
    for declared in [
        "text/html",
        "text/html; charset=utf-8",
        "text/html; charset=gbk",
    ] {
        let (jokes, said) = told(declared, &page, &["--joke-item", "li"]);
        assert_eq!(jokes, TWO, "{said}");
        assert!(
            said.ends_with("1 left out: 1 garbled (is the charset right?)\n"),
            "{said}"
        );
    }
}

#[test]
fn latin_is_latin_only_where_the_bytes_are() {
    let latin = "text/html; charset=ISO-8859-1";
    let french = "<li>Où est passé l'élève ? À la fenêtre, très tôt.</li>";
    let french = encoding_rs::WINDOWS_1252.encode(french).0;
    let (jokes, _) = told(latin, &french, &["--joke-item", "li"]);
    assert_eq!(jokes, "Où est passé l'élève ? À la fenêtre, très tôt.\n");
    let gbk = encoding_rs::GBK.encode(PAGE).0;
    let with_meta = [b"<meta charset=gbk>", &gbk[..]].concat();
    for (page, read_as) in [
        (
            &gbk[..],
            "HTML in gb18030 (which its bytes fit, and not what is declared)",
        ),
        (&with_meta[..], "HTML in GBK (as it says itself)"),
        (
            PAGE.as_bytes(),
            "HTML in UTF-8 (which its bytes are, whatever is declared)",
        ),
    ] {
        let (jokes, said) = told(latin, page, &["--joke-item", "li"]);
        assert_eq!(jokes, TWO, "{said}");
        assert!(said.contains(read_as), "{said}");
    }
}

#[test]
fn a_text_in_utf_16_with_its_mark_is_read() {
    for little_endian in [true, false] {
        let units =
            "\u{feff}电梯坏了，我走楼梯上班。\r\n%\r\n医生说要多喝水，我去海边了。".encode_utf16();
        let bytes = units.flat_map(|unit| {
            if little_endian {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        });
        let (jokes, said) = told("text/plain", &bytes.collect::<Vec<u8>>(), &[]);
        assert_eq!(jokes, TWO, "{said}");
    }
}

#[test]
fn pages_with_much_of_everything_are_read_in_time() {
    let joke = "<li><p>电梯坏了，我走楼梯上班。</p></li>";
    let paragraphs = "<p>x</p>".repeat(4_000);
    let marks = format!("<p>{}{}", "<span>".repeat(450), "全文<!>".repeat(18_000));
    let rules = ".x div{white-space:pre}".repeat(20);
    let nested = format!("<style>{rules}</style>{}", "<div>".repeat(450));
    let divs = "<div>".repeat(50) + &"</div>".repeat(50);
    for (page, flags) in [
        (
            format!("{joke}<li>{paragraphs}{marks}"),
            &["--joke-item", "li", "--joke-content", "p"][..],
        ),
        (
            format!("{nested}{joke}{}", "<li>x".repeat(11_000)),
            &["--joke-item", "li"],
        ),
        (
            format!("{nested}{}{joke}", divs.repeat(200)),
            &["--joke-item", "li"],
        ),
    ] {
        let begun = Instant::now();
        let (jokes, said) = told("text/html", page.as_bytes(), flags);
        assert_eq!(jokes, "电梯坏了，我走楼梯上班。\n", "{said}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn a_key_of_the_url_is_told_by_no_joke() {
    let body = r#"{"data":[{"content":"您的key abcd1234SECRET 已到期了哦"},{"content":"电梯坏了，我走楼梯上班。"}]}"#;
    let site = Site::page("application/json", body);
    let url = site.url("/?key=abcd1234SECRET");
    let output = daoxiao(&["joke", "--all", "--joke-url", &url])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "电梯坏了，我走楼梯上班。\n"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("1 left out: 1 with a key of the URL"),
        "{said}"
    );
    assert!(!said.contains("SECRET"), "{said}");
}
