//! The work between request and response, with its allocations: `cargo bench --bench core`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a benchmark may panic")]

use std::{
    cell::Cell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use daoxiao::{
    callback::{Answer, Outcome, Randomness, Responder},
    joke::{Page, PageText, Source},
    reverse::reverse,
    wechat::{AccountKeys, crypt::MsgCrypt, message::Message, reply::Content, signature::sign},
    words::Words,
};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const TOKEN: &str = "benchtoken";
const TIMESTAMP: u64 = 1_700_000_000;
const NONCE: &str = "337988175";
/// Characters of a text: a sentence, a long one, and about what fits into a reply.
const LENGTHS: [usize; 3] = [20, 200, 680];

fn main() {
    divan::main();
}

#[divan::bench]
fn query_signature_and_age(bencher: Bencher<'_, '_>) {
    let responder = responder(None);
    let query = signed_query("");
    bencher.bench_local(|| responder.admit(black_box(&query), now()).is_ok());
}

#[divan::bench(args = LENGTHS)]
fn parse_message(bencher: Bencher<'_, '_>, length: usize) {
    let xml = message(&text(length));
    bencher.bench_local(|| Message::parse(black_box(xml.as_bytes())).unwrap());
}

#[divan::bench(args = LENGTHS)]
fn reverse_text(bencher: Bencher<'_, '_>, length: usize) {
    let text = text(length);
    bencher.bench_local(|| reverse(black_box(&text)));
}

#[divan::bench(args = LENGTHS)]
fn reply_as_xml(bencher: Bencher<'_, '_>, length: usize) {
    let content = Content::new(text(length)).unwrap();
    bencher.bench_local(|| black_box(&content).xml("oUser", "gh_account", TIMESTAMP));
}

#[divan::bench(args = LENGTHS)]
fn whole_callback_in_plaintext_mode(bencher: Bencher<'_, '_>, length: usize) {
    let mut responder = responder(None);
    let (query, text) = (signed_query(""), text(length));
    bencher
        .with_inputs(|| message(&text))
        .bench_local_values(|body| answer(&mut responder, &query, &body));
}

/// What 200 rules of 5 words each cost that all don't fit.
#[divan::bench(args = LENGTHS)]
fn whole_callback_with_200_replies(bencher: Bencher<'_, '_>, length: usize) {
    let reply = |number: usize| {
        let words = ["问", "几点", "明月", "地", "光"].map(|word| format!("\"{word}{number}\""));
        let words = words.join(", ");
        format!("[[reply]]\nwords = [{words}]\nsay = \"第{number}条\"\n")
    };
    let replies: String = (0..200).map(reply).collect();
    let mut responder = responder_with(None, Words::parse(&replies).unwrap());
    let (query, text) = (signed_query(""), text(length));
    bencher
        .with_inputs(|| message(&text))
        .bench_local_values(|body| answer(&mut responder, &query, &body));
}

#[divan::bench(args = LENGTHS)]
fn whole_callback_in_secure_mode(bencher: Bencher<'_, '_>, length: usize) {
    let mut responder = responder(Some(crypt()));
    let text = text(length);
    bencher
        .with_inputs(|| {
            let encrypt = crypt().encrypt(&message(&text), [7; 16]);
            let query = signed_query(&encrypt);
            let body = format!(
                "<xml><ToUserName><![CDATA[gh_account]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
            );
            (query, body)
        })
        .bench_local_values(|(query, body)| answer(&mut responder, &query, &body));
}

#[divan::bench]
fn page_of_20_jokes(bencher: Bencher<'_, '_>) {
    // The first known source has pages like this one.
    let source = Source::known().remove(0);
    let item = "<dl class='main-list'><dt><a href='/u/1'><img src='/1.png'></a><span class='title'><a href='/1.html'>猫</a></span></dt>\
                <dd class='content'><p>我家的猫从不迟到。<br/>因为它根本不打算来。</p></dd><dd class='tools'><a>赞</a></dd></dl>";
    let page = Page {
        content_type: Some("text/html; charset=utf-8".to_owned()),
        body: (0..20)
            .map(|number| item.replace('猫', &format!("猫{number}")))
            .collect::<String>()
            .into_bytes(),
        ..Page::default()
    };
    bencher.bench_local(|| {
        let content = PageText::read(black_box(&page), &source.layout).unwrap();
        content.jokes(&source.layout, &|_| None).unwrap()
    });
}

fn answer(responder: &mut Responder, query: &str, body: &str) -> Answer {
    let query = responder.admit(query, now()).unwrap();
    let random = || {
        Some(Randomness {
            bytes: [9; 16],
            nonce: NONCE.to_owned(),
        })
    };
    match responder.answer(&query, body.as_bytes(), now(), random) {
        Ok(Outcome::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn responder(crypt: Option<MsgCrypt>) -> Responder {
    responder_with(crypt, Words::default())
}

fn responder_with(crypt: Option<MsgCrypt>, words: Words) -> Responder {
    let token = TOKEN.parse().unwrap();
    let keys = AccountKeys { token, crypt };
    Responder::new(keys, Duration::from_secs(300), words)
}

fn crypt() -> MsgCrypt {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
        .parse()
        .unwrap();
    MsgCrypt::new(key, "wx0123456789abcdef".parse().unwrap())
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(TIMESTAMP)
}

/// A query as WeChat sends it, with a `msg_signature` over what is encrypted.
fn signed_query(encrypt: &str) -> String {
    let timestamp = TIMESTAMP.to_string();
    let signature = sign(&[TOKEN, &timestamp, NONCE]);
    let msg_signature = sign(&[TOKEN, &timestamp, NONCE, encrypt]);
    format!(
        "signature={signature}&timestamp={timestamp}&nonce={NONCE}&openid=oUser&encrypt_type=aes&msg_signature={msg_signature}"
    )
}

/// A message that is no repeat of another.
fn message(text: &str) -> String {
    thread_local!(static ID: Cell<u64> = const { Cell::new(6_000_000_000_000_000_000) });
    let id = ID.replace(ID.get() + 1);
    format!(
        "<xml><ToUserName><![CDATA[gh_account]]></ToUserName>\n\
         <FromUserName><![CDATA[oUser]]></FromUserName>\n<CreateTime>{TIMESTAMP}</CreateTime>\n\
         <MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[{text}]]></Content>\n\
         <MsgId>{id}</MsgId>\n</xml>"
    )
}

fn text(length: usize) -> String {
    "床前明月光疑是地上霜举头望明月低头思故乡"
        .chars()
        .cycle()
        .take(length)
        .collect()
}
